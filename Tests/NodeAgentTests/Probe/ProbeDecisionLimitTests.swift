import Testing
import Wire

@testable import NodeAgent

@Suite("The timing of a probe's answer")
struct ProbeDecisionLimitTests {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)
    private static func at(_ milliseconds: Int) -> Instant { start.advanced(by: .milliseconds(milliseconds)) }

    private static func requirement(_ serversMin: Int = 1, inter: Int = 2_000) -> ProbeDecision.Requirement {
        ProbeDecision.Requirement(serversMin: serversMin, checkInterval: .milliseconds(inter))
    }

    private static func view(_ usable: Int, _ peers: ProbeAnswer.PeersEstimate = .unknown, unchecked: Int = 0) -> ProbeDecision.View {
        ProbeDecision.View(count: ProbeCount(usable: usable, unchecked: unchecked), peers: peers)
    }

    /// A section that passes.
    private static func passing(_ requirements: [ProbeDecision.Requirement], _ whenNone: ProbeSettings.WhenNone = .pass) -> ProbeDecision {
        var decision = ProbeDecision(requirements, whenNone: whenNone, now: start)
        _ = decision.decide(requirements.map { view($0.serversMin) }, now: start)
        return decision
    }

    @Test("is set by the slowest check: at most half a second for the peers, three checks for a shared failure")
    func times() {
        #expect(Self.requirement(inter: 2_000).gracePeriod == .milliseconds(500) && Self.requirement(inter: 200).gracePeriod == .milliseconds(200))
        #expect(Self.requirement(inter: 200).hold == .milliseconds(600))
        #expect(ProbeDecision.recovery == .seconds(1) && ProbeDecision.peersGrace == .seconds(2))
        for (peers, limit) in [(ProbeAnswer.PeersEstimate.enough, 200), (.uncertain, 600), (.tooFew, 600)] {
            var decision = Self.passing([Self.requirement(inter: 200)], .fail)
            for time in [0, limit - 1] {
                let hasTurned = decision.decide([Self.view(0, peers)], now: Self.at(time))
                #expect(!hasTurned && decision.answer.isPassing && decision.isLacking && decision.nextDeadline == Self.at(limit), "\(peers) at \(time)")
            }
            #expect(decision.since == Self.start)
            let hasTurned = decision.decide([Self.view(0, peers)], now: Self.at(limit))
            #expect(hasTurned && !decision.answer.isPassing && decision.since == Self.at(limit) && decision.nextDeadline == nil, "\(peers)")
        }
    }

    @Test("leaves the peers two seconds after a reload before the answer fails without them", arguments: [true, false])
    func successor(wasPassing: Bool) {
        let memory = ProbeMemory(isPassing: wasPassing, since: Self.at(-9_000))
        var decision = ProbeDecision([Self.requirement()], whenNone: .pass, memory: memory, now: Self.start)
        #expect(decision.answer == ProbeAnswer(isPassing: wasPassing, wasPassing ? .fit : .recovering) && decision.since == Self.at(-9_000))
        #expect(!decision.isLacking)
        for time in [0, 1_999] {
            let hasTurned = decision.decide([Self.view(0)], now: Self.at(time))
            #expect(!hasTurned && decision.answer == ProbeAnswer(isPassing: wasPassing, .lacking(requirement: 0, usable: 0, .unknown)))
            #expect(decision.nextDeadline == Self.at(2_000) && decision.since == Self.at(-9_000))
        }
        let hasTurned = decision.decide([Self.view(0)], now: Self.at(2_000))
        #expect(hasTurned == wasPassing && !decision.answer.isPassing)
        var fresh = Self.passing([Self.requirement()])
        #expect(fresh.decide([Self.view(0)], now: Self.at(1)) == true, "a first process has found its peers by then, or has none")
    }

    @Test("requires a second of recovery after a reload of a failing process, and none at a first start")
    func recovery() {
        var decision = ProbeDecision([Self.requirement()], whenNone: .pass, memory: ProbeMemory(isPassing: false, since: Self.start), now: Self.start)
        #expect(decision.decide([Self.view(1)], now: Self.at(100)) == false)
        #expect(decision.answer == ProbeAnswer(isPassing: false, .recovering) && decision.nextDeadline == Self.at(1_100))
        #expect(!decision.decide([Self.view(1)], now: Self.at(1_099)) && decision.decide([Self.view(1)], now: Self.at(1_100)))
        #expect(decision.answer == ProbeAnswer(isPassing: true, .fit) && decision.since == Self.at(1_100) && decision.nextDeadline == nil)
        #expect(!decision.decide([Self.view(1)], now: Self.at(1_200)) && decision.since == Self.at(1_100))
        var undecided = ProbeDecision([Self.requirement()], whenNone: .pass, now: Self.start)
        #expect(!undecided.decide([Self.view(0, .tooFew)], now: Self.start) && undecided.decide([Self.view(1)], now: Self.at(10)))
        // A fault during the recovery restarts it, even a fault that alone would not have changed the answer.
        var failed = Self.passing([Self.requirement()])
        _ = failed.decide([Self.view(0)], now: Self.at(100))
        _ = failed.decide([Self.view(1)], now: Self.at(200))
        _ = failed.decide([Self.view(0, .tooFew)], now: Self.at(900))
        _ = failed.decide([Self.view(1)], now: Self.at(1_000))
        #expect(!failed.decide([Self.view(1)], now: Self.at(1_999)) && failed.decide([Self.view(1)], now: Self.at(2_000)))
    }

    @Test("treats unchecked servers neither as missing nor as usable")
    func unchecked() {
        var decision = ProbeDecision([Self.requirement(3)], whenNone: .pass, now: Self.start)
        #expect(!decision.decide([Self.view(1, unchecked: 2)], now: Self.start) && !decision.isLacking && decision.nextDeadline == nil)
        #expect(decision.answer == ProbeAnswer(isPassing: false, .unchecked(requirement: 0, usable: 1)))
        #expect(decision.decide([Self.view(3)], now: Self.at(1)) == true)
        #expect(decision.decide([Self.view(2, unchecked: 1)], now: Self.at(2)) == false)
        #expect(decision.answer == ProbeAnswer(isPassing: true, .unchecked(requirement: 0, usable: 2)))
        #expect(decision.decide([Self.view(2)], now: Self.at(3)) && decision.isLacking)
        #expect(decision.answer.cause == .lacking(requirement: 0, usable: 2, .unknown))
    }

    @Test("follows the earliest deadline of several requirements; the answer names the first that is not met")
    func several() {
        let requirements = [Self.requirement(inter: 2_000), Self.requirement(2, inter: 200), Self.requirement(inter: 400)]
        var decision = Self.passing(requirements)
        _ = decision.decide([Self.view(1), Self.view(1, .enough), Self.view(0, .enough)], now: Self.start)
        #expect(decision.answer == ProbeAnswer(isPassing: true, .lacking(requirement: 1, usable: 1, .enough)))
        #expect(decision.nextDeadline == Self.at(200))
        _ = decision.decide([Self.view(0, .tooFew), Self.view(1, .enough), Self.view(1)], now: Self.at(100))
        #expect(decision.answer.cause == .lacking(requirement: 0, usable: 0, .tooFew) && decision.nextDeadline == Self.at(200))
        _ = decision.decide([Self.view(0, .tooFew), Self.view(1, .uncertain), Self.view(1)], now: Self.at(150))
        #expect(decision.nextDeadline == Self.at(600))
        // A requirement that was missed for long enough passes. The first one is named; the others are met.
        _ = decision.decide([Self.view(0, .tooFew), Self.view(1, .tooFew), Self.view(1)], now: Self.at(7_000))
        #expect(decision.answer == ProbeAnswer(isPassing: true, .lacking(requirement: 0, usable: 0, .tooFew)) && decision.nextDeadline == nil)
        #expect(decision.decide([Self.view(0, .tooFew), Self.view(1), Self.view(1)], now: Self.at(7_100)) == true)
        #expect(decision.answer == ProbeAnswer(isPassing: false, .lacking(requirement: 1, usable: 1, .unknown)))
        // A requirement that was met and is missed again restarts its hold.
        _ = decision.decide([Self.view(1), Self.view(2), Self.view(1)], now: Self.at(7_200))
        _ = decision.decide([Self.view(0, .tooFew), Self.view(2), Self.view(1)], now: Self.at(7_300))
        #expect(decision.answer == ProbeAnswer(isPassing: false, .lacking(requirement: 0, usable: 0, .tooFew)) && decision.nextDeadline == Self.at(13_300))
    }

    @Test("is immediate when the node drains or stops, with that reason and no deadline")
    func leaving() {
        var decision = Self.passing([Self.requirement()])
        #expect(decision.decide([Self.view(0, .tooFew)], leaving: .draining, now: Self.at(1)) == true)
        #expect(decision.answer == ProbeAnswer(isPassing: false, .draining) && decision.since == Self.at(1))
        #expect(decision.decide([Self.view(1)], leaving: .stopping, now: Self.at(2)) == false)
        #expect(decision.answer.cause == .stopping && decision.since == Self.at(1))
    }

    @Test("depends on the peers: one peer with enough servers suffices; failing servers that might be enough cause doubt")
    func peers() {
        let cases: [([(usable: Int, failing: Int)], Int, ProbeAnswer.PeersEstimate)] = [
            ([], 0, .unknown), ([(0, 0)], 1, .tooFew), ([(1, 0)], 1, .enough), ([(0, 1)], 1, .uncertain), ([(1, 1)], 3, .tooFew), ([(1, 2)], 3, .uncertain),
            ([(2, 0), (0, 2)], 3, .tooFew), ([(0, 9), (3, 0)], 3, .enough), ([(3, 1)], 2, .enough),
        ]
        for (peers, serversMin, estimate) in cases {
            #expect(ProbeAnswer.PeersEstimate(peers, serversMin: serversMin) == estimate, "\(peers) of \(serversMin)")
        }
    }
}
