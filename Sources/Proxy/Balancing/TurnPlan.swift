/// Which servers of a backend take sessions, how often each of them has its turn, and which are preferred when one has no room: near ones.
///
/// While a near server is usable, the far ones have the turns of `spill-over` only; yet they take what near ones have no room for, and whatever a connect
/// that failed leaves over. With no near server usable all are equals. A backup counts only while no other server is usable, and then one of them alone.
package struct TurnPlan: Equatable, Sendable {
    /// What the plan is made of: one server.
    package struct Candidate: Equatable, Sendable {
        /// 0 for a server that takes no sessions; else its weight times the sixteenths that it has while it is warmed.
        package var weight: Int
        /// Those sixteenths, 1 to 16.
        package var share = SlowStart.fullShare
        /// `backup`.
        package var isBackup = false
        /// It is in another zone than the node.
        package var isFar = false
        /// It is left out while there are others.
        package var isSkipped = false
        /// Of the servers those of the lowest one count.
        package var priority = 0

        /// A near server of this weight.
        package init(weight: Int) { self.weight = weight }
    }

    /// Near servers, far ones, or both: sessions that look for room take one of a group.
    package struct Group: OptionSet, BitwiseCopyable, Sendable {
        /// As in memory.
        package let rawValue: UInt8
        /// From memory.
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Preferred.
        package static let near = Group(rawValue: 1)
        /// Taken when no near one has room.
        package static let far = Group(rawValue: 2)
        /// All.
        package static let all: Group = [.near, .far]
    }

    /// Whose turn how often, by server; 0 for never.
    package let weights: [Int]
    /// Each server's group; empty for one that takes no session.
    package let groups: [Group]
    /// Whether there are two groups to choose between.
    package let hasFar: Bool

    /// The plan for `candidates`.
    ///
    /// - Parameter spillOver: the hundredths of all sessions that go to far servers while near ones are usable.
    package init(_ candidates: [Candidate], spillOver: Int) {
        let taking = TurnPlan.taking(candidates)
        let near = taking.filter { !candidates[$0].isFar }
        let far = taking.filter { candidates[$0].isFar }
        hasFar = !near.isEmpty && !far.isEmpty
        var weights = Array(repeating: 0, count: candidates.count)
        var groups = Array(repeating: Group(), count: candidates.count)
        // While all near servers are being warmed, the far ones take what these do not yet.
        let warmth = near.map { candidates[$0].share }.max() ?? SlowStart.fullShare
        let percent = max(spillOver, 100 - 100 * warmth / SlowStart.fullShare)
        let sums = (near: near.reduce(0) { $0 + candidates[$1].weight }, far: far.reduce(0) { $0 + candidates[$1].weight })
        for server in taking {
            let weight = candidates[server].weight
            guard hasFar else {
                (weights[server], groups[server]) = (weight, .near)
                continue
            }
            let isFar = candidates[server].isFar
            weights[server] = isFar ? weight * sums.near * percent : weight * sums.far * (100 - percent)
            groups[server] = isFar ? .far : .near
        }
        (self.weights, self.groups) = (weights, groups)
    }

    /// The servers that take sessions: the usable ones that are not `backup`, without those to be left out as long as another one stays, and of these those
    /// of the lowest priority; or, when there are none, one usable backup, a near one if there is one.
    private static func taking(_ candidates: [Candidate]) -> [Int] {
        let usable = candidates.indices.filter { candidates[$0].weight > 0 }
        let active = usable.filter { !candidates[$0].isBackup }
        let preferred = active.filter { !candidates[$0].isSkipped }
        let left = preferred.isEmpty ? active : preferred
        if let first = left.map({ candidates[$0].priority }).min() { return left.filter { candidates[$0].priority == first } }
        return (usable.first { !candidates[$0].isFar } ?? usable.first).map { [$0] } ?? []
    }
}
