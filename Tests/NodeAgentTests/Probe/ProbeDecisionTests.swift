import Testing
import Wire

@testable import NodeAgent

@Suite("The answer of a probe section")
struct ProbeDecisionTests {
    private static let inter = Duration.seconds(2)
    private static let start = Instant(nanoseconds: 1_000_000_000_000)

    /// One required proxy, of which `serversMin` servers must be usable.
    private struct Node {
        var decision: ProbeDecision
        var turns: [(at: Duration, isPassing: Bool)] = []

        init(_ whenNone: ProbeSettings.WhenNone = .pass, serversMin: Int = 1, memory: ProbeMemory? = nil) {
            let requirement = ProbeDecision.Requirement(serversMin: serversMin, checkInterval: ProbeDecisionTests.inter)
            decision = ProbeDecision([requirement], whenNone: whenNone, memory: memory, now: ProbeDecisionTests.start)
        }

        mutating func look(
            _ usable: Int, unchecked: Int = 0, _ peers: ProbeAnswer.PeersEstimate = .unknown, leaving: ProbeAnswer.Cause? = nil, at time: Duration
        ) {
            let now = ProbeDecisionTests.start.advanced(by: time)
            let view = ProbeDecision.View(count: ProbeCount(usable: usable, unchecked: unchecked), peers: peers)
            guard decision.decide([view], leaving: leaving, now: now) else { return }
            turns.append((time, decision.answer.isPassing))
        }

        /// Decides every 100 ms, as the control thread does while servers are missing, and at every deadline.
        mutating func look(_ usable: Int, _ peers: ProbeAnswer.PeersEstimate, from first: Duration, to last: Duration) {
            var time = first
            while time <= last {
                look(usable, peers, at: time)
                let next = decision.nextDeadline.map { ProbeDecisionTests.start.duration(to: $0) } ?? .seconds(1_000_000)
                time = min(time + .milliseconds(100), next > time ? next : time + .milliseconds(100))
            }
        }
    }

    /// A row of the table: the peers' view while this node sees no server from second 10 on, and when the answer fails, if ever.
    struct Row: Sendable, CustomTestStringConvertible {
        let peers: ProbeAnswer.PeersEstimate
        let whenNone: ProbeSettings.WhenNone
        let failsAfter: Duration?
        var testDescription: String { "\(peers), when-none \(whenNone)" }
    }

    static let table = [
        Row(peers: .unknown, whenNone: .pass, failsAfter: .zero), Row(peers: .unknown, whenNone: .fail, failsAfter: .zero),
        Row(peers: .enough, whenNone: .pass, failsAfter: .milliseconds(500)), Row(peers: .enough, whenNone: .fail, failsAfter: .milliseconds(500)),
        Row(peers: .uncertain, whenNone: .pass, failsAfter: .seconds(6)), Row(peers: .uncertain, whenNone: .fail, failsAfter: .seconds(6)),
        Row(peers: .tooFew, whenNone: .pass, failsAfter: nil), Row(peers: .tooFew, whenNone: .fail, failsAfter: .seconds(6)),
    ]

    @Test("follows the table", arguments: table)
    func followsTable(row: Row) {
        var node = Node(row.whenNone)
        node.look(2, at: .zero)
        #expect(node.decision.answer == ProbeAnswer(isPassing: true, .fit), "passes at once after the start")
        node.look(0, row.peers, from: .seconds(10), to: .seconds(60))
        let fall = node.turns.dropFirst()
        #expect(fall.map(\.isPassing) == (row.failsAfter == nil ? [] : [false]))
        #expect(fall.first?.at == row.failsAfter.map { $0 + .seconds(10) })
        #expect(node.decision.answer.cause == .lacking(requirement: 0, usable: 0, row.peers))
    }

    @Test("fails until the first checks have decided, and then passes immediately")
    func firstChecks() {
        var node = Node()
        node.look(0, unchecked: 2, at: .zero)
        #expect(node.decision.answer == ProbeAnswer(isPassing: false, .unchecked(requirement: 0, usable: 0)))
        #expect(node.decision.nextDeadline == nil && !node.decision.isLacking, "checks decide, not the time")
        node.look(0, unchecked: 1, at: .milliseconds(10))
        node.look(1, unchecked: 0, at: .milliseconds(20))
        #expect(node.decision.answer == ProbeAnswer(isPassing: true, .fit))
        #expect(node.turns.map(\.at) == [.milliseconds(20)])

        var dead = Node()
        dead.look(0, unchecked: 2, at: .zero)
        dead.look(0, unchecked: 1, at: .milliseconds(10))
        dead.look(0, unchecked: 0, at: .milliseconds(20))
        #expect(dead.decision.answer.cause == .lacking(requirement: 0, usable: 0, .unknown))
        dead.look(1, at: .seconds(5))
        #expect(!dead.decision.answer.isPassing, "once the checks have decided, a pass takes a second")
    }

    @Test("stays the same over a reload, with any number of unchecked servers in the new process", arguments: [true, false])
    func reload(wasPassing: Bool) {
        var node = Node(memory: ProbeMemory(isPassing: wasPassing, since: Self.start))
        node.look(0, unchecked: 2, at: .zero)
        node.look(0, unchecked: 1, at: .seconds(20))
        #expect(node.decision.answer.isPassing == wasPassing && node.turns.isEmpty)
        node.look(0, unchecked: 0, at: .seconds(21))
        #expect(!node.decision.answer.isPassing)
    }

    @Test("requires the configured number of servers, here and at the peers")
    func serversMin() {
        var node = Node(serversMin: 2)
        node.look(2, at: .zero)
        node.look(1, .unknown, at: .seconds(1))
        #expect(!node.decision.answer.isPassing)
        let cases: [([(usable: Int, failing: Int)], ProbeAnswer.PeersEstimate)] = [
            ([], .unknown), ([(1, 0)], .tooFew), ([(2, 0)], .enough), ([(1, 1)], .uncertain), ([(0, 0), (3, 0)], .enough), ([(1, 0), (1, 1)], .uncertain),
        ]
        for (peers, expected) in cases { #expect(ProbeAnswer.PeersEstimate(peers, serversMin: 2) == expected, "\(peers)") }
    }

    @Test("passes again only after a second without a fault")
    func recovery() {
        var node = Node()
        node.look(1, at: .zero)
        node.look(0, at: .seconds(1))
        node.look(1, at: .seconds(2))
        #expect(node.decision.answer == ProbeAnswer(isPassing: false, .recovering))
        #expect(node.decision.nextDeadline == Self.start.advanced(by: .seconds(3)))
        node.look(0, at: .milliseconds(2_500))
        node.look(1, at: .milliseconds(2_600))
        node.look(1, at: .milliseconds(3_500))
        #expect(!node.decision.answer.isPassing)
        node.look(1, at: .milliseconds(3_600))
        #expect(node.turns.map(\.at) == [.zero, .seconds(1), .milliseconds(3_600)])
    }

    @Test("does not change when all databases die: the peers' view lags by a moment, or by a few checks")
    func databasesDie() {
        var node = Node()
        node.look(2, at: .zero)
        node.look(0, .enough, from: .seconds(10), to: .milliseconds(10_300))
        node.look(0, .uncertain, from: .milliseconds(10_400), to: .seconds(14))
        node.look(0, .tooFew, from: .seconds(14), to: .seconds(30))
        node.look(2, .unknown, from: .seconds(30), to: .seconds(40))
        #expect(node.turns.map(\.at) == [.zero])
    }

    @Test("fails until the hold is over when a failure turns out to be shared")
    func lateFate() {
        var node = Node()
        node.look(2, at: .zero)
        node.look(0, .enough, from: .seconds(10), to: .seconds(12))
        node.look(0, .tooFew, from: .milliseconds(12_100), to: .seconds(30))
        #expect(node.turns.map(\.at) == [.zero, .milliseconds(10_500), .seconds(17)], "6 s of hold, 1 s of recovery")
    }

    @Test("fails at once and permanently when the node drains")
    func leaving() {
        var node = Node()
        node.look(2, at: .zero)
        node.look(2, leaving: .draining, at: .seconds(1))
        node.look(2, leaving: .draining, at: .seconds(100))
        #expect(node.decision.answer == ProbeAnswer(isPassing: false, .draining))
        #expect(node.turns.map(\.at) == [.zero, .seconds(1)])
    }

    @Test("passes if nothing is required, and fails before the first decision")
    func nothingRequired() {
        var decision = ProbeDecision([], whenNone: .pass, now: Self.start)
        #expect(decision.answer == ProbeAnswer(isPassing: false, .starting))
        let hasTurned = decision.decide([], now: Self.start)
        #expect(hasTurned && decision.answer == ProbeAnswer(isPassing: true, .fit))
    }

    @Test("keeps its rules in any order of events", arguments: 0..<300 as Range<UInt64>)
    func anyOrder(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let whenNone: ProbeSettings.WhenNone = seed % 2 == 0 ? .pass : .fail
        let requirement = ProbeDecision.Requirement(serversMin: 1, checkInterval: Self.inter)
        var decision = ProbeDecision([requirement, requirement], whenNone: whenNone, now: Self.start)
        var now = Self.start
        var views = Array(repeating: ProbeDecision.View(count: ProbeCount(usable: 1, unchecked: 0), peers: .unknown), count: 2)
        var lacking: [Instant?] = [nil, nil]
        var rightSince: Instant?
        for step in 0..<200 {
            let place = Int.random(in: 0...1, using: &random)
            views[place].count.usable = Int.random(in: 0...1, using: &random)
            views[place].peers = ProbeAnswer.PeersEstimate.allCases.randomElement(using: &random) ?? .unknown
            for index in 0...1 { lacking[index] = views[index].count.usable > 0 ? nil : lacking[index] ?? now }
            let before = decision.answer.isPassing
            let hasTurned = decision.decide(views, now: now)
            let answer = decision.answer
            #expect(hasTurned == (before != answer.isPassing))
            #expect(decision.nextDeadline.map { $0 > now } ?? true, "seed \(seed), step \(step)")
            let ages = lacking.map { $0.map { $0.duration(to: now) } }
            let isUnknown = zip(views, ages).contains { $1 != nil && $0.peers == .unknown }
            let isOld = zip(views, ages).contains { view, age in age.map { $0 >= .seconds(6) && (view.peers != .tooFew || whenNone == .fail) } ?? false }
            if isUnknown || isOld { #expect(!answer.isPassing, "seed \(seed), step \(step): \(views)") }
            if lacking == [nil, nil] {
                rightSince = rightSince ?? now
                if let rightSince, rightSince.advanced(by: ProbeDecision.recovery) <= now { #expect(answer.isPassing, "seed \(seed), step \(step)") }
            } else {
                rightSince = nil
            }
            if step > 0, hasTurned, answer.isPassing { #expect(!isUnknown && !isOld) }
            #expect(ProbeAnswer(word: answer.word) == answer)
            now = now.advanced(by: .milliseconds(Int.random(in: 1...4_000, using: &random)))
        }
    }
}

@Suite("A probe's answer")
struct ProbeAnswerTests {
    private let requirements = [ProbeRequirementName(proxy: "mysql", serversMin: 1), ProbeRequirementName(proxy: "re\"ports", serversMin: 2)]

    @Test("fits into a word, and any word is valid")
    func words() {
        let causes: [ProbeAnswer.Cause] = [
            .fit, .recovering, .starting, .draining, .stopping, .stalled, .stuck(threads: 64), .lacking(requirement: 63, usable: 4_096, .tooFew),
            .lacking(requirement: 0, usable: 0, .unknown), .unchecked(requirement: 63, usable: 4_096),
        ]
        for cause in causes {
            for isPassing in [true, false] {
                let answer = ProbeAnswer(isPassing: isPassing, cause)
                #expect(ProbeAnswer(word: answer.word) == answer)
            }
        }
        var random = SplitMix64(seed: 1)
        for _ in 0..<10_000 { #expect(!ProbeAnswer(word: random.next()).reason(requirements).isEmpty) }
        #expect(ProbeAnswer(word: .max).isPassing == false || ProbeAnswer(word: .max).cause == .starting)
    }

    @Test("contains the reason and the counts, in JSON")
    func text() {
        let counts = [ProbeCount(usable: 0, unchecked: 2), ProbeCount(usable: 1, unchecked: 0)]
        let proxies =
            "\"proxies\":{\"mysql\":{\"usable\":0,\"unchecked\":2,\"required\":1},\"re\\\"ports\":{\"usable\":1,\"unchecked\":0,\"required\":2}}}\n"
        func json(_ isPassing: Bool, _ cause: ProbeAnswer.Cause) -> String { ProbeAnswer(isPassing: isPassing, cause).json(requirements, counts) }
        #expect(json(true, .fit) == "{\"status\":\"up\"," + proxies)
        #expect(
            json(false, .lacking(requirement: 0, usable: 0, .unknown))
                == "{\"status\":\"down\",\"reason\":\"mysql: 0 usable servers, 1 required\"," + proxies)
        #expect(
            json(true, .lacking(requirement: 1, usable: 1, .tooFew))
                == "{\"status\":\"up\",\"reason\":\"re\\\"ports: 1 usable server, 2 required; no peer sees enough\"," + proxies)
        #expect(
            json(false, .unchecked(requirement: 0, usable: 0))
                == "{\"status\":\"down\",\"reason\":\"mysql: 0 usable servers, 1 required; first checks are running\"," + proxies)
        #expect(ProbeAnswer(isPassing: true, .fit).json([], []) == "{\"status\":\"up\",\"proxies\":{}}\n")
    }
}

@Suite("The time since which a thread has run")
struct RunningSinceTests {
    @Test("starts after its last long pause")
    func pauses() {
        let start = Instant(nanoseconds: 0)
        var running = WakeUpMonitor(now: start)
        for step in 1...20 { running.recordWakeUp(now: start.advanced(by: .milliseconds(500 * step))) }
        #expect(running.start == start)
        let woken = start.advanced(by: .seconds(30))
        running.recordWakeUp(now: woken)
        running.recordWakeUp(now: woken.advanced(by: .seconds(1)))
        #expect(running.start == woken)
    }
}
