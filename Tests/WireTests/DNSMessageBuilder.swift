import Support
import Wire

/// Builds answers, well-formed or not.
struct DNSMessageBuilder {
    private(set) var bytes: [UInt8] = []

    /// The header and the question of an answer to `question`.
    init(answering question: DNSQuestion, flags: UInt16 = 0x8180, records: UInt16) {
        word(question.identifier)
        word(flags)
        word(1)
        word(records)
        word(0)
        word(0)
        bytes += question.name.bytes
        word(question.type.rawValue)
        word(1)
    }

    mutating func word(_ value: UInt16) { bytes += [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }

    /// A record of the owner whose wire form is `owner`.
    mutating func record(_ owner: [UInt8], type: UInt16, timeToLive: UInt32 = 60, _ content: [UInt8]) {
        bytes += owner
        word(type)
        word(1)
        word(UInt16(timeToLive >> 16))
        word(UInt16(truncatingIfNeeded: timeToLive))
        word(UInt16(content.count))
        bytes += content
    }

    mutating func address(_ owner: [UInt8], _ address: IPAddress, timeToLive: UInt32 = 60) {
        func parts<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
            (0..<(Integer.bitWidth / 8)).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        switch address {
        case .v4(let bits): record(owner, type: 1, timeToLive: timeToLive, parts(bits))
        case .v6(let high, let low): record(owner, type: 28, timeToLive: timeToLive, parts(high) + parts(low))
        }
    }
}
