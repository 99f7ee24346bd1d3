/// Why a message is no answer to the question.
package enum DNSAnswerError: Error, Equatable, Sendable {
    /// It ends within a field that it announces.
    case tooShort
    /// It is a question, or of another operation than a query.
    case notAnAnswer
    /// It answers another question: its number, name, type or class differ.
    case otherQuestion
    /// A name breaks its limits, or a compression pointer does not point backwards.
    case badName
    /// An address record of the wrong length.
    case badRecord
    /// More records than `DNSAnswer.recordsMax`.
    case tooManyRecords
    /// Aliases lead in a circle, or through more than `DNSAnswer.aliasesMax` names.
    case aliasLoop
}

/// RFC 1035 4.1.1: what the nameserver says of the question.
package enum DNSResponseCode: Equatable, Sendable {
    /// 0: the answer is all there is, which may be nothing.
    case noError
    /// 1: the nameserver cannot read the question.
    case formatError
    /// 2: it failed, or the nameservers that it asked.
    case serverFailure
    /// 3: NXDOMAIN: the name does not exist.
    case noSuchName
    /// 4: it cannot do this.
    case notImplemented
    /// 5: it does not want to.
    case refused
    /// Any other.
    case other(UInt8)

    init(_ code: UInt8) {
        switch code {
        case 0: self = .noError
        case 1: self = .formatError
        case 2: self = .serverFailure
        case 3: self = .noSuchName
        case 4: self = .notImplemented
        case 5: self = .refused
        default: self = .other(code)
        }
    }
}

/// What a nameserver answered to one question.
package struct DNSAnswer: Equatable, Sendable {
    /// Answer records read of one message.
    package static let recordsMax = 4096
    /// Addresses kept of one message; further ones are left out.
    package static let addressesMax = 256
    /// Aliases followed within one message.
    package static let aliasesMax = 16

    /// RCODE.
    package let code: DNSResponseCode
    /// TC: the message lacks records; ask again over TCP.
    package let isTruncated: Bool
    /// False for an empty answer by a nameserver that neither owns the name nor asks others: it only points elsewhere.
    package let isFinal: Bool
    /// How many aliases (CNAME) lead from the name asked for to the name of the addresses.
    package let aliases: Int
    /// The addresses in the order of the message, without repetitions.
    package let addresses: [IPAddress]
    /// Seconds that the addresses may be kept: the least TTL of the records used; 0 without addresses.
    package let timeToLive: UInt32

    /// Reads the answer to `question` from a whole message (without TCP's length).
    ///
    /// Of a truncated message, the complete records are used. An answer without its question is accepted only from a nameserver
    /// that says it could not read the question: RFC 6891 7 has such.
    /// - Throws: the message is to be ignored: it may be forged. The right answer can still come.
    package init(_ message: [UInt8], to question: DNSQuestion) throws(DNSAnswerError) {
        var reader = DNSMessageReader(message)
        guard let identifier = reader.integer(UInt16.self), let flags = reader.integer(UInt16.self),
            let questions = reader.integer(UInt16.self), let answers = reader.integer(UInt16.self), reader.skip(4) != nil
        else { throw .tooShort }
        guard flags & 0xf800 == 0x8000 else { throw .notAnAnswer }
        guard identifier == question.identifier else { throw .otherQuestion }
        code = DNSResponseCode(UInt8(flags & 0xf))
        isTruncated = flags & 0x0200 != 0
        isFinal = flags & 0x0480 != 0
        if !(questions == 0 && code == .formatError) {
            guard questions == 1 else { throw .otherQuestion }
            let name = try reader.name()
            guard let type = reader.integer(UInt16.self), let itsClass = reader.integer(UInt16.self) else { throw .tooShort }
            guard name == question.name, type == question.type.rawValue, itsClass == DNSQuestion.classInternet else { throw .otherQuestion }
        }
        guard code == .noError else {
            (aliases, addresses, timeToLive) = (0, [], 0)
            return
        }
        guard Int(answers) <= DNSAnswer.recordsMax else { throw .tooManyRecords }
        let records = try DNSAnswer.records(&reader, count: Int(answers), of: question.type, isTruncated: isTruncated)
        (aliases, addresses, timeToLive) = try DNSAnswer.follow(records, from: question.name)
    }

    private enum Content {
        case alias(DNSName)
        case address(IPAddress)
    }

    private struct Record {
        let owner: DNSName
        let timeToLive: UInt32
        let content: Content
    }

    /// The aliases and the addresses of `type` among the next `count` records; a truncated message may end within one.
    private static func records(
        _ reader: inout DNSMessageReader, count: Int, of type: DNSRecordType, isTruncated: Bool
    ) throws(DNSAnswerError) -> [Record] {
        var records: [Record] = []
        for _ in 0..<count {
            do throws(DNSAnswerError) {
                if let record = try record(&reader, of: type) { records.append(record) }
            } catch .tooShort where isTruncated {
                break
            } catch {
                throw error
            }
        }
        return records
    }

    private static func record(_ reader: inout DNSMessageReader, of type: DNSRecordType) throws(DNSAnswerError) -> Record? {
        let owner = try reader.name()
        guard let itsType = reader.integer(UInt16.self), let itsClass = reader.integer(UInt16.self),
            let timeToLive = reader.integer(UInt32.self), let length = reader.integer(UInt16.self), let end = reader.end(of: Int(length))
        else { throw .tooShort }
        defer { reader.position = end }
        guard itsClass == DNSQuestion.classInternet else { return nil }
        // RFC 2181 8: a TTL with its highest bit set means zero.
        let seconds = timeToLive >> 31 == 0 ? timeToLive : 0
        if itsType == 5 {
            let target = try reader.name()
            guard reader.position == end else { throw .badName }
            return Record(owner: owner, timeToLive: seconds, content: .alias(target))
        }
        guard itsType == type.rawValue else { return nil }
        switch type {
        case .a:
            guard length == 4, let bits = reader.integer(UInt32.self) else { throw .badRecord }
            return Record(owner: owner, timeToLive: seconds, content: .address(.v4(bits)))
        case .aaaa:
            guard length == 16, let high = reader.integer(UInt64.self), let low = reader.integer(UInt64.self) else { throw .badRecord }
            return Record(owner: owner, timeToLive: seconds, content: .address(.v6(high: high, low: low)))
        }
    }

    /// Follows the aliases from `name` and collects the addresses at their end. Records of other names are ignored.
    private static func follow(
        _ records: [Record], from name: DNSName
    ) throws(DNSAnswerError) -> (aliases: Int, addresses: [IPAddress], timeToLive: UInt32) {
        var name = name
        var aliases = 0
        var leastTimeToLive = UInt32.max
        following: while true {
            for record in records where record.owner == name {
                guard case .alias(let target) = record.content else { continue }
                guard aliases < aliasesMax else { throw .aliasLoop }
                aliases += 1
                leastTimeToLive = min(leastTimeToLive, record.timeToLive)
                name = target
                continue following
            }
            break
        }
        var addresses: [IPAddress] = []
        for record in records where record.owner == name && addresses.count < addressesMax {
            guard case .address(let address) = record.content, !addresses.contains(address) else { continue }
            leastTimeToLive = min(leastTimeToLive, record.timeToLive)
            addresses.append(address)
        }
        return (aliases, addresses, addresses.isEmpty ? 0 : leastTimeToLive)
    }
}
