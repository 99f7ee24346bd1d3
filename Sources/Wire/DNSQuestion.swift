/// The record types that we ask for.
package enum DNSRecordType: UInt16, Sendable {
    /// An IPv4 address.
    case a = 1
    /// An IPv6 address.
    case aaaa = 28
    /// RFC 2782: where a service is.
    case srv = 33
}

/// Whether a question carries an EDNS0 record.
package enum DNSExtension: Equatable, Sendable {
    /// None: an answer has at most 512 bytes. For nameservers that reject what they do not know.
    case none
    /// An OPT record that announces how large a UDP answer may be.
    case payload(bytesMax: Int)
}

/// One question for one record type of one name, recursion desired.
package struct DNSQuestion: Equatable, Sendable {
    /// What every nameserver may send over UDP.
    package static let plainPayloadBytes = 512

    static let classInternet: UInt16 = 1
    private static let typeOPT: UInt16 = 41

    /// The message's number, which the answer repeats. Random, so that it cannot be guessed.
    package let identifier: UInt16
    /// The name asked for.
    package let name: DNSName
    /// The records asked for.
    package let type: DNSRecordType
    /// What of EDNS0 goes along.
    package let extended: DNSExtension

    /// A question; nothing is sent yet.
    package init(identifier: UInt16, name: DNSName, type: DNSRecordType, extended: DNSExtension) {
        self.identifier = identifier
        self.name = name
        self.type = type
        self.extended = extended
    }

    /// The message, RFC 1035 4.1:
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
