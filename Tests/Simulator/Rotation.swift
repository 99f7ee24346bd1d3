import Gossip
import Simulation
import Wire

/// A key rotation as an operator does it: each step on each running node at any time, and in the key files.
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
    /// The furthest step that any node has reached.
    var reached = Step.before
}

extension Scenario {
    func step(of index: Int) -> Rotation.Step {
        guard let rotation, let ids = world.members[index].core?.ring.ids, ids.contains(rotation.new.id) else { return .before }
        guard ids.first == rotation.new.id else { return .installed }
        return ids.contains(rotation.old.id) ? .used : .removed
    }

    /// Takes a node one step further if the manual's order allows it: use a key after all running nodes have it, remove the old one after all use the new one.
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

    /// A refusal changes nothing and names a node; the operator retries later.
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

    /// The operator completes the rotation. All nodes run at this point.
    func endRotation() {
        guard let rotation, rotation.reached > .before else { return }
        for index in nodes where step(of: index) == .before { rotate(index) }
        run(.seconds(2))
        for _ in 0..<2 {
            for index in nodes { rotate(index) }
            run(.seconds(3))
        }
        for index in nodes where failure == nil && step(of: index) != .removed { fail(Violation("L6", "node \(index) is stuck at \(step(of: index))")) }
    }
}
