import Wire

/// The static map of `hash-type map-based` and `static-rr`: HAProxy's, so that tsukada and HAProxy send a client to the same server, and use servers in the same
/// order.
///
/// The map has a place for each unit of weight. A hash selects the place of its remainder; sessions without a hash take the places in turn. The map is the same
/// on every node.
/// - SeeAlso: HAProxy, `recalc_server_map` in lb_map.c.
struct SourceMap: Sendable {
    /// The server at each place.
    var places: [UInt16] = []
    /// The next place of a turn. As in HAProxy, it is kept while the map changes, and may be beyond the last place.
    private var turn = 0

    /// The server of a number. The map must have places.
    func server(at number: Int) -> Int { Int(places[number % places.count]) }

    /// Takes the next place whose server has room, and returns the server.
    mutating func takeTurn(_ servers: inout [BalancedServer]) -> Int? {
        let start = turn < places.count ? turn : 0
        for step in places.indices {
            let place = (start + step) % places.count
            let server = Int(places[place])
            guard servers[server].isReady else { continue }
            // The place after the last one is kept: the map may be longer when the next session comes.
            turn = place + 1
            return server
        }
        return nil
    }

    /// The most places. Larger sums of weights are scaled down.
    static let placesMax = 65_536

    /// The map for servers with these weights, as indexes into `weights`; empty when all are 0.
    ///
    /// A longer map for a smaller `unit` only repeats the shorter one, but a turn of `static-rr` can be at any place of it.
    ///
    /// At each place every server earns its weight. The first server with the most whole shares gets the place and pays the sum of all weights. Only servers
    /// that earn another whole share at a place move in the heap, so the map costs O(places log servers).
    ///
    /// - Parameter unit: the weight of a place, if all weights are multiples of it; 0 for the largest such weight.
    static func places(weights: [Int], unit: Int = 0) -> [UInt16] {
        let shares = reduced(weights, unit: unit)
        let total = shares.reduce(0, +)
        guard total > 0 else { return [] }
        var heap = IndexedHeap()
        var heapPlaces: IndexedHeap.Places = Array(repeating: -1, count: shares.count)
        // The negated balance of whole shares: a share earned lowers a key, a place received raises it.
        var keys = Array(repeating: 0, count: shares.count)
        func entry(_ server: Int) -> IndexedHeap.Entry { IndexedHeap.Entry(server, key: keys[server], arrival: UInt64(server)) }
        for server in shares.indices where shares[server] > 0 { heap.insert(entry(server), &heapPlaces) }
        func move(_ server: Int, by difference: Int) {
            heap.remove(server, &heapPlaces)
            keys[server] += difference
            heap.insert(entry(server), &heapPlaces)
        }
        let (earners, ends) = earnings(shares, total: total)
        return (0..<total).map { place in
            for earner in (place == 0 ? 0 : ends[place - 1])..<ends[place] { move(Int(earners[earner]), by: -1) }
            guard let best = heap.first else { return 0 }
            move(best.number, by: 1)
            return UInt16(truncatingIfNeeded: best.number)
        }
    }

    /// The servers in the order of the places at which they earn another whole share, and for each place the index after its last server in that list.
    private static func earnings(_ shares: [Int], total: Int) -> (earners: [Int32], ends: [Int]) {
        var ends = Array(repeating: 0, count: total)
        func place(_ whole: Int, _ share: Int) -> Int { (whole * total + share - 1) / share - 1 }
        for share in shares where share > 0 { for whole in 1...share { ends[place(whole, share)] += 1 } }
        for place in ends.indices.dropFirst() { ends[place] += ends[place - 1] }
        var (earners, next) = (Array(repeating: Int32(0), count: total), ends)
        for (server, share) in shares.enumerated() where share > 0 {
            for whole in 1...share {
                let place = place(whole, share)
                next[place] -= 1
                earners[next[place]] = Int32(truncatingIfNeeded: server)
            }
        }
        return (earners, ends)
    }

    /// Reduces weights to the smallest integers of the same ratio, with a sum of at most `placesMax`. A weight above 0 stays above 0.
    static func reduced(_ weights: [Int], unit: Int) -> [Int] {
        let divisor = greatestUnit(of: weights, unit)
        guard divisor > 0 else { return [] }
        let shares = weights.map { max(0, $0) / divisor }
        let total = shares.reduce(0, +)
        guard total > placesMax else { return shares }
        return shares.map { $0 == 0 ? 0 : max(1, $0 * (placesMax / 2) / total) }
    }

    /// The largest number of which `unit` and all weights are multiples, 0 if all are 0.
    static func greatestUnit(of weights: [Int], _ unit: Int = 0) -> Int { weights.reduce(unit) { greatestCommonDivisor($0, max(0, $1)) } }

    private static func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
        var (left, right) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }
}
