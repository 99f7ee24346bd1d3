import Testing
import Wire

@Suite("The head of an HTTP request")
struct HTTPRequestHeadTests {
    private func parse(_ text: String) -> HTTPRequestHead.Parse { HTTPRequestHead.parse(Array(text.utf8)[...]) }

    @Test("is read with any path, and shows whether the connection is kept open")
    func reads() {
        let text = "GET /health?x=1 HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(parse(text + "GET") == .request(HTTPRequestHead(method: .get, target: "/health?x=1", keepsAlive: true), bytes: text.utf8.count))
        #expect(parse("HEAD / HTTP/1.0\n\n") == .request(HTTPRequestHead(method: .head, target: "/", keepsAlive: false), bytes: 17))
        #expect(parse("HEAD / HTTP/1.0\nConnection: Keep-Alive\n\n") == .request(HTTPRequestHead(method: .head, target: "/", keepsAlive: true), bytes: 40))
        #expect(parse("GET / HTTP/1.1\r\nconnection:close\r\n\r\n") == .request(HTTPRequestHead(method: .get, target: "/", keepsAlive: false), bytes: 36))
        #expect(parse("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n") == .request(HTTPRequestHead(method: .other, target: "/", keepsAlive: false), bytes: 38))
    }

    @Test("has a path without scheme, host and query")
    func path() {
        for (target, path) in [("/", "/"), ("/a/b?c", "/a/b"), ("http://host:80/metrics?x", "/metrics"), ("http://host", ""), ("*", "*"), ("?", "")] {
            #expect(HTTPRequestHead(method: .get, target: target, keepsAlive: true).path == path, "\(target)")
        }
    }

    @Test("is incomplete at every shorter length")
    func truncation() {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        for count in 0..<bytes.count { #expect(HTTPRequestHead.parse(bytes[..<count]) == .incomplete, "length \(count)") }
    }

    @Test(
        "is refused when it is malformed",
        arguments: ["\u{16}\u{3}\u{1}", "get / HTTP/1.1\r\n", "GET /\r\n", "GET / HTTP/2.0\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET  HTTP/1.1\r\n"])
    func garbage(text: String) {
        #expect(parse(text) == .malformed)
    }

    @Test("is refused when its head is over 8 KiB")
    func tooLong() {
        #expect(parse("GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 9000)) == .malformed)
        #expect(parse(String(repeating: "\r\n", count: 5000)) == .malformed)
    }

    @Test("never consumes more bytes than exist, for any bytes", arguments: 0..<200 as Range<UInt64>)
    func anyBytes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let words = ["GET", " ", "/", "HTTP/1.1", "\r\n", "\n", "Connection", ":", "close", "\r", "Content-Length: 0", "\u{0}", "A", "keep-alive"]
        for _ in 0..<200 {
            var bytes: [UInt8] = [0, 0]
            for _ in 0..<Int.random(in: 0...12, using: &random) { bytes += Array((words.randomElement(using: &random) ?? "").utf8) }
            let slice = bytes[2...]
            if case .request(_, let count) = HTTPRequestHead.parse(slice) {
                #expect((1...slice.count).contains(count))
                #expect(slice[slice.startIndex + count - 1] == 10)
            }
        }
    }
}
