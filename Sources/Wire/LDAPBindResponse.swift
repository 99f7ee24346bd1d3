/// The answer to an LDAP bind, read from the first bytes of a connection.
///
///     30 length                           LDAPMessage
///     02 01 01                            messageID: 1
///     61 length 0a 01 result ...          BindResponse; result 0 is success
///
/// A length is one byte, or 0x80 plus a count and as many bytes, as Active Directory sends it.
///
/// - SeeAlso: RFC 4511, sections 4.1.1, 4.1.9 and 4.2.2.
package enum LDAPBindResponse: Equatable, Sendable {
    /// More bytes are needed.
    case incomplete
    /// Not the answer to the first message of a connection.
    case malformed
    /// A whole answer: 0 for success.
    case result(UInt8)

    /// The most bytes of a message; an answer to an anonymous bind is short.
    package static let messageBytesMax = 16_384

    /// Parses an answer. Bytes after it are ignored.
    package static func parse(_ bytes: ArraySlice<UInt8>) -> LDAPBindResponse {
        var reader = ByteReader(bytes)
        guard let tag = reader.readByte() else { return .incomplete }
        guard tag == 0x30 else { return .malformed }
        guard let length = readLength(&reader) else { return .incomplete }
        guard (1...messageBytesMax).contains(length) else { return .malformed }
        guard let message = reader.readBytes(length) else { return .incomplete }
        // The message is whole now: a field that is missing cannot follow.
        var fields = ByteReader(message)
        guard fields.readBytes(4)?.elementsEqual([0x02, 0x01, 0x01, 0x61]) == true, readLength(&fields) != nil,
            fields.readBytes(2)?.elementsEqual([0x0a, 0x01]) == true, let result = fields.readByte()
        else { return .malformed }
        return .result(result)
    }

    /// Reads a length; `nil` when bytes are missing, and -1 for a form that no answer uses.
    private static func readLength(_ reader: inout ByteReader) -> Int? {
        guard let first = reader.readByte() else { return nil }
        guard first & 0x80 != 0 else { return Int(first) }
        let count = Int(first & 0x7f)
        guard (1...4).contains(count) else { return -1 }
        return reader.readBytes(count)?.reduce(0) { $0 << 8 | Int($1) }
    }
}
