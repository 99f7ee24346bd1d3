import Support
import Testing

@testable import Proxy

@Suite("A plan of turns")
struct TurnPlanTests {
    private func candidate(_ weight: Int, share: Int = 16, backup: Bool = false, far: Bool = false) -> TurnPlan.Candidate {
        var candidate = TurnPlan.Candidate(weight: weight * share)
        (candidate.share, candidate.isBackup, candidate.isFar) = (share, backup, far)
        return candidate
    }

    /// The turns of a hundred that each server has.
    private func turns(_ candidates: [TurnPlan.Candidate], spillOver: Int = 0) -> [Int] {
        let weights = TurnPlan(candidates, spillOver: spillOver).weights
        let total = weights.reduce(0, +)
        return weights.map { total == 0 ? 0 : 100 * $0 / total }
    }

    @Test("gives all turns to near servers while one is usable")
    func near() {
        #expect(turns([candidate(1), candidate(1), candidate(1, far: true)]) == [50, 50, 0])
        let plan = TurnPlan([candidate(1), candidate(1, far: true)], spillOver: 0)
        #expect(plan.hasFar && plan.groups == [.near, .far])
    }

    @Test("gives all turns to the others when no near server is usable")
    func far() {
        #expect(turns([candidate(0), candidate(1, far: true), candidate(3, far: true)]) == [0, 25, 75])
        #expect(!TurnPlan([candidate(0), candidate(1, far: true)], spillOver: 0).hasFar)
    }

    @Test("gives other zones their share all the same, whatever the weights")
    func spillOver() {
        #expect(turns([candidate(1), candidate(1), candidate(1, far: true)], spillOver: 10) == [45, 45, 10])
        #expect(turns([candidate(100), candidate(1, far: true), candidate(1, far: true)], spillOver: 20) == [80, 10, 10])
        #expect(turns([candidate(1), candidate(1, far: true)], spillOver: 100) == [0, 100])
    }

    @Test("lets other zones take what near servers do not yet take while all of these are being warmed")
    func warming() {
        #expect(turns([candidate(1, share: 4), candidate(1, far: true)]) == [25, 75])
        #expect(turns([candidate(1, share: 4), candidate(1), candidate(1, far: true)]) == [20, 80, 0])
    }

    @Test("takes one backup when nothing else is usable, a near one if there is one")
    func backups() {
        let backups = [candidate(0), candidate(1, backup: true, far: true), candidate(1, backup: true), candidate(1, backup: true)]
        #expect(turns(backups) == [0, 0, 100, 0])
        #expect(turns([candidate(1, far: true), candidate(1, backup: true)]) == [100, 0])
        #expect(TurnPlan(backups, spillOver: 50).groups == [[], [], .near, []])
    }

    @Test("keeps its promises for any servers", arguments: seeds(300))
    func properties(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let candidates = (0..<Int.random(in: 0...6, using: &random)).map { _ in
            candidate(
                Int.random(in: 0...3, using: &random) * Int.random(in: 0...80, using: &random), share: Int.random(in: 1...16, using: &random),
                backup: Int.random(in: 0..<4, using: &random) == 0, far: Bool.random(using: &random))
        }
        let spillOver = Int.random(in: 0...100, using: &random)
        let plan = TurnPlan(candidates, spillOver: spillOver)
        let usable = candidates.indices.filter { candidates[$0].weight > 0 }
        let taking = candidates.indices.filter { !plan.groups[$0].isEmpty }
        #expect(taking.allSatisfy(usable.contains), "seed \(seed)")
        #expect(taking.isEmpty == usable.isEmpty, "seed \(seed)")
        #expect((plan.weights.reduce(0, +) > 0) == !usable.isEmpty, "seed \(seed)")
        for index in candidates.indices where plan.weights[index] > 0 { #expect(taking.contains(index), "seed \(seed)") }
        let active = usable.filter { !candidates[$0].isBackup }
        #expect(active.isEmpty ? taking.count <= 1 : taking == active, "seed \(seed)")
        for one in taking {
            for other in taking where plan.groups[one] == plan.groups[other] {
                #expect(plan.weights[one] * candidates[other].weight == plan.weights[other] * candidates[one].weight, "seed \(seed)")
            }
        }
        guard plan.hasFar else { return }
        let far = taking.reduce(0) { $0 + (plan.groups[$1] == .far ? plan.weights[$1] : 0) }
        #expect(far * 100 >= spillOver * plan.weights.reduce(0, +), "seed \(seed)")
        #expect(!Rotation.order(weights: plan.weights).isEmpty)
    }
}
