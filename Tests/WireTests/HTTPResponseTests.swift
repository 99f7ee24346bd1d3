import Testing
import Wire

@Suite("The head of an HTTP response")
struct HTTPResponseHeadTests {
    private func parse(_ text: String) -> HTTPResponseHead.Parse { HTTPResponseHead.parse(Array(text.utf8)[...]) }

    private func head(_ text: String) -> HTTPResponseHead? { if case .head(let head, _) = parse(text) { head } else { nil } }

    private static let plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b, c \r\n\r\n"

    @Test("is read with its status, reason and headers")
    func reads() throws {
        guard case .head(let head, let count) = parse(Self.plain + "hello") else {
            Issue.record("no head")
            return
        }
        #expect(count == Self.plain.utf8.count)
        #expect(head.status == 200 && head.statusText == Array("200".utf8) && head.reason == Array("OK".utf8))
        #expect(head.headers.map { String(decoding: $0.name, as: UTF8.self) } == ["content-length", "x-a"])
        #expect(head.headers.map { String(decoding: $0.value, as: UTF8.self) } == ["5", "b, c"])
        #expect(head.framing == .length(5) && !head.isInterim)
    }

    @Test("is incomplete at every shorter length")
    func truncation() {
        let bytes = Array(Self.plain.utf8)
        for count in 0..<bytes.count { #expect(HTTPResponseHead.parse(bytes[..<count]) == .incomplete, "length \(count)") }
    }

    @Test(
        "may have what HAProxy's checks accept",
        arguments: [
            ("HTTP/1.0 503\r\n\r\n", 503), ("HTTP/1.2 200 OK\r\n\r\n", 200), ("HTTP/2.0 200 OK\r\n\r\n", 200), ("HTTP/1.1 99 OK\r\n\r\n", 99),
            ("HTTP/1.1 2000 OK\r\n\r\n", 2_000), ("HTTP/1.1 200 OK\nA: b\n\n", 200), ("\r\n\nHTTP/1.1 204 \r\n\r\n", 204), ("HTTP/1.1  201   x y\r\n\r\n", 201),
        ])
    func lenient(text: String, status: Int) {
        #expect(head(text)?.status == status)
    }

    @Test(
        "is refused when it is malformed",
        arguments: [
            "SSH-2.0-OpenSSH\r\n", "ICY 200 OK\r\n", "HTTP/1.1 20x OK\r\n", "HTTP/1.1 OK\r\n", "HTTP/1.1\r\n", "HTTP/11 200 OK\r\n", "HTTX", "h",
            "HTTP/1.1 200 OK\r\nBad Header: 5\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 200 OK\r\n: 5\r\n", "HTTP/1.1 200 OK\r\n folded\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", "HTTP/1.1 9999999999999999 OK\r\n",
        ])
    func malformed(text: String) {
        #expect(parse(text) == .malformed)
    }

    @Test("has at most 101 headers")
    func headersMax() {
        func response(_ count: Int) -> String { "HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: count) + "\r\n" }
        #expect(head(response(HTTPResponseHead.headersMax))?.headers.count == HTTPResponseHead.headersMax)
        #expect(parse(response(HTTPResponseHead.headersMax + 1)) == .malformed)
    }

    @Test("joins a header that continues on the next line")
    func folding() {
        #expect(head("HTTP/1.1 200 OK\r\nA: b\r\n\t c\r\n\r\n")?.headers.map { String(decoding: $0.value, as: UTF8.self) } == ["b c"])
    }

    @Test("determines how the body ends")
    func framing() {
        let cases: [(String, HTTPResponseHead.Framing)] = [
            ("200 OK\r\nContent-Length: 5\r\nContent-Length: 5", .length(5)), ("200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", .chunked),
            ("200 OK\r\nTransfer-Encoding: gzip, Chunked", .chunked), ("200 OK\r\nTransfer-Encoding: gzip", .untilEnd), ("200 OK", .untilEnd),
            ("204 No\r\nContent-Length: 5", .none), ("304 No", .none), ("100 Continue", .none),
            ("101 Switching Protocols\r\nContent-Length: 5", .arrived),
        ]
        for (text, framing) in cases { #expect(head("HTTP/1.1 \(text)\r\n\r\n")?.framing == framing, "\(text)") }
    }
}

@Suite("An HTTP response")
struct HTTPResponseTests {
    private static let head = "HTTP/1.1 200 OK\r\n"

    private func parse(_ text: String, isOfHead: Bool = false, hasEnded: Bool = false) -> HTTPResponse.Parse {
        HTTPResponse.parse(Array(text.utf8)[...], isOfHead: isOfHead, hasEnded: hasEnded)
    }

    private func body(_ text: String, isOfHead: Bool = false, hasEnded: Bool = false) -> (text: String, isComplete: Bool)? {
        guard case .response(let response) = parse(text, isOfHead: isOfHead, hasEnded: hasEnded) else { return nil }
        return (String(decoding: response.body, as: UTF8.self), response.isComplete)
    }

    @Test("has the body that its length, its chunks or the end of the stream give")
    func bodies() throws {
        let cases: [(String, Bool, String, Bool)] = [
            ("Content-Length: 5\r\n\r\nhello, and more", false, "hello", true), ("Content-Length: 5\r\n\r\nhel", false, "hel", false),
            ("Content-Length: 5\r\n\r\nhel", true, "hel", false), ("\r\nhello", false, "hello", false), ("\r\nhello", true, "hello", true),
            ("Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nA: b\r\n\r\n", false, "hello", true),
            ("Transfer-Encoding: chunked\r\n\r\n3\nhel\nA \r\n0123456", false, "hel0123456", false),
        ]
        for (text, hasEnded, body, isComplete) in cases {
            let found = try #require(self.body(Self.head + text, hasEnded: hasEnded), "\(text)")
            #expect(found.text == body && found.isComplete == isComplete, "\(text)")
        }
        let unasked = try #require(body(Self.head + "Content-Length: 5\r\n\r\nhello", isOfHead: true))
        #expect(unasked.text.isEmpty && unasked.isComplete)
    }

    @Test(
        "is malformed with malformed chunks", arguments: ["ZZ\r\n", "3\r\nhelx", "123456789", "3x\r\n", "\r\n", "-1\r\n", "3\r\nhel\r\nZZ\r\nlo\r\n0\r\n\r\n"])
    func malformedChunks(text: String) {
        #expect(parse(Self.head + "Transfer-Encoding: chunked\r\n\r\n" + text) == .malformed)
    }

    @Test("has the bytes after 101 as its body, as far as they have arrived, as in HAProxy")
    func switching() throws {
        let head = "HTTP/1.1 101 Switching Protocols\r\n\r\n"
        for text in ["", "hello"] {
            let found = try #require(body(head + text))
            #expect(found.text == text && found.isComplete)
        }
        #expect(body(head + "hello", isOfHead: true)?.text.isEmpty == true)
    }

    @Test("counts an interim response as the head, and the final one as the body, as HAProxy's checks do")
    func interim() throws {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n"
        guard case .response(let response) = parse(interim + Self.head + "Content-Length: 2\r\n\r\nok") else {
            Issue.record("no response")
            return
        }
        #expect(response.head.status == 100 && response.body == Array("ok".utf8) && response.isComplete)
        guard case .response(let early) = parse(interim) else {
            Issue.record("no interim response")
            return
        }
        #expect(early.head.status == 100 && !early.isComplete)
        let flood = String(repeating: interim, count: HTTPResponse.interimMax + 1)
        #expect(parse(flood) == .malformed)
    }

    @Test("never shrinks and never becomes invalid when more of a valid response arrives")
    func truncation() {
        let text = Self.head + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
        let bytes = Array(text.utf8)
        var last = 0
        for count in 0...bytes.count {
            switch HTTPResponse.parse(bytes[..<count], isOfHead: false, hasEnded: false) {
            case .malformed: Issue.record("malformed at \(count)")
            case .incomplete: #expect(last == 0 && count < text.utf8.count)
            case .response(let response):
                #expect(response.body.count >= last && Array("hello".utf8).starts(with: response.body))
                last = response.body.count
            }
        }
        #expect(last == 5)
    }

    @Test("parses noise", arguments: 0..<32 as Range<UInt64>)
    func noise(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let alphabet = Array("HTP/1. 2\r\n:;abcContent-Length Transfer-Encoding chunked0\u{0}\u{80}".utf8)
        for _ in 0..<200 {
            let noise = (0..<Int.random(in: 0...80, using: &random)).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
            let bytes = Array("HTTP/1.1 200 OK\r\n".utf8) + noise
            if case .response(let response) = HTTPResponse.parse(bytes[...], isOfHead: false, hasEnded: true) {
                #expect(response.body.count <= noise.count, "seed \(seed)")
            }
        }
    }
}
