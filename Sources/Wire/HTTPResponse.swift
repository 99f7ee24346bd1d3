/// An HTTP/1 response, as far as it has arrived: its head, and the bytes of its body without the chunks' lines.
///
/// The head of interim responses (100 Continue) counts as the head, as in HAProxy's checks; the body is that of the final response.
package struct HTTPResponse: Equatable, Sendable {
    /// The outcome of parsing the bytes so far.
    package enum Parse: Equatable, Sendable {
        /// The head is not complete.
        case incomplete
        /// Not an HTTP/1 response.
        case malformed
        /// The head is complete, and the body as far as it has arrived.
        case response(HTTPResponse)
    }

    /// The most interim responses before the final one.
    package static let interimMax = 16
    /// The most digits of a chunk's length.
    private static let chunkDigitsMax = 8

    /// The first head.
    package let head: HTTPResponseHead
    /// The body so far.
    package let body: [UInt8]
    /// True when the body has ended.
    package let isComplete: Bool

    /// Parses a response.
    ///
    /// - Parameters:
    ///   - isOfHead: the request was HEAD, so that the response has no body.
    ///   - hasEnded: the server has ended the stream.
    package static func parse(_ bytes: ArraySlice<UInt8>, isOfHead: Bool, hasEnded: Bool) -> Parse {
        var first: HTTPResponseHead?
        var rest = bytes
        for _ in 0...interimMax {
            switch HTTPResponseHead.parse(rest) {
            case .malformed: return .malformed
            case .incomplete:
                return first.map { .response(HTTPResponse(head: $0, body: [], isComplete: false)) } ?? .incomplete
            case .head(let head, let count):
                rest = rest.dropFirst(count)
                let response = first ?? head
                first = response
                if head.isInterim { continue }
                guard let (body, isComplete) = body(of: isOfHead ? .none : head.framing, in: rest, hasEnded: hasEnded) else { return .malformed }
                return .response(HTTPResponse(head: response, body: body, isComplete: isComplete))
            }
        }
        return .malformed
    }

    private static func body(of framing: HTTPResponseHead.Framing, in bytes: ArraySlice<UInt8>, hasEnded: Bool) -> ([UInt8], isComplete: Bool)? {
        switch framing {
        case .none: ([], true)
        case .length(let length): (Array(bytes.prefix(length)), bytes.count >= length)
        case .chunked: chunkedBody(in: bytes)
        case .untilEnd: (Array(bytes), hasEnded)
        case .arrived: (Array(bytes), true)
        }
    }

    /// The content of the chunks so far; `nil` if they are malformed.
    private static func chunkedBody(in bytes: ArraySlice<UInt8>) -> ([UInt8], isComplete: Bool)? {
        var body: [UInt8] = []
        var rest = bytes
        while true {
            guard let newline = rest.firstIndex(of: 10) else { return isPrefixOfLength(rest) ? (body, false) : nil }
            guard let length = chunkLength(rest[..<newline]) else { return nil }
            rest = rest[(newline + 1)...]
            // Trailers follow the last chunk. They say nothing about the body.
            if length == 0 { return (body, true) }
            let chunk = rest.prefix(length)
            body += chunk
            rest = rest.dropFirst(chunk.count)
            guard chunk.count == length else { return (body, false) }
            if rest.first == 13 { rest.removeFirst() }
            guard let end = rest.popFirst() else { return (body, false) }
            guard end == 10 else { return nil }
        }
    }

    /// The length in a chunk's first line; `nil` if it has none. An extension may follow it.
    private static func chunkLength(_ line: ArraySlice<UInt8>) -> Int? {
        let digits = line.prefix { Hexadecimal.value($0) != nil }
        guard (1...chunkDigitsMax).contains(digits.count) else { return nil }
        let after = line[digits.endIndex...].drop(while: \.isBlank)
        guard after.isEmpty || after.first == UInt8(ascii: ";") || after.elementsEqual([13]) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    /// True unless the bytes cannot begin a chunk's first line.
    private static func isPrefixOfLength(_ bytes: ArraySlice<UInt8>) -> Bool {
        let digits = bytes.prefix { Hexadecimal.value($0) != nil }
        return digits.count == bytes.count ? digits.count <= chunkDigitsMax : chunkLength(bytes) != nil
    }
}
