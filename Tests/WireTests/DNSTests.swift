import Support
import Testing
import Wire

/// The queried name, as a pointer to the question.
private let questionPointer: [UInt8] = [0xc0, 12]

private func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

private func question(_ text: String = "db.example", _ type: DNSRecordType = .a) throws -> DNSQuestion {
    DNSQuestion(identifier: 0x1234, name: try name(text), type: type, extended: .payload(bytesMax: 1232))
}

@Suite("A DNS name")
struct DNSNameTests {
    @Test("is equal in upper and lower case, and with or without the final dot")
    func equality() throws {
        #expect(try name("DB01.Example.") == name("db01.example"))
        #expect(try name("DB01.Example.").description == "db01.example")
    }

    @Test("rejects text that is no valid host name", arguments: ["", ".", "a..b", ".a", "a b", "ä.de", "a/b", String(repeating: "a", count: 64)])
    func rejected(text: String) { #expect(DNSName(text) == nil) }

    @Test("has at most 255 bytes on the wire")
    func longest() {
        let label = String(repeating: "a", count: 63)
        let fits = "\(label).\(label).\(label).\(label.dropLast(2))"
        #expect(DNSName(fits)?.bytes.count == 255)
        #expect(DNSName(fits + "a") == nil)
    }
}

@Suite("A DNS question")
struct DNSQuestionTests {
    @Test("is encoded as in RFC 1035 and RFC 6891")
    func encoding() throws {
        let header: [UInt8] = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]
        let asked: [UInt8] = [2] + Array("db".utf8) + [7] + Array("example".utf8) + [0, 0, 28, 0, 1]
        let opt: [UInt8] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]
        #expect(try question("db.example", .aaaa).encoded() == header + asked + opt)
    }

    @Test("has no EDNS0 record when none is wanted")
    func plain() throws {
        let bytes = DNSQuestion(identifier: 1, name: try name("a"), type: .a, extended: .none).encoded()
        #expect(bytes == [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1])
    }
}

@Suite("A DNS answer")
struct DNSAnswerTests {
    private static let v4 = IPAddress.v4(0x0a00_0001)
    private static let v6 = IPAddress.v6(high: 0x2001_0db8_0000_0000, low: 7)

    @Test("gives the addresses of the queried type in order, without duplicates, and their least TTL")
    func addresses() throws {
        let question = try question()
        var message = DNSMessageBuilder(answering: question, records: 4)
        message.address(questionPointer, .v4(2), timeToLive: 300)
        message.address(questionPointer, .v4(1), timeToLive: 30)
        message.address(questionPointer, .v4(2), timeToLive: 40)
        message.address(questionPointer, Self.v6, timeToLive: 1)
        let answer = try DNSAnswer(message.bytes, to: question)
        #expect(answer.addresses == [.v4(2), .v4(1)])
        #expect(answer.timeToLive == 30)
        #expect(answer.code == .noError && !answer.isTruncated && answer.isFinal)
    }

    @Test("reads IPv6 addresses")
    func v6() throws {
        let question = try question("db.example", .aaaa)
        var message = DNSMessageBuilder(answering: question, records: 1)
        message.address(questionPointer, Self.v6)
        #expect(try DNSAnswer(message.bytes, to: question).addresses == [Self.v6])
    }

    @Test("follows aliases in any order of records and ignores records of other names")
    func aliases() throws {
        let question = try question("DB.Example")
        let (middle, last) = (try name("middle.example").bytes, try name("last.example").bytes)
        var message = DNSMessageBuilder(answering: question, records: 4)
        message.address(last, Self.v4, timeToLive: 50)
        message.record(middle, type: 5, timeToLive: 20, last)
        message.record(questionPointer, type: 5, timeToLive: 90, middle)
        message.address(try name("other.example").bytes, .v4(9), timeToLive: 1)
        let answer = try DNSAnswer(message.bytes, to: question)
        #expect(answer.addresses == [Self.v4])
        #expect(answer.aliases == 2 && answer.timeToLive == 20)
    }

    @Test("is refused when its aliases lead in a circle")
    func aliasLoop() throws {
        let question = try question()
        var message = DNSMessageBuilder(answering: question, records: 2)
        message.record(questionPointer, type: 5, try name("other").bytes)
        message.record(try name("other").bytes, type: 5, questionPointer)
        #expect(throws: DNSAnswerError.aliasLoop) { try DNSAnswer(message.bytes, to: question) }
    }

    @Test("is accepted only for its own question")
    func otherQuestion() throws {
        let question = try question()
        var message = DNSMessageBuilder(answering: question, records: 1)
        message.address(questionPointer, Self.v4)
        let others = [
            DNSQuestion(identifier: 1, name: question.name, type: .a, extended: .none),
            DNSQuestion(identifier: 0x1234, name: try name("db.exampl"), type: .a, extended: .none),
            DNSQuestion(identifier: 0x1234, name: question.name, type: .aaaa, extended: .none),
        ]
        for other in others { #expect(throws: DNSAnswerError.otherQuestion) { try DNSAnswer(message.bytes, to: other) } }
        #expect(throws: DNSAnswerError.notAnAnswer) { try DNSAnswer(question.encoded(), to: question) }
    }

    @Test(
        "shows the nameserver's response code",
        arguments: [(0x8183, DNSResponseCode.noSuchName), (0x8182, .serverFailure), (0x8185, .refused), (0x8184, .notImplemented), (0x818a, .other(10))]
            as [(UInt16, DNSResponseCode)])
    func codes(flags: UInt16, code: DNSResponseCode) throws {
        let question = try question()
        let answer = try DNSAnswer(DNSMessageBuilder(answering: question, flags: flags, records: 0).bytes, to: question)
        #expect(answer.code == code && answer.addresses.isEmpty)
    }

    @Test("may lack its question only when the nameserver could not read it")
    func withoutQuestion() throws {
        let question = try question()
        let formatError: [UInt8] = [0x12, 0x34, 0x80, 0x01, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(try DNSAnswer(formatError, to: question).code == .formatError)
        let refused: [UInt8] = [0x12, 0x34, 0x80, 0x05, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(throws: DNSAnswerError.otherQuestion) { try DNSAnswer(refused, to: question) }
    }

    @Test("that is truncated gives the complete records it has")
    func truncatedFlag() throws {
        let question = try question()
        var message = DNSMessageBuilder(answering: question, flags: 0x8380, records: 3)
        message.address(questionPointer, .v4(1))
        message.address(questionPointer, .v4(2))
        let answer = try DNSAnswer(message.bytes.dropLast(3), to: question)
        #expect(answer.isTruncated && answer.addresses == [.v4(1)])
    }

    @Test("throws at every shorter length")
    func cut() throws {
        let question = try question()
        var message = DNSMessageBuilder(answering: question, records: 3)
        message.record(questionPointer, type: 5, try name("x.example").bytes)
        message.address(try name("x.example").bytes, Self.v4)
        message.address(try name("x.example").bytes, .v4(5))
        _ = try DNSAnswer(message.bytes, to: question)
        for length in 0..<message.bytes.count {
            #expect(throws: DNSAnswerError.tooShort, "length \(length)") { try DNSAnswer(Array(message.bytes.prefix(length)), to: question) }
        }
    }

    @Test("throws when a compression pointer points to itself, forward, or in a circle")
    func pointers() throws {
        let question = try question()
        let start = UInt8(DNSMessageBuilder(answering: question, records: 1).bytes.count)
        let owners: [[UInt8]] = [[0xc0, start], [0xc0, start + 2], [0xff, 0xff], [1, 97, 0xc0, start], [0x80, 12], [0x40]]
        for owner in owners {
            var message = DNSMessageBuilder(answering: question, records: 1)
            message.address(owner, Self.v4)
            #expect(throws: DNSAnswerError.badName, "\(owner)") { try DNSAnswer(message.bytes, to: question) }
        }
    }

    @Test("throws on a name that its pointers extend over 255 bytes")
    func longName() throws {
        let label = String(repeating: "a", count: 60)
        let question = try question("\(label).\(label).\(label).\(label)")
        var message = DNSMessageBuilder(answering: question, records: 1)
        message.address([12] + Array("bbbbbbbbbbbb".utf8) + questionPointer, Self.v4)
        #expect(throws: DNSAnswerError.badName) { try DNSAnswer(message.bytes, to: question) }
    }

    @Test("throws on an address of the wrong length")
    func wrongLength() throws {
        let question = try question()
        var message = DNSMessageBuilder(answering: question, records: 1)
        message.record(questionPointer, type: 1, [1, 2, 3, 4, 5])
        #expect(throws: DNSAnswerError.badRecord) { try DNSAnswer(message.bytes, to: question) }
    }

    @Test("keeps its limits on records and addresses")
    func limits() throws {
        let question = try question()
        let many = DNSMessageBuilder(answering: question, records: 4097)
        #expect(throws: DNSAnswerError.tooManyRecords) { try DNSAnswer(many.bytes, to: question) }
        var message = DNSMessageBuilder(answering: question, records: 300)
        for number in 0..<300 { message.address(questionPointer, .v4(UInt32(number))) }
        #expect(try DNSAnswer(message.bytes, to: question).addresses.count == 256)
    }

    @Test("never traps on hostile bytes", arguments: 0..<64 as Range<UInt64>)
    func hostile(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let question = try question()
        for _ in 0..<200 {
            var message = DNSMessageBuilder(answering: question, records: UInt16.random(in: 0...6, using: &random))
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                message.record(
                    Bool.random(using: &random) ? questionPointer : [UInt8.random(in: 192...255, using: &random), UInt8.random(in: 0...90, using: &random)],
                    type: [1, 5, 28, 41].randomElement(using: &random) ?? 1,
                    (0..<Int.random(in: 0...20, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
            }
            var bytes = message.bytes
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 2..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let length = Bool.random(using: &random) ? bytes.count : Int.random(in: 0...bytes.count, using: &random)
            guard let answer = try? DNSAnswer(Array(bytes.prefix(length)), to: question) else { continue }
            #expect(answer.addresses.count <= 4, "seed \(seed)")
        }
    }
}
