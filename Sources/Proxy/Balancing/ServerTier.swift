import Wire

/// A server's order of preference. The servers of the lowest rank take the sessions.
///
/// Preferred servers rank first, then skipped ones, then a single backup, near ones before far ones. Among preferred and among skipped servers, a lower
/// priority ranks first.
struct TierRank: Comparable, Sendable {
    private enum Kind: Int, Sendable {
        case preferred, skipped, backup, skippedBackup
    }

    private let kind: Kind
    private let number: Int

    /// The rank of the server at `index` of its backend. Every backup has a different rank.
    init(_ route: ServerRoute, isBackup: Bool, isFar: Bool, index: Int) {
        guard isBackup else {
            (kind, number) = (route.isSkipped ? .skipped : .preferred, route.priority)
            return
        }
        kind = route.isSkipped ? .skippedBackup : .backup
        number = isFar ? Int(UInt16.max) + index : index
    }

    /// True for servers that are used only when there are no better ones.
    var isSkipped: Bool { kind == .skipped || kind == .skippedBackup }

    static func < (left: TierRank, right: TierRank) -> Bool {
        left.kind != right.kind ? left.kind.rawValue < right.kind.rawValue : left.number < right.number
    }
}

/// The servers of one rank. Near servers take the sessions. Far servers take a share (`spill-over`), and the sessions that near servers have no room for.
struct ServerTier: Sendable {
    let rank: TierRank
    private var near = ServerGroup()
    private var far = ServerGroup()
    /// Hundredths of sessions owed to far servers. At a hundred they get the next session.
    private var farCredit = 0

    init(rank: TierRank) { self.rank = rank }

    /// The near or the far servers.
    subscript(isFar isFar: Bool) -> ServerGroup {
        _read { if isFar { yield far } else { yield near } }
        _modify { if isFar { yield &far } else { yield &near } }
    }

    /// The server whose turn it is, among those with room. Like `leastLoaded`, this changes the group in place, without a copy.
    mutating func takeTurn(isFar: Bool, _ servers: inout WeightedTurns.Servers) -> Int? { isFar ? far.takeTurn(&servers) : near.takeTurn(&servers) }

    /// The server with the lowest load, among those with room.
    mutating func leastLoaded(isFar: Bool) -> Int? { isFar ? far.loads.readFirst()?.number : near.loads.readFirst()?.number }

    /// The number of servers.
    var count: Int { near.count + far.count }

    /// True when there are both near and far servers.
    var hasNearAndFar: Bool { near.count > 0 && far.count > 0 }

    /// The percentage of sessions for far servers: `spillOver`, or more while all near servers are warming.
    func farPercent(spillOver: Int) -> Int {
        guard hasNearAndFar else { return near.count > 0 ? 0 : 100 }
        return max(spillOver, 100 - 100 * near.largestShare / SlowStart.fullShare)
    }

    /// Returns true when the next session belongs to a far server, and updates the credit.
    mutating func takeFarTurn(spillOver: Int) -> Bool {
        guard hasNearAndFar else { return near.count == 0 }
        farCredit += farPercent(spillOver: spillOver)
        guard farCredit >= 100 else { return false }
        farCredit -= 100
        return true
    }
}

/// The near or the far servers of a tier, which differ only in weight.
struct ServerGroup: Sendable {
    /// The number of servers, including those without room.
    private(set) var count = 0
    /// The number of servers by share of their weight, in sixteenths.
    private var shares = Array(repeating: 0, count: SlowStart.fullShare + 1)
    /// Servers with room, unordered.
    var ready: [Int32] = []
    /// The order of turns.
    var turns = WeightedTurns()
    /// Servers with room, by load; for `leastconn`.
    var loads = IndexedHeap()

    /// The largest share of a server, in sixteenths.
    var largestShare: Int { shares.lastIndex { $0 > 0 } ?? 0 }

    mutating func takeTurn(_ servers: inout WeightedTurns.Servers) -> Int? { ready.isEmpty ? nil : turns.next(&servers) }

    mutating func add(share: Int) {
        count += 1
        shares[share] += 1
    }

    mutating func remove(share: Int) {
        count -= 1
        shares[share] -= 1
    }
}
