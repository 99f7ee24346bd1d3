import Proxy
import Support
import Testing
import Wire

@testable import NodeAgent

private let one = IPAddress.v4(0x0a00_0001)
private let two = IPAddress.v4(0x0a00_0002)

/// A nameserver's reaction to one question.
private enum Reply {
    case addresses([IPAddress])
    /// An alias to another name, which has these addresses.
    case alias([IPAddress])
    /// The first address, and the flag that the answer is truncated.
    case truncated([IPAddress])
    case code(UInt16)
    /// The kernel reports that no process listens.
    case refusal
    case silence
}

/// A round with nameservers that react as configured, in virtual time.
private struct LookupWorld {
    private(set) var round: LookupRound
    private(set) var now = Instant(nanoseconds: 5_000_000_000)
    private(set) var questionsOpen: Set<UInt64> = []
    private(set) var questionsMost = 0
    private(set) var sent = 0
    private let begin: Instant
    /// By nameserver, transport and name.
    private let reply: (Int, QuestionTransport, String) -> Reply

    init(
        _ names: [String], fallbacks: Set<String> = [], nameservers: Int = 1, resolvConf: String = "",
        reply: @escaping (Int, QuestionTransport, String) -> Reply
    ) {
        self.reply = reply
        begin = now
        let inquiries = names.map { NameInquiry(question: NameQuestion(family: .v4, name: $0), hasFallback: fallbacks.contains($0)) }
        round = LookupRound(
            inquiries, ResolvConf(resolvConf), nameservers: (0..<nameservers).map { "ns\($0 + 1)" }, random: SplitMix64(seed: 1), now: now)
        drain()
        var steps = 0
        while let deadline = round.nextDeadline, steps < 100_000 {
            steps += 1
            now = max(now, deadline)
            round.deadlinePassed(now: now)
            drain()
        }
    }

    var passed: Duration { begin.duration(to: now) }

    func addresses(_ name: String) -> [IPAddress]? {
        guard case .success(let addresses)? = round.results[NameQuestion(family: .v4, name: name)] else { return nil }
        return addresses
    }

    func problem(_ name: String) -> NameLookupError.Problem? {
        guard case .failure(let error)? = round.results[NameQuestion(family: .v4, name: name)] else { return nil }
        return error.problem
    }

    private mutating func drain() {
        var waiting: [NameserverQuestion] = []
        while true {
            while let output = round.nextOutput() {
                switch output {
                case .ask(let question):
                    questionsOpen.insert(question.number)
                    (questionsMost, sent) = (max(questionsMost, questionsOpen.count), sent + 1)
                    waiting.append(question)
                case .forget(let number): questionsOpen.remove(number)
                }
            }
            guard !waiting.isEmpty else { return }
            let question = waiting.removeFirst()
            guard questionsOpen.contains(question.number) else { continue }
            answer(question)
        }
    }

    private mutating func answer(_ question: NameserverQuestion) {
        let end = DNSMessageBuilder.nameEnd(question.bytes)
        let name = Self.text(question.bytes[12..<end])
        let asksV6 = question.bytes[end + 1] == 28
        func message(_ addresses: [IPAddress], flags: UInt16 = 0x8180, alias: [UInt8] = []) -> [UInt8] {
            let fitting = addresses.filter { $0.isV6 == asksV6 }
            var message = DNSMessageBuilder(answering: question.bytes, flags: flags, records: UInt16(fitting.count + (alias.isEmpty ? 0 : 1)))
            if !alias.isEmpty { message.record([0xc0, 12], type: 5, alias) }
            for address in fitting { message.address(alias.isEmpty ? [0xc0, 12] : alias, address) }
            return message.bytes
        }
        switch reply(question.nameserver, question.transport, name) {
        case .addresses(let addresses): round.receive(message(addresses), for: question.number, now: now)
        case .alias(let addresses): round.receive(message(addresses, alias: [5, 97, 108, 105, 97, 115, 0]), for: question.number, now: now)
        case .truncated(let addresses):
            let isWhole = question.transport == .tcp
            round.receive(message(isWhole ? addresses : Array(addresses.prefix(1)), flags: isWhole ? 0x8180 : 0x8380), for: question.number, now: now)
        case .code(let code): round.receive(message([], flags: 0x8180 | code), for: question.number, now: now)
        case .refusal:
            questionsOpen.remove(question.number)
            round.questionFailed(question.number, now: now)
        case .silence: break
        }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        var (labels, rest): ([String], ArraySlice<UInt8>) = ([], bytes)
        while let length = rest.popFirst(), length > 0 {
            labels.append(String(decoding: rest.prefix(Int(length)), as: UTF8.self))
            rest = rest.dropFirst(Int(length))
        }
        return labels.joined(separator: ".")
    }
}

@Suite("All names of a start")
struct LookupRoundTests {
    private static let many = (1...1_000).map { "db\($0).test" }

    @Test("share one wait, far below the master's patience", arguments: [1, 3])
    func silence(nameservers: Int) {
        let world = LookupWorld(Self.many, nameservers: nameservers) { _, _, _ in .silence }
        #expect(world.passed == LookupRound.timeout && LookupRound.timeout < .seconds(20))
        #expect(Self.many.allSatisfy { world.problem($0) == .noAnswer(from: (1...nameservers).map { "ns\($0)" }) })
        #expect(world.questionsMost <= LookupRound.questionsMax && world.questionsOpen.isEmpty)
    }

    @Test("wait less when each unanswered one has a fallback, and no longer than resolv.conf allows")
    func fallbacks() {
        let names = ["db1.test", "db2.test"]
        #expect(LookupWorld(names, fallbacks: Set(names)) { _, _, _ in .silence }.passed == LookupRound.timeoutWithFallback)
        #expect(LookupWorld(names, fallbacks: ["db1.test"]) { _, _, _ in .silence }.passed == LookupRound.timeout)
        let half = LookupWorld(names, fallbacks: ["db1.test"]) { _, _, name in name == "db1.test" ? .silence : .addresses([one]) }
        #expect(half.passed == LookupRound.timeoutWithFallback && half.addresses("db2.test") == [one])
        #expect(LookupWorld(names, resolvConf: "options timeout:1 attempts:2") { _, _, _ in .silence }.passed == .seconds(2))
        #expect(LookupWorld(names, resolvConf: "options timeout:30 attempts:5") { _, _, _ in .silence }.passed == LookupRound.timeout)
    }

    @Test("fail immediately when the kernel refuses, however many there are", arguments: ["", "search a.test b.test\noptions ndots:9"])
    func refusal(resolvConf: String) {
        let world = LookupWorld(Self.many, nameservers: 2, resolvConf: resolvConf) { _, _, _ in .refusal }
        #expect(world.passed == .zero && world.sent == 4 * Self.many.count)
        #expect(world.problem("db1.test") == .noAnswer(from: ["ns1", "ns2"]))
    }

    @Test("fail immediately when no nameserver remains: one refuses to answer, the other is unreachable")
    func nobodyLeft() {
        let world = LookupWorld(Self.many, nameservers: 2) { nameserver, _, _ in nameserver == 0 ? .refusal : .code(5) }
        #expect(world.passed == .zero && world.problem("db7.test") == .refused(by: "ns2"))
        let failing = LookupWorld(Self.many) { _, _, _ in .code(2) }
        #expect(failing.passed == .zero && failing.problem("db7.test") == .failed(by: "ns1"))
    }

    @Test("are found by the nameserver that answers when another is silent or unreachable")
    func beside() {
        for other in [Reply.silence, .refusal, .code(2)] {
            let world = LookupWorld(Self.many, nameservers: 2) { nameserver, _, _ in nameserver == 0 ? other : .addresses([one, two]) }
            #expect(world.passed == .zero && Self.many.allSatisfy { world.addresses($0) == [one, two] })
        }
    }

    @Test("are found through aliases, over TCP, and in part where TCP is refused")
    func ways() {
        #expect(LookupWorld(["db"]) { _, _, _ in .alias([one]) }.addresses("db") == [one])
        #expect(LookupWorld(["db"]) { _, _, _ in .truncated([one, two]) }.addresses("db") == [one, two])
        let partial = LookupWorld(["db"]) { _, transport, _ in transport == .tcp ? .refusal : .truncated([one, two]) }
        #expect(partial.addresses("db") == [one] && partial.passed == .zero)
    }

    @Test("are tried with each search domain, one after another")
    func search() {
        let world = LookupWorld(["db", "no"], resolvConf: "search a.test b.test") { _, _, name in name == "db.b.test" ? .addresses([one]) : .code(3) }
        #expect(world.addresses("db") == [one] && world.problem("no") == .noSuchName(according: "ns1") && world.passed == .zero)
    }

    @Test("do not wait long for a silent nameserver once another one has denied them")
    func denial() {
        let world = LookupWorld(["db"], nameservers: 2) { nameserver, _, _ in nameserver == 0 ? .silence : .code(3) }
        #expect(world.problem("db") == .noSuchName(according: "ns2") && world.passed <= .seconds(1))
    }

    @Test("do not prevent each other's repetitions: lost questions are repeated")
    func repetition() {
        let names = Self.many.prefix(200)
        var lost: Set<String> = []
        let world = LookupWorld(Array(names)) { _, _, name in lost.insert(name).inserted ? .silence : .addresses([one]) }
        #expect(names.allSatisfy { world.addresses($0) == [one] } && world.passed < LookupRound.timeout)
    }
}
