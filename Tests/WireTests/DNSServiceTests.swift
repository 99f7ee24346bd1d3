import Support
import Testing
import Wire

/// The queried name, as a pointer to the question.
private let questionPointer: [UInt8] = [0xc0, 12]

private func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

private func question() throws -> DNSQuestion {
    DNSQuestion(identifier: 7, name: try name("_mysql._tcp.db.example"), type: .srv, extended: .payload(bytesMax: 1232))
}

private func service(_ target: String, priority: UInt16 = 10, weight: UInt16 = 5, port: UInt16 = 3306) throws -> DNSService {
    DNSService(priority: priority, weight: weight, port: port, target: try name(target))
}

@Suite("A DNS answer about a service")
struct DNSServiceTests {
    @Test("gives its records in order, without duplicates, with the addresses of the additional section")
    func records() throws {
        let question = try question()
        let (one, two) = (try service("db1.example"), try service("db2.example", priority: 20, weight: 0, port: 3307))
        var message = DNSMessageBuilder(answering: question, records: 3, authorities: 1, additional: 5)
        message.service(questionPointer, two, timeToLive: 30)
        message.service(questionPointer, one, timeToLive: 20)
        message.service(questionPointer, two, timeToLive: 25)
        message.record(try name("example").bytes, type: 2, [1, 97, 0])
        message.address(one.target.bytes, .v4(1), timeToLive: 7)
        message.address(try name("other.example").bytes, .v4(9))
        message.address(two.target.bytes, .v6(high: 1, low: 2))
        message.record([0], type: 41, [])
        message.address(one.target.bytes, .v4(2))
        let answer = try DNSAnswer(message.bytes, to: question)
        #expect(answer.services == [two, one])
        #expect(answer.timeToLive == 20 && answer.addresses.isEmpty && !answer.isEmpty)
        #expect(answer.additional.map(\.address) == [.v4(1), .v6(high: 1, low: 2), .v4(2)])
        #expect(answer.additional.map(\.owner) == [one.target, two.target, one.target])
        #expect(answer.additional.first?.timeToLive == 7)
    }

    @Test("is empty when the service states that it is unavailable, names no port, or leads to a service")
    func notOffered() throws {
        let question = try question()
        var message = DNSMessageBuilder(answering: question, records: 3)
        message.record(questionPointer, type: 33, [0, 0, 0, 0, 0x0c, 0xea, 0])
        message.service(questionPointer, try service("db1.example", port: 0))
        message.service(questionPointer, try service("_mysql._tcp.other.example"))
        #expect(try DNSAnswer(message.bytes, to: question).isEmpty)
    }

    @Test("may use compression pointers in its hosts")
    func compressed() throws {
        let question = try question()
        var message = DNSMessageBuilder(answering: question, records: 1)
        // "db1" before the question's "db.example".
        message.record(questionPointer, type: 33, [0, 1, 0, 2, 0x0c, 0xea, 3, 0x64, 0x62, 0x31, 0xc0, 24])
        #expect(try DNSAnswer(message.bytes, to: question).services == [service("db1.db.example", priority: 1, weight: 2)])
    }

    @Test(
        "throws on records that are too short, and on bytes after the host",
        arguments: [[0, 1, 0, 2, 0x0c], [0, 1, 0, 2, 0x0c, 0xea, 1, 97, 0, 0]] as [[UInt8]])
    func badRecord(content: [UInt8]) throws {
        let question = try question()
        var message = DNSMessageBuilder(answering: question, records: 1)
        message.record(questionPointer, type: 33, content)
        #expect(throws: DNSAnswerError.badRecord) { try DNSAnswer(message.bytes, to: question) }
    }

    @Test("is read although additional records are broken or too many")
    func brokenGift() throws {
        let question = try question()
        for count: UInt16 in [1, 5000, .max] {
            var message = DNSMessageBuilder(answering: question, records: 1, additional: count)
            message.service(questionPointer, try service("db1.example"))
            message.record(questionPointer, type: 1, [1, 2, 3])
            let answer = try DNSAnswer(message.bytes, to: question)
            #expect(answer.services.count == 1 && answer.additional.isEmpty)
        }
    }

    @Test("keeps its limits on records and on additional addresses")
    func limits() throws {
        let question = try question()
        var message = DNSMessageBuilder(answering: question, records: 300, additional: 300)
        for number in 0..<300 { message.service(questionPointer, try service("db", port: UInt16(1 + number))) }
        for number in 0..<300 { message.address(try name("db").bytes, .v4(UInt32(number))) }
        let answer = try DNSAnswer(message.bytes, to: question)
        #expect(answer.services.count == 256 && answer.additional.count == 256)
    }

    @Test("never traps on hostile bytes", arguments: 0..<64 as Range<UInt64>)
    func hostile(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let question = try question()
        for _ in 0..<200 {
            var message = DNSMessageBuilder(
                answering: question, records: UInt16.random(in: 0...4, using: &random), authorities: UInt16.random(in: 0...2, using: &random),
                additional: UInt16.random(in: 0...4, using: &random))
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                switch Int.random(in: 0...3, using: &random) {
                case 0: message.service(questionPointer, try service("db1.example"))
                case 1: message.address(try name("db1.example").bytes, .v4(1))
                default:
                    message.record(
                        questionPointer, type: [1, 5, 28, 33].randomElement(using: &random) ?? 1,
                        (0..<Int.random(in: 0...20, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
                }
            }
            var bytes = message.bytes
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 2..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let length = Bool.random(using: &random) ? bytes.count : Int.random(in: 0...bytes.count, using: &random)
            guard let answer = try? DNSAnswer(Array(bytes.prefix(length)), to: question) else { continue }
            #expect(answer.services.allSatisfy { $0.port > 0 && !$0.target.isRoot } && answer.addresses.isEmpty, "seed \(seed)")
            #expect(answer.additional.allSatisfy { given in answer.services.contains { $0.target == given.owner } }, "seed \(seed)")
        }
    }
}
