import Wire

/// A server's order of preference. The servers of the lowest rank take the sessions.
///
/// Preferred servers rank first, then skipped ones, then a single backup, near ones before far ones. Among preferred and among skipped servers, a lower
/// priority ranks first. With `option allbackups` it also does among backups, which then share a rank.
struct TierRank: Comparable, Sendable {
    private enum Kind: Int, Sendable {
        case preferred, skipped, backup, skippedBackup
    }

    private static let farOffset = Int(UInt16.max)

    private let kind: Kind
    private let number: Int

    /// The rank of the server at `index` of its backend. Every backup has a different rank, unless backups share the sessions (`option allbackups`).
    init(_ route: ServerRoute, isBackup: Bool, isFar: Bool, index: Int, backupsShare: Bool) {
        guard isBackup else {
            (kind, number) = (route.isSkipped ? .skipped : .preferred, route.priority)
            return
        }
        kind = route.isSkipped ? .skippedBackup : .backup
        number = backupsShare ? route.priority : isFar ? Self.farOffset + index : index
    }

    /// The only server of this rank, where backups do not share the sessions; `nil` for a rank of other servers.
    var soleBackup: Int? { kind == .backup || kind == .skippedBackup ? number % Self.farOffset : nil }

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

    /// The near or the far servers. Only mutating functions reach them in place: reading a property copies the tier.
    subscript(isFar isFar: Bool) -> ServerGroup {
        _read { if isFar { yield far } else { yield near } }
        _modify { if isFar { yield &far } else { yield &near } }
    }

    /// The server whose turn it is, among those with room. Like the functions below, this accesses the group in place, without a copy.
    mutating func takeTurn(isFar: Bool, _ servers: inout WeightedTurns.Servers) -> Int? { isFar ? far.takeTurn(&servers) : near.takeTurn(&servers) }

    /// The first server of `order`.
    mutating func first(isFar: Bool) -> Int? { isFar ? far.order.readFirst()?.number : near.order.readFirst()?.number }

    /// A server with room, drawn in proportion to its weight.
    mutating func draw(isFar: Bool, _ random: inout SplitMix64) -> Int? { isFar ? far.draw(&random) : near.draw(&random) }

    /// Whether any server has room.
    mutating func hasReady(isFar: Bool) -> Bool { isFar ? !far.ready.isEmpty : !near.ready.isEmpty }

    /// The number of points on the ring, and the sum of the weights.
    mutating func ringExtent(isFar: Bool) -> (points: Int, weight: Int) {
        isFar ? (far.ring.count, far.turns.total) : (near.ring.count, near.turns.total)
    }

    /// The number of servers.
    var count: Int { near.count + far.count }

    /// True when there are both near and far servers.
    var hasNearAndFar: Bool { near.count > 0 && far.count > 0 }

    /// The percentage of sessions for far servers: `spillOver`, or more while all near servers are warming.
    func farPercent(spillOver: Int) -> Int {
        guard hasNearAndFar else { return near.count > 0 ? 0 : 100 }
        return max(spillOver, 100 - 100 * near.largestShare / SlowStart.fullShare)
    }

    /// Whether a hash belongs to the far servers. They get the same share of the hashes as of the turns.
    mutating func isFar(_ hash: UInt32, spillOver: Int) -> Bool {
        guard hasNearAndFar else { return near.count == 0 }
        return KeyHash.avalanche(hash) % 100 < farPercent(spillOver: spillOver)
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
    /// Servers with room: by load for `leastconn`, by identifier for `first`.
    var order = IndexedHeap()
    /// The weights of the servers in `ready`, in the same order; for `random`.
    var draws = WeightedDraw()
    /// The points of the servers, with or without room; for hashes.
    var ring = HashRing()

    /// The largest share of a server, in sixteenths.
    var largestShare: Int { shares.lastIndex { $0 > 0 } ?? 0 }

    mutating func takeTurn(_ servers: inout WeightedTurns.Servers) -> Int? { ready.isEmpty ? nil : turns.next(&servers) }

    /// Appends a server to `ready`. Returns its place there.
    mutating func appendReady(_ server: Int) -> Int32 {
        ready.append(Int32(truncatingIfNeeded: server))
        return Int32(truncatingIfNeeded: ready.count - 1)
    }

    /// Removes the server at a place of `ready`. Returns the server that has moved to this place, if any.
    mutating func removeReady(at place: Int) -> Int? {
        let last = ready.removeLast()
        guard place < ready.count else { return nil }
        ready[place] = last
        return Int(last)
    }

    mutating func draw(_ random: inout SplitMix64) -> Int? { draws.draw(&random).map { Int(ready[$0]) } }

    mutating func add(share: Int) {
        count += 1
        shares[share] += 1
    }

    mutating func remove(share: Int) {
        count -= 1
        shares[share] -= 1
    }
}
