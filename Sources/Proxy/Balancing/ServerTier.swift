import Wire

/// How much a server is preferred: the lowest rank that has servers takes the sessions.
///
/// Preferred servers come first; then the skipped ones, which sessions leave out while there are others; then one backup alone, a near one if there is one.
/// Within the first two kinds, a lower priority comes first.
struct TierRank: Comparable, Sendable {
    private enum Kind: Int, Sendable {
        case preferred, skipped, backup, skippedBackup
    }

    private let kind: Kind
    private let number: Int

    /// The rank of the server at `index` of its backend; a backup has one of its own.
    init(_ route: ServerRoute, isBackup: Bool, isFar: Bool, index: Int) {
        guard isBackup else {
            (kind, number) = (route.isSkipped ? .skipped : .preferred, route.priority)
            return
        }
        kind = route.isSkipped ? .skippedBackup : .backup
        number = isFar ? Int(UInt16.max) + index : index
    }

    /// True for servers that are used only because there is no better one.
    var isSkipped: Bool { kind == .skipped || kind == .skippedBackup }

    static func < (left: TierRank, right: TierRank) -> Bool {
        left.kind != right.kind ? left.kind.rawValue < right.kind.rawValue : left.number < right.number
    }
}

/// The servers of one rank. The near ones take the sessions; the far ones take a share (`spill-over`), and the sessions that near ones have no room for.
struct ServerTier: Sendable {
    let rank: TierRank
    private var near = ServerGroup()
    private var far = ServerGroup()
    /// Hundredths of a session that far servers are owed; at a hundred they get the next one.
    private var farCredit = 0

    init(rank: TierRank) { self.rank = rank }

    /// Near servers, or far ones.
    subscript(isFar isFar: Bool) -> ServerGroup {
        _read { if isFar { yield far } else { yield near } }
        _modify { if isFar { yield &far } else { yield &near } }
    }

    /// The server with room whose turn it is. As in `leastLoaded` this changes the tier where it is, instead of a copy of it.
    mutating func takeTurn(isFar: Bool, _ servers: inout WeightedTurns.Servers) -> Int? { isFar ? far.takeTurn(&servers) : near.takeTurn(&servers) }

    /// The server with room that has the lowest load.
    mutating func leastLoaded(isFar: Bool) -> Int? { isFar ? far.loads.readFirst()?.number : near.loads.readFirst()?.number }

    /// How many servers there are.
    var count: Int { near.count + far.count }

    /// There are two groups to choose between.
    var hasBoth: Bool { near.count > 0 && far.count > 0 }

    /// The percentage of sessions for far servers: `spillOver`, or more while all near servers are being warmed.
    func farPercent(spillOver: Int) -> Int {
        guard hasBoth else { return near.count > 0 ? 0 : 100 }
        return max(spillOver, 100 - 100 * near.warmth / SlowStart.fullShare)
    }

    /// Whether the next session is for far servers.
    mutating func takeFarTurn(spillOver: Int) -> Bool {
        guard hasBoth else { return near.count == 0 }
        farCredit += farPercent(spillOver: spillOver)
        guard farCredit >= 100 else { return false }
        farCredit -= 100
        return true
    }
}

/// The near or the far servers of a tier; they differ only in their weights.
struct ServerGroup: Sendable {
    /// How many there are, including those without room.
    private(set) var count = 0
    /// By share of the weight, in sixteenths: how many servers have it.
    private var shares = Array(repeating: 0, count: SlowStart.fullShare + 1)
    /// Those with room, unordered.
    var ready: [Int32] = []
    /// Their turns.
    var turns = WeightedTurns()
    /// Those with room, by load, for `leastconn`.
    var loads = IndexedHeap()

    /// The largest share of any server.
    var warmth: Int { shares.lastIndex { $0 > 0 } ?? 0 }

    mutating func takeTurn(_ servers: inout WeightedTurns.Servers) -> Int? { ready.isEmpty ? nil : turns.next(&servers) }

    mutating func countIn(share: Int) {
        count += 1
        shares[share] += 1
    }

    mutating func countOut(share: Int) {
        count -= 1
        shares[share] -= 1
    }
}
