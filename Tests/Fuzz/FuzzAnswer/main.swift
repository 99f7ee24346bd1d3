import FuzzWorld
import Glibc
import Support
import Wire

// Answers of a nameserver: any bytes give either an answer to the question within all limits, or an error.

/// Returns the question of an input, chosen by its first byte.
private func question(_ choice: UInt8) -> DNSQuestion? {
    let type: DNSRecordType = [.a, .aaaa, .srv][Int(choice % 3)]
    guard let name = DNSName(type == .srv ? "_mysql._tcp.db" : "db") else { return nil }
    return DNSQuestion(identifier: 0x1234, name: name, type: type, extended: choice & 4 == 0 ? .none : .payload(bytesMax: 1232))
}

@MainActor private func seeds() -> [(name: String, bytes: [UInt8])] {
    let pointer: [UInt8] = [0xc0, 12]
    let target: [UInt8] = [3, 100, 98, 49, 0]
    var inputs: [(name: String, bytes: [UInt8])] = []
    for choice: UInt8 in 0..<3 {
        guard let question = question(choice), let host = DNSName("db1") else { continue }
        for (flags, records): (UInt16, UInt16) in [(0x8180, 2), (0x8380, 3), (0x8183, 0), (0x8182, 0), (0x8185, 0), (0x8180, 0)] {
            var message = DNSMessageBuilder(answering: question, flags: flags, records: records, additional: records > 0 ? 2 : 0)
            if records > 0 {
                message.record(pointer, type: 5, target)
                switch question.type {
                case .a: message.address(target, .v4(0x0a00_0001))
                case .aaaa: message.address(target, .v6(high: 1, low: 2))
                case .srv: message.service(target, DNSService(priority: 10, weight: 5, port: 3306, target: host))
                }
                message.address(target, .v4(7))
                message.address(target, .v6(high: 1, low: 7))
            }
            inputs.append(("answer-\(choice)-\(flags & 0xf)-\(records)", [choice] + message.bytes))
        }
    }
    return inputs
}

exit(
    FuzzDriver.run(seeds: seeds) { start, count in
        let bytes = Array(UnsafeBufferPointer(start: start, count: count))
        guard let choice = bytes.first, let question = question(choice) else { return 0 }
        let message = Array(bytes.dropFirst())
        guard let answer = try? DNSAnswer(message, to: question) else { return 0 }
        precondition(answer.addresses.count <= DNSAnswer.recordsKeptMax && answer.services.count <= DNSAnswer.recordsKeptMax, "limits")
        precondition(answer.additional.count <= DNSAnswer.recordsKeptMax && answer.aliases <= DNSAnswer.aliasesMax, "limits")
        precondition(answer.code == .noError || answer.isEmpty, "records in an error")
        precondition(answer.addresses.allSatisfy { $0.isV6 == (question.type == .aaaa) }, "addresses of another family")
        precondition(question.type == .srv ? answer.addresses.isEmpty : answer.services.isEmpty, "records of another type")
        precondition(answer.services.allSatisfy { $0.port > 0 && !$0.target.isRoot }, "a service without a port or host")
        precondition(
            answer.additional.allSatisfy { given in answer.services.contains { $0.target == given.owner } }, "an address of a host that no service names")
        precondition(answer.services.allSatisfy { $0.target.bytes.count <= DNSName.bytesMax }, "a name that is too long")
        // With another identifier it is not an answer.
        var other = message
        other[0] ^= 1
        precondition((try? DNSAnswer(other, to: question)) == nil, "an answer to another question was accepted")
        // A truncated copy must not pass for the whole answer, unless the answer itself is marked as truncated.
        if let cut = try? DNSAnswer(message.dropLast(), to: question) {
            precondition(
                cut.code == answer.code && (answer.isTruncated || cut.services == answer.services && cut.addresses == answer.addresses),
                "a shorter message gives other records")
        }
        return 0
    })
