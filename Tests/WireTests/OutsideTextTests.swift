import Testing
import Wire

@Suite("Text from outside")
struct OutsideTextTests {
    @Test("is shown as one line that cannot control a terminal, with visible characters unchanged")
    func shown() {
        #expect("Access denied for user 'a'@'b' <x> \"y\"".shown == "Access denied for user 'a'@'b' <x> \"y\"")
        #expect("\u{1b}[2Jpwned\r\nserver db1 is UP\u{7f}\0".shown == "<1B>[2Jpwned<0D><0A>server db1 is UP<7F><00>")
        #expect("ユーザー é".shown == "ユーザー é")
        // A C1 control, marks that reverse the text, a line separator, a byte order mark, private use.
        #expect("\u{9b}31m\u{202e}\u{2028}\u{feff}\u{e000}".shown == "<C2><9B>31m<E2><80><AE><E2><80><A8><EF><BB><BF><EE><80><80>")
        #expect(String(decoding: [0x61, 0xff, 0x62] as [UInt8], as: UTF8.self).shown == "a<EF><BF><BD>b")
    }

    @Test("is not changed by a second pass", arguments: 0..<256 as Range<UInt32>)
    func idempotent(value: UInt32) {
        guard let scalar = Unicode.Scalar(value * 257) else { return }
        let once = "x\(scalar)\ny".shown
        #expect(once.shown == once && !once.contains("\n"))
    }

    @Test("is shown between a log line's quotes as in HAProxy")
    func inQuotes() {
        #expect("a\"b\n<é>\u{1b}".shownInQuotes == "a<22>b<0A><3C><C3><A9><3E><1B>")
        #expect("Too many connections".shownInQuotes == "Too many connections")
    }
}
