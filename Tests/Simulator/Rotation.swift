import Gossip
import Simulation
import Wire

/// A key rotation as an operator does it: each step on each node that runs, at any time, and in the key files.
struct Rotation {
    enum Step: Int, Comparable {
        case before
        case installed
        case used
        case removed

        static func < (left: Step, right: Step) -> Bool { left.rawValue < right.rawValue }
    }

    let old: KeyRing.Key
    let new: KeyRing.Key
    /// The furthest step that any node has taken.
    var reached = Step.before
}

extension Scenario {
    func step(of index: Int) -> Rotation.Step {
        guard let rotation, let ids = world.members[index].core?.ring.ids, ids.contains(rotation.new.id) else { return .before }
        guard ids.first == rotation.new.id else { return .installed }
        return ids.contains(rotation.old.id) ? .used : .removed
    }

    /// Takes one node one step further, if the order of the manual allows it: use once all that run have it, remove once all that run use it.
    func rotate(_ index: Int) {
        guard let rotation, world.members[index].core != nil, pausedSince[index] == nil else { return }
        let running = world.members.indices.filter { world.members[$0].core != nil }.map { step(of: $0) }
        let slowest = running.min() ?? .before
        switch step(of: index) {
        case .before: command(index) { core throws(KeyRing.Refusal) in try core.installKey(rotation.new) }
        case .installed where slowest >= .installed: command(index) { core throws(KeyRing.Refusal) in try core.useKey(rotation.new.id) }
        case .used where slowest >= .used: command(index) { core throws(KeyRing.Refusal) in try core.removeKey(rotation.old.id) }
        case .installed, .used, .removed: break
        }
        let reached = max(rotation.reached, step(of: index))
        self.rotation?.reached = reached
    }

    /// A refusal leaves everything as it was, and names a node; the operator tries again later.
    private func command(_ index: Int, _ body: (inout GossipNode) throws(KeyRing.Refusal) -> Void) {
        world.with(index) { core, _, _ in
            do {
                try body(&core)
            } catch KeyRing.Refusal.lacking(let nodes) where !nodes.isEmpty {
                return
            } catch KeyRing.Refusal.sentWith(let nodes) where !nodes.isEmpty {
                return
            } catch {
                fail(Violation("L6", "node \(index): \(error)"))
            }
        }
        if let ring = world.members[index].core?.ring { world.setRing(index, ring) }
    }

    /// The operator goes on until all have come to the end: every node runs by now.
    func endRotation() {
        guard let rotation, rotation.reached > .before else { return }
        for index in nodes where step(of: index) == .before { rotate(index) }
        run(.seconds(2))
        for _ in 0..<2 {
            for index in nodes { rotate(index) }
            run(.seconds(3))
        }
        for index in nodes where failure == nil && step(of: index) != .removed { fail(Violation("L6", "node \(index) stays at \(step(of: index))")) }
    }
}
