/// The parts of an HTTP/1 request head that a health probe needs: method, target, and whether the connection stays open.
///
/// The parser is strict where implementations disagree (the request line, the text after a header's name) and lenient where real load balancers are (bare LF,
/// empty lines before the request).
///
/// - SeeAlso: RFC 9112, sections 2, 3, 5 and 9.
package struct HTTPRequestHead: Equatable, Sendable {
    /// The method, as far as the answer depends on it.
    package enum Method: Equatable, Sendable {
        case get, head
        /// Any other method; the answer is 405.
        case other
    }

    /// The result of parsing the first bytes of a connection.
    package enum Parse: Equatable, Sendable {
        /// More bytes are needed.
        case incomplete
        /// Not an HTTP/1 request, or the head is too long. The answer is 400 and the connection closes.
        case malformed
        /// A request whose head has this number of bytes.
        case request(HTTPRequestHead, bytes: Int)
    }

    /// The limit on the head, in bytes.
    package static let headBytesMax = 8 * 1024

    /// The request's method.
    package let method: Method
    /// The request's target: "/", "/health?full", "http://host/".
    package let target: String
    /// True when the connection stays open after the answer.
    package let keepsAlive: Bool

    /// Creates a head from its parts.
    package init(method: Method, target: String, keepsAlive: Bool) { (self.method, self.target, self.keepsAlive) = (method, target, keepsAlive) }

    /// The target without scheme, host and query.
    package var path: Substring {
        var path = target.prefix { $0 != "?" }
        if path.hasPrefix("http://") { path = path.dropFirst(7).drop { $0 != "/" } }
        return path
    }

    /// Parses a request head: a request line, header lines, an empty line. Lines end with CRLF or LF; empty lines before the request are skipped.
    package static func parse(_ bytes: ArraySlice<UInt8>) -> Parse {
        let start = bytes.firstIndex { $0 != 13 && $0 != 10 } ?? bytes.endIndex
        guard let first = bytes[start...].first else { return bytes.count < headBytesMax ? .incomplete : .malformed }
        guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else { return .malformed }
        var lines: [ArraySlice<UInt8>] = []
        var position = start
        while let newline = bytes[position...].firstIndex(of: 10) {
            guard newline - bytes.startIndex < headBytesMax else { return .malformed }
            var line = bytes[position..<newline]
            if line.last == 13 { line.removeLast() }
            position = newline + 1
            if line.isEmpty { return request(lines, bytes: position - bytes.startIndex) }
            lines.append(line)
            if lines.count == 1, requestLine(line) == nil { return .malformed }
        }
        return bytes.count < headBytesMax ? .incomplete : .malformed
    }

    private static func request(_ lines: [ArraySlice<UInt8>], bytes: Int) -> Parse {
        guard let line = lines.first, let (method, target, isOld) = requestLine(line) else { return .malformed }
        var keepsAlive = !isOld
        for header in lines.dropFirst() {
            guard let colon = header.firstIndex(of: UInt8(ascii: ":")), colon > header.startIndex else { return .malformed }
            let value = String(decoding: header[(colon + 1)...], as: UTF8.self).lowercased().split(separator: " ").joined()
            switch String(decoding: header[..<colon], as: UTF8.self).lowercased() {
            case "connection" where value.contains("close"): keepsAlive = false
            case "connection" where value.contains("keep-alive"): keepsAlive = true
            // The body is not read, so the connection closes after the answer.
            case "content-length" where value != "0", "transfer-encoding":
                return .request(HTTPRequestHead(method: method, target: target, keepsAlive: false), bytes: bytes)
            default: break
            }
        }
        return .request(HTTPRequestHead(method: method, target: target, keepsAlive: keepsAlive), bytes: bytes)
    }

    /// Parses method, target and whether the version is HTTP/1.0; `nil` when the line is not a valid request line.
    private static func requestLine(_ line: ArraySlice<UInt8>) -> (Method, target: String, isOld: Bool)? {
        let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3, !words[1].isEmpty, words[0].allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else { return nil }
        guard line.allSatisfy({ $0 >= 32 && $0 != 127 }) else { return nil }
        let version = String(decoding: words[2], as: UTF8.self)
        guard version == "HTTP/1.1" || version == "HTTP/1.0" else { return nil }
        let method: Method =
            switch String(decoding: words[0], as: UTF8.self) {
            case "GET": .get
            case "HEAD": .head
            default: .other
            }
        return (method, String(decoding: words[1], as: UTF8.self), version == "HTTP/1.0")
    }
}
