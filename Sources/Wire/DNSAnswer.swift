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
    /// An address or service record of the wrong length.
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
    /// The number of addresses or service records kept of one message; further ones are only counted.
    package static let recordsKeptMax = 256
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
    /// The addresses in the order of the message, without repetitions: the first `recordsKeptMax`.
    package let addresses: [IPAddress]
    /// The service records in the same way; empty when the record denies the service (target ".").
    package let services: [DNSService]
    /// The number of addresses or service records in the message, without repetitions.
    package let total: Int
    /// What the message says beside the answer: addresses of the services' targets. Not all of them may have some.
    package let additional: [DNSAddress]
    /// Seconds that the addresses or services may be kept: the least TTL of the records used; 0 without any.
    package let timeToLive: UInt32

    /// Reads the answer to `question` from a whole message (without TCP's length).
    ///
    /// Of a truncated message, the complete records are used. An answer without its question is accepted only from a nameserver
    /// that says it could not read the question: RFC 6891 7 has such.
    /// - Throws: the message is to be ignored: it may be forged. The right answer can still come.
    package init(_ message: [UInt8], to question: DNSQuestion) throws(DNSAnswerError) {
        var reader = DNSMessageReader(message)
        guard let identifier = reader.integer(UInt16.self), let flags = reader.integer(UInt16.self),
            let questions = reader.integer(UInt16.self), let answers = reader.integer(UInt16.self),
            let authorities = reader.integer(UInt16.self), let additional = reader.integer(UInt16.self)
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
            (aliases, addresses, services, total, self.additional, timeToLive) = (0, [], [], 0, [], 0)
            return
        }
        guard Int(answers) <= DNSAnswer.recordsMax else { throw .tooManyRecords }
        let records = try DNSAnswer.records(&reader, count: Int(answers), of: question.type, isTruncated: isTruncated)
        let found = try DNSAnswer.follow(records, from: question.name)
        (aliases, addresses, services, timeToLive) = (found.aliases, found.addresses, found.services, found.timeToLive)
        total = found.total
        self.additional =
            services.isEmpty || isTruncated
            ? [] : DNSAnswer.addresses(&reader, after: Int(authorities), count: Int(additional), of: Set(services.map(\.target)))
    }

    /// True when it has what was asked for.
    package var isEmpty: Bool { addresses.isEmpty && services.isEmpty }

    /// True when the message has more records than are kept here.
    package var isCut: Bool { total > addresses.count + services.count }

    private enum Content {
        case alias(DNSName)
        case address(IPAddress)
        case service(DNSService)
    }

    /// What the records of one name come to.
    private struct Finding {
        var aliases = 0
        var addresses: [IPAddress] = []
        var services: [DNSService] = []
        var total = 0
        var timeToLive: UInt32 = 0
    }

    private struct Record {
        let owner: DNSName
        let timeToLive: UInt32
        let content: Content
    }

    /// The aliases and the records of `type` among the next `count` records; a truncated message may end within one.
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
        return try content(&reader, of: type, length: Int(length), end: end).map { Record(owner: owner, timeToLive: seconds, content: $0) }
    }

    /// The content of a record of `type`; `nil` for one that says its service is not offered (RFC 2782: the target is the root), that has no port, or whose
    /// target is a service again: services that lead to services might have no end.
    private static func content(
        _ reader: inout DNSMessageReader, of type: DNSRecordType, length: Int, end: Int
    ) throws(DNSAnswerError) -> Content? {
        switch type {
        case .a:
            guard length == 4, let bits = reader.integer(UInt32.self) else { throw .badRecord }
            return .address(.v4(bits))
        case .aaaa:
            guard length == 16, let high = reader.integer(UInt64.self), let low = reader.integer(UInt64.self) else { throw .badRecord }
            return .address(.v6(high: high, low: low))
        case .srv:
            guard length >= 7, let priority = reader.integer(UInt16.self), let weight = reader.integer(UInt16.self),
                let port = reader.integer(UInt16.self)
            else { throw .badRecord }
            let target = try reader.name()
            guard reader.position == end else { throw .badRecord }
            guard port > 0, !target.isRoot, !target.isOfService else { return nil }
            return .service(DNSService(priority: priority, weight: weight, port: port, target: target))
        }
    }

    /// The address records of `names` in the section that follows `authorities` records. What cannot be read ends the list: it is only a gift.
    private static func addresses(_ reader: inout DNSMessageReader, after authorities: Int, count: Int, of names: Set<DNSName>) -> [DNSAddress] {
        var found: [DNSAddress] = []
        guard authorities + count <= recordsMax else { return found }
        do throws(DNSAnswerError) {
            for index in 0..<(authorities + count) {
                var again = reader
                // Of another type than it is asked for, a record is passed over.
                var next = try record(&reader, of: .a)
                if next == nil { next = try record(&again, of: .aaaa) }
                guard index >= authorities, found.count < recordsKeptMax, let next, names.contains(next.owner) else { continue }
                if case .address(let address) = next.content { found.append(DNSAddress(owner: next.owner, address: address, timeToLive: next.timeToLive)) }
            }
        } catch {
            return found
        }
        return found
    }

    /// Follows the aliases from `name` and collects the addresses or services at their end. Records of other names are ignored.
    private static func follow(_ records: [Record], from name: DNSName) throws(DNSAnswerError) -> Finding {
        var name = name
        var found = Finding()
        var leastTimeToLive = UInt32.max
        following: while true {
            for record in records where record.owner == name {
                guard case .alias(let target) = record.content else { continue }
                guard found.aliases < aliasesMax else { throw .aliasLoop }
                found.aliases += 1
                leastTimeToLive = min(leastTimeToLive, record.timeToLive)
                name = target
                continue following
            }
            break
        }
        var addresses: Set<IPAddress> = []
        var services: Set<DNSService> = []
        for record in records where record.owner == name {
            switch record.content {
            case .alias: continue
            case .address(let address):
                if addresses.insert(address).inserted, addresses.count <= recordsKeptMax { found.addresses.append(address) }
            case .service(let service):
                if services.insert(service).inserted, services.count <= recordsKeptMax { found.services.append(service) }
            }
            leastTimeToLive = min(leastTimeToLive, record.timeToLive)
        }
        found.total = addresses.count + services.count
        found.timeToLive = found.total == 0 ? 0 : leastTimeToLive
        return found
    }
}
