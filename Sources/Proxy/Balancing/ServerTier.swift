/// Which servers are preferred: those of the lowest rank that has any take the sessions.
///
/// First the servers without a drawback; then those that sessions leave out while there are others; then one backup alone, a near one if there is one. Of
/// servers with priorities those of the lowest one come first.
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

    /// True when something speaks against its servers.
    var isSkipped: Bool { kind == .skipped || kind == .skippedBackup }

    static func < (left: TierRank, right: TierRank) -> Bool {
        left.kind != right.kind ? left.kind.rawValue < right.kind.rawValue : left.number < right.number
    }
}

/// The servers of one rank. The near ones take the sessions; the far ones take a share of them (`spill-over`), and those that near ones have no room for.
struct ServerTier: Sendable {
    let rank: TierRank
    private var near = ServerGroup()
    private var far = ServerGroup()
    /// The hundredths of the sessions that far servers are due; one is due at a hundred.
    private var farCredit = 0

    init(rank: TierRank) { self.rank = rank }

    /// Near servers, or far ones.
    subscript(isFar isFar: Bool) -> ServerGroup {
        get { isFar ? far : near }
        _modify { if isFar { yield &far } else { yield &near } }
    }

    /// How many servers there are.
    var count: Int { near.count + far.count }

    /// There are two groups to choose between.
    var hasBoth: Bool { near.count > 0 && far.count > 0 }

    /// The hundredths of the sessions for far servers: `spillOver`, or more while all near servers are being warmed.
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

/// Servers that are equals but for their weights.
struct ServerGroup: Sendable {
    /// How many there are, those without room included.
    private(set) var count = 0
    /// How many have each share of their weight.
    private var shares = Array(repeating: 0, count: SlowStart.fullShare + 1)
    /// Those with room, in no order.
    var ready: [Int32] = []
    /// Their turns.
    var turns = WeightedTurns()
    /// Those with room by their load, for `leastconn`.
    var loads = ServerHeap()

    /// The largest share of any server.
    var warmth: Int { shares.lastIndex { $0 > 0 } ?? 0 }

    mutating func countIn(share: Int) {
        count += 1
        shares[share] += 1
    }

    mutating func countOut(share: Int) {
        count -= 1
        shares[share] -= 1
    }
}
