import Wire

/// Builds DNS answers, valid or invalid.
package struct DNSMessageBuilder {
    private var writer = ByteWriter()

    /// The message.
    package var bytes: [UInt8] { writer.bytes }

    /// Starts an answer to `question`, a valid message, with its header and question.
    package init(answering question: [UInt8], flags: UInt16 = 0x8180, records: UInt16, authorities: UInt16 = 0, additional: UInt16 = 0) {
        writer.write(question[..<2])
        for word in [flags, 1, records, authorities, additional] { self.word(word) }
        writer.write(question[12..<(Self.nameEnd(question) + 4)])
    }

    /// Starts an answer to a question that was not encoded.
    package init(answering question: DNSQuestion, flags: UInt16 = 0x8180, records: UInt16, authorities: UInt16 = 0, additional: UInt16 = 0) {
        self.init(answering: question.encoded(), flags: flags, records: records, authorities: authorities, additional: additional)
    }

    /// Returns the offset after the name in `question`, where type and class follow.
    package static func nameEnd(_ question: [UInt8]) -> Int {
        var end = 12
        while question[end] != 0 { end += Int(question[end]) + 1 }
        return end + 1
    }

    /// Appends two bytes in network byte order.
    package mutating func word(_ value: UInt16) { writer.writeBigEndian(value) }

    /// Appends a record whose owner has the wire form `owner`.
    package mutating func record(_ owner: [UInt8], type: UInt16, timeToLive: UInt32 = 60, _ content: [UInt8]) {
        writer.write(owner)
        word(type)
        word(1)
        writer.writeBigEndian(timeToLive)
        word(UInt16(content.count))
        writer.write(content)
    }

    /// Appends an SRV record.
    package mutating func service(_ owner: [UInt8], _ service: DNSService, timeToLive: UInt32 = 60) {
        var content = ByteWriter()
        for word in [service.priority, service.weight, service.port] { content.writeBigEndian(word) }
        content.write(service.target.bytes)
        record(owner, type: DNSRecordType.srv.rawValue, timeToLive: timeToLive, content.bytes)
    }

    /// Appends an A or AAAA record.
    package mutating func address(_ owner: [UInt8], _ address: IPAddress, timeToLive: UInt32 = 60) {
        var content = ByteWriter()
        switch address {
        case .v4(let bits): content.writeBigEndian(bits)
        case .v6(let high, let low):
            content.writeBigEndian(high)
            content.writeBigEndian(low)
        }
        record(owner, type: (address.isV6 ? DNSRecordType.aaaa : .a).rawValue, timeToLive: timeToLive, content.bytes)
    }
}
