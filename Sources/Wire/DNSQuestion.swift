/// The record types that the agent queries.
package enum DNSRecordType: UInt16, Sendable {
    /// An IPv4 address.
    case a = 1
    /// An IPv6 address.
    case aaaa = 28
    /// A service's host and port, RFC 2782.
    case srv = 33
}

/// Whether a question carries an EDNS0 record.
package enum DNSExtension: Equatable, Sendable {
    /// No record: an answer has at most 512 bytes. For nameservers that reject unknown records.
    case none
    /// An OPT record that announces the largest UDP answer.
    case payload(bytesMax: Int)
}

/// A question for one record type of one name, with recursion desired.
package struct DNSQuestion: Equatable, Sendable {
    /// The bytes that every nameserver may send over UDP.
    package static let plainPayloadBytes = 512

    static let classInternet: UInt16 = 1
    private static let typeOPT: UInt16 = 41

    /// The message's number, which the answer repeats. It is random, so that an attacker cannot guess it.
    package let identifier: UInt16
    /// The requested name.
    package let name: DNSName
    /// The requested record type.
    package let type: DNSRecordType
    /// The EDNS0 record to send.
    package let extended: DNSExtension

    /// Creates a question. It sends nothing.
    package init(identifier: UInt16, name: DNSName, type: DNSRecordType, extended: DNSExtension) {
        self.identifier = identifier
        self.name = name
        self.type = type
        self.extended = extended
    }

    /// Encodes the message, RFC 1035 4.1:
    ///
    ///     offset  bytes  field
    ///     0       2      identifier
    ///     2       2      flags: recursion desired
    ///     4       8      counts: 1 question, 0 answers, 0 authorities, 0 or 1 additional
    ///     12      n      name, uncompressed
    ///     12 + n  4      type, class
    ///     16 + n  11     OPT (RFC 6891 6.1.2): root, type 41, payload size as class, no flags, no options
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.writeBigEndian(identifier)
        for word: UInt16 in [0x0100, 1, 0, 0, extended == .none ? 0 : 1] { writer.writeBigEndian(word) }
        writer.write(name.bytes)
        writer.writeBigEndian(type.rawValue)
        writer.writeBigEndian(DNSQuestion.classInternet)
        if case .payload(let bytesMax) = extended {
            writer.write(0)
            writer.writeBigEndian(DNSQuestion.typeOPT)
            writer.writeBigEndian(UInt16(clamping: max(bytesMax, DNSQuestion.plainPayloadBytes)))
            writer.write(repeating: 0, count: 6)
        }
        return writer.bytes
    }
}
