import Wire

/// Builds answers, well-formed or not.
package struct DNSMessageBuilder {
    private var writer = ByteWriter()

    /// The message.
    package var bytes: [UInt8] { writer.bytes }

    /// The header and the question of an answer to `question`, a message that was well-formed.
    package init(answering question: [UInt8], flags: UInt16 = 0x8180, records: UInt16, authorities: UInt16 = 0, additional: UInt16 = 0) {
        writer.write(question[..<2])
        for word in [flags, 1, records, authorities, additional] { self.word(word) }
        writer.write(question[12..<(Self.nameEnd(question) + 4)])
    }

    /// The same, from a question that has not been sent.
    package init(answering question: DNSQuestion, flags: UInt16 = 0x8180, records: UInt16, authorities: UInt16 = 0, additional: UInt16 = 0) {
        self.init(answering: question.encoded(), flags: flags, records: records, authorities: authorities, additional: additional)
    }

    /// The offset behind the name that `question` asks for, where type and class stand.
    package static func nameEnd(_ question: [UInt8]) -> Int {
        var end = 12
        while question[end] != 0 { end += Int(question[end]) + 1 }
        return end + 1
    }

    /// Two bytes, the high one first.
    package mutating func word(_ value: UInt16) { writer.writeBigEndian(value) }

    /// A record of the owner whose wire form is `owner`.
    package mutating func record(_ owner: [UInt8], type: UInt16, timeToLive: UInt32 = 60, _ content: [UInt8]) {
        writer.write(owner)
        word(type)
        word(1)
        writer.writeBigEndian(timeToLive)
        word(UInt16(content.count))
        writer.write(content)
    }

    /// An SRV record.
    package mutating func service(_ owner: [UInt8], _ service: DNSService, timeToLive: UInt32 = 60) {
        var content = ByteWriter()
        for word in [service.priority, service.weight, service.port] { content.writeBigEndian(word) }
        content.write(service.target.bytes)
        record(owner, type: DNSRecordType.srv.rawValue, timeToLive: timeToLive, content.bytes)
    }

    /// An A or AAAA record.
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
