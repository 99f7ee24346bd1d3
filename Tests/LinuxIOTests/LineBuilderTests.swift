import Glibc
import LinuxIO
import Testing

@Suite("A line builder")
struct LineBuilderTests {
    private func text(_ build: (inout LineBuilder) -> Void, capacity: Int = 64) -> String {
        var line = LineBuilder(capacity: capacity)
        build(&line)
        return String(decoding: line.bytes, as: UTF8.self)
    }

    @Test("writes numbers in decimal, with leading zeros and signs", arguments: [0, 7, -1, 1_000_000, Int64.max, Int64.min])
    func numbers(number: Int64) {
        #expect(text { $0.append(number) } == "\(number)")
        if number == 7 { #expect(text { $0.append(number, width: 3) } == "007") }
    }

    @Test("cuts text that does not fit, and is empty after clear")
    func cuts() {
        #expect(text({ $0.append("abcdef") }, capacity: 4) == "abcd")
        #expect(
            text(
                { line in
                    line.append("abcd")
                    line.append(byte: 65)
                    line.append(12)
                    line.clear()
                    line.append("xy")
                }, capacity: 4) == "xy")
    }

    @Test("writes IP addresses as inet_ntop does, and any other address as unix")
    func addresses() {
        let v4: [UInt8] = [192, 168, 0, 1]
        let v6: [UInt8] = [0x20, 0x01, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [1]
        #expect(v4.withUnsafeBytes { bytes in text { $0.append(addressOf: UInt16(AF_INET), bytes) } } == "192.168.0.1")
        #expect(v6.withUnsafeBytes { bytes in text { $0.append(addressOf: UInt16(AF_INET6), bytes) } } == "2001:db8::1")
        #expect(v4.withUnsafeBytes { bytes in text { $0.append(addressOf: UInt16(AF_UNIX), bytes) } } == "unix")
    }
}
