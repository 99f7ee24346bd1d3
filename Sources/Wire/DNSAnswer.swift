/// The reason why a message is not a valid answer to the question.
package enum DNSAnswerError: Error, Equatable, Sendable {
    /// The message ends within a field.
    case tooShort
    /// The message is a question, or its operation is not a query.
    case notAnAnswer
    /// The message answers a different question: its number, name, type or class differs.
    case otherQuestion
    /// A name exceeds a limit, or a compression pointer does not point backwards.
    case badName
    /// An address or service record has the wrong length.
    case badRecord
    /// The message has more records than `DNSAnswer.recordsMax`.
    case tooManyRecords
    /// Aliases form a loop, or a chain of more than `DNSAnswer.aliasesMax` names.
    case aliasLoop
}

/// The nameserver's result, RFC 1035 4.1.1.
package enum DNSResponseCode: Equatable, Sendable {
    /// 0: success; the answer may be empty.
    case noError
    /// 1: the nameserver cannot parse the question.
    case formatError
    /// 2: the nameserver, or a nameserver that it asked, has failed.
    case serverFailure
    /// 3: NXDOMAIN: the name does not exist.
    case noSuchName
    /// 4: the nameserver does not support the operation.
    case notImplemented
    /// 5: the nameserver refuses the operation.
    case refused
    /// Any other code.
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

/// A nameserver's answer to one question.
package struct DNSAnswer: Equatable, Sendable {
    /// The limit on answer records in a message.
    package static let recordsMax = 4096
    /// The limit on addresses or service records kept from a message; further ones are only counted.
    package static let recordsKeptMax = 256
    /// The limit on aliases followed in a message.
    package static let aliasesMax = 16

    /// The RCODE field.
    package let code: DNSResponseCode
    /// The TC bit: the message lacks records, and the question must be repeated over TCP.
    package let isTruncated: Bool
    /// False when the nameserver is neither authoritative nor recursive: an empty answer is then only a referral.
    package let isFinal: Bool
    /// The number of aliases (CNAME) between the requested name and the name that owns the addresses.
    package let aliases: Int
    /// The addresses in the order of the message, without duplicates, at most `recordsKeptMax`.
    package let addresses: [IPAddress]
    /// The service records, by the same rules; empty when the record denies the service (target ".").
    package let services: [DNSService]
    /// The number of addresses or service records in the message, without duplicates.
    package let total: Int
    /// Addresses of the services' targets from the additional section. Not every target has one.
    package let additional: [DNSAddress]
    /// The time in seconds for which the addresses or services may be cached: the lowest TTL of the records used; 0 without records.
    package let timeToLive: UInt32

    /// Reads the answer to `question` from a whole message, without the length that TCP adds.
    ///
    /// A truncated message yields its complete records. An answer without the question is valid only from a nameserver that could not parse the question, as
    /// RFC 6891 7 allows.
    /// - Throws: the reason to ignore the message. It may be forged, and the real answer may still arrive.
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

    /// True when the answer contains no requested record.
    package var isEmpty: Bool { addresses.isEmpty && services.isEmpty }

    /// True when the message has more records than this value keeps.
    package var isCut: Bool { total > addresses.count + services.count }

    private enum Content {
        case alias(DNSName)
        case address(IPAddress)
        case service(DNSService)
    }

    /// The records at the end of the alias chain.
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

    /// Reads the next `count` records and returns the aliases and the records of `type`. A truncated message may end within a record.
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

    /// Reads the content of a record of `type`. Returns `nil` for a service that is not offered (RFC 2782: the target is the root), has no port, or has a
    /// service name as its target: services that point to services could form an endless chain.
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

    /// Reads the address records of `names` from the additional section, which follows `authorities` records. The section is optional, so an invalid record
    /// only ends the list.
    private static func addresses(_ reader: inout DNSMessageReader, after authorities: Int, count: Int, of names: Set<DNSName>) -> [DNSAddress] {
        var found: [DNSAddress] = []
        guard authorities + count <= recordsMax else { return found }
        do throws(DNSAnswerError) {
            for index in 0..<(authorities + count) {
                var again = reader
                // `record` returns `nil` for a record of another type, so both types are tried.
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

    /// Follows the aliases from `name` and collects the addresses or services at the end. Records of other names are ignored.
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
