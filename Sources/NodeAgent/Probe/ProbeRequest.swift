/// The head of one HTTP request of a load balancer, as far as the probe cares.
struct ProbeRequest: Equatable, Sendable {
    /// What the answer depends on.
    enum Method: Equatable, Sendable {
        case get, head
        /// Any other: 405.
        case other
    }

    /// What a connection's bytes begin with.
    enum Parse: Equatable, Sendable {
        /// More bytes are needed.
        case incomplete
        /// No HTTP/1 request, or one with too long a head: 400 and the end.
        case malformed
        /// A request whose head takes `bytes`.
        case request(ProbeRequest, bytes: Int)
    }

    /// The longest head, in bytes.
    static let headBytesMax = 8 * 1024

    /// The method.
    let method: Method
    /// True when the connection may be used again.
    let keepsAlive: Bool

    /// Reads a request's head: a request line, header lines, an empty line; lines end with CRLF or LF, empty lines before it are skipped.
    static func parse(_ bytes: ArraySlice<UInt8>) -> Parse {
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
        guard let line = lines.first, let (method, isOld) = requestLine(line) else { return .malformed }
        var keepsAlive = !isOld
        for header in lines.dropFirst() {
            guard let colon = header.firstIndex(of: UInt8(ascii: ":")), colon > header.startIndex else { return .malformed }
            let value = String(decoding: header[(colon + 1)...], as: UTF8.self).lowercased().split(separator: " ").joined()
            switch String(decoding: header[..<colon], as: UTF8.self).lowercased() {
            case "connection" where value.contains("close"): keepsAlive = false
            case "connection" where value.contains("keep-alive"): keepsAlive = true
            // A body is not read: the answer is the last one.
            case "content-length" where value != "0", "transfer-encoding": return .request(ProbeRequest(method: method, keepsAlive: false), bytes: bytes)
            default: break
            }
        }
        return .request(ProbeRequest(method: method, keepsAlive: keepsAlive), bytes: bytes)
    }

    /// Method and whether it is HTTP/1.0; `nil` when it is no request line.
    private static func requestLine(_ line: ArraySlice<UInt8>) -> (Method, isOld: Bool)? {
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
        return (method, version == "HTTP/1.0")
    }
}

/// The PROXY protocol header that a load balancer may send before its request. It is skipped: nobody is judged by it.
enum ProbePreamble: Equatable, Sendable {
    /// None.
    case none
    /// More bytes are needed to tell.
    case incomplete
    /// One of this many bytes.
    case header(bytes: Int)
    /// One that is broken.
    case malformed

    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
    private static let wordV1 = Array("PROXY ".utf8)
    /// The longest first-version header.
    private static let bytesMaxV1 = 107
    /// The longest second-version header that is skipped: no load balancer sends more.
    private static let bytesMaxV2 = 4096

    /// Looks at a connection's first bytes.
    ///
    ///     v1   "PROXY …" CRLF                                  at most 107 bytes
    ///     v2   12 bytes signature, version, family, length n (2 bytes, big-endian), n bytes
    ///
    /// - SeeAlso: HAProxy's doc/proxy-protocol.txt, section 2.
    static func find(in bytes: ArraySlice<UInt8>) -> ProbePreamble {
        if bytes.starts(with: signature) || signature.starts(with: bytes) {
            guard bytes.count >= 16 else { return .incomplete }
            let length = Int(bytes[bytes.startIndex + 14]) << 8 | Int(bytes[bytes.startIndex + 15])
            guard bytes[bytes.startIndex + 12] >> 4 == 2, length <= bytesMaxV2 else { return .malformed }
            return bytes.count >= 16 + length ? .header(bytes: 16 + length) : .incomplete
        }
        guard bytes.starts(with: wordV1) || wordV1.starts(with: bytes) else { return .none }
        guard let newline = bytes.prefix(bytesMaxV1).firstIndex(of: 10) else { return bytes.count < bytesMaxV1 ? .incomplete : .malformed }
        return .header(bytes: newline + 1 - bytes.startIndex)
    }
}
