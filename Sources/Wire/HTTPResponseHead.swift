/// The head of an HTTP/1 response: the status line and the headers.
///
/// The parser accepts what HAProxy's checks accept: any version with two digits, any number as status, no reason, bare LF, empty lines before the response,
/// headers that continue on the next line. A header's name must be a token.
///
/// - SeeAlso: RFC 9112, sections 2, 4, 5 and 6.
package struct HTTPResponseHead: Equatable, Sendable {
    /// A header line.
    package struct Header: Equatable, Sendable {
        /// The name in lower case.
        package let name: [UInt8]
        /// The value, without blanks around it.
        package var value: [UInt8]
    }

    /// How the end of the body is found.
    package enum Framing: Equatable, Sendable {
        /// No body: 204, 304, the answer to HEAD, or an interim response.
        case none
        /// A number of bytes.
        case length(Int)
        /// Chunks.
        case chunked
        /// The end of the stream.
        case untilEnd
        /// The bytes that have arrived with the head: 101, after which both sides speak another protocol.
        case arrived
    }

    /// The outcome of parsing the first bytes of a response.
    package enum Parse: Equatable, Sendable {
        /// More bytes are needed.
        case incomplete
        /// Not an HTTP/1 response.
        case malformed
        /// A head of this number of bytes.
        case head(HTTPResponseHead, bytes: Int)
    }

    /// The most headers of a response, as in HAProxy.
    package static let headersMax = 101
    /// The most digits of a number: of a status, or of a length.
    private static let digitsMax = 15

    /// The status: 200.
    package let status: Int
    /// The digits of the status, as the server sent them.
    package let statusText: [UInt8]
    /// The text after the status; may be empty.
    package let reason: [UInt8]
    /// The headers in order.
    package let headers: [Header]
    /// How the end of the body is found, unless the request was HEAD.
    package let framing: Framing

    /// True for a response before the final one: 100, 102, 103.
    package var isInterim: Bool { (100..<200).contains(status) && status != 101 }

    /// Parses a head. Bytes after it are ignored.
    package static func parse(_ bytes: ArraySlice<UInt8>) -> Parse {
        var position = bytes.firstIndex { $0 != 13 && $0 != 10 } ?? bytes.endIndex
        guard isPrefixOfResponse(bytes[position...]) else { return .malformed }
        var line: StatusLine?
        var headers: [Header] = []
        while let newline = bytes[position...].firstIndex(of: 10) {
            var text = bytes[position..<newline]
            if text.last == 13 { text.removeLast() }
            position = newline + 1
            guard let status = line else {
                line = StatusLine(text)
                if line == nil { return .malformed }
                continue
            }
            if text.isEmpty { return head(status, headers, bytes: position - bytes.startIndex) }
            guard append(text, to: &headers) else { return .malformed }
        }
        return .incomplete
    }

    /// True unless the first bytes cannot begin a status line. Other protocols are recognized without a line end.
    private static func isPrefixOfResponse(_ bytes: ArraySlice<UInt8>) -> Bool { zip(bytes, "HTTP/".utf8).allSatisfy { $0 == $1 } }

    private struct StatusLine {
        let status: Int
        let digits: ArraySlice<UInt8>
        let reason: ArraySlice<UInt8>

        /// Parses "HTTP/1.1 200 OK"; `nil` for anything else.
        init?(_ line: ArraySlice<UInt8>) {
            let start = line.startIndex
            guard line.count > 8, line.starts(with: "HTTP/".utf8), line[start + 5].isDecimalDigit, line[start + 6] == UInt8(ascii: "."),
                line[start + 7].isDecimalDigit, line[start + 8] == UInt8(ascii: " ")
            else { return nil }
            let rest = line[(start + 8)...].drop { $0 == UInt8(ascii: " ") }
            digits = rest.prefix(while: \.isDecimalDigit)
            guard (1...digitsMax).contains(digits.count), let number = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
            let after = rest[digits.endIndex...]
            guard after.isEmpty || after.first == UInt8(ascii: " ") else { return nil }
            (status, reason) = (number, after.drop { $0 == UInt8(ascii: " ") })
        }
    }

    /// Appends a line to the headers. Returns false if it is no header.
    private static func append(_ line: ArraySlice<UInt8>, to headers: inout [Header]) -> Bool {
        if line.first?.isBlank == true {
            guard let last = headers.indices.last else { return false }
            headers[last].value += [UInt8(ascii: " ")] + line.trimmed
            return true
        }
        guard headers.count < headersMax, let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else { return false }
        let name = line[..<colon]
        guard name.allSatisfy(isTokenByte) else { return false }
        headers.append(Header(name: name.map(\.asciiLowercased), value: Array(line[(colon + 1)...].trimmed)))
        return true
    }

    private static func head(_ line: StatusLine, _ headers: [Header], bytes: Int) -> Parse {
        guard let framing = framing(line.status, headers) else { return .malformed }
        let head = HTTPResponseHead(
            status: line.status, statusText: Array(line.digits), reason: Array(line.reason), headers: headers, framing: framing)
        return .head(head, bytes: bytes)
    }

    /// How the body ends; `nil` when lengths differ or are no numbers.
    private static func framing(_ status: Int, _ headers: [Header]) -> Framing? {
        var length: Int?
        var isChunked = false
        for header in headers {
            switch String(decoding: header.name, as: UTF8.self) {
            case "content-length":
                for part in header.value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                    guard let number = number(part.trimmed), length == nil || length == number else { return nil }
                    length = number
                }
            case "transfer-encoding":
                let last = header.value.split(separator: UInt8(ascii: ",")).last.map { $0.trimmed.map(\.asciiLowercased) }
                isChunked = last == Array("chunked".utf8)
            default: break
            }
        }
        if status == 101 { return .arrived }
        if (100..<200).contains(status) || status == 204 || status == 304 { return Framing.none }
        return isChunked ? .chunked : length.map { .length($0) } ?? .untilEnd
    }

    // MARK: Bytes

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...digitsMax).contains(digits.count), digits.allSatisfy(\.isDecimalDigit) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool { byte.isAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(byte) }
}
