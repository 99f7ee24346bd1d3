import Wire

/// The ring of `hash-type consistent`: each server has a point on the circle of 32-bit numbers for each sixteenth of its weight, and a hash selects the server
/// of the nearest point. A server that comes, goes or changes its weight moves only the hashes near its own points.
///
/// - SeeAlso: HAProxy, lb_chash.c, the source of the positions.
struct HashRing: Sendable {
    /// The points of a server.
    struct Points: Equatable, Sendable {
        /// The number that the positions are computed from (`HashKey.number`).
        var key: UInt32 = 0
        /// 0 to `WeightedTurns.weightMax`.
        var count = 0

        fileprivate func of(_ server: Int, _ numbers: Range<Int>) -> [UInt64] {
            numbers.map { UInt64(KeyHash.avalanche(key &+ UInt32($0))) << 32 | UInt64(server) }
        }
    }

    /// The points in the order of their positions: the position in the upper half, and the server in the lower one.
    private var points: [UInt64] = []
    /// The point of the last turn; `nil` before the first turn.
    private var turn: UInt64?

    /// The number of points.
    var count: Int { points.count }

    // MARK: Changes

    /// Adds points at the start; `sort` must follow. O(points) for each server, where `change` is O(all points).
    mutating func append(_ added: Points, of server: Int) { points += added.of(server, 0..<added.count) }

    /// Sorts the points after `append`.
    mutating func sort() { points.sort() }

    /// Replaces the points of a server.
    mutating func change(_ server: Int, from old: Points, to new: Points) {
        let kept = old.key == new.key ? min(old.count, new.count) : 0
        remove(old.of(server, kept..<old.count).sorted())
        insert(new.of(server, kept..<new.count).sorted())
    }

    private mutating func remove(_ removed: [UInt64]) {
        guard !removed.isEmpty else { return }
        var (kept, next) = (0, 0)
        for place in points.indices {
            if next < removed.count, removed[next] == points[place] {
                next += 1
            } else {
                points[kept] = points[place]
                kept += 1
            }
        }
        points.removeLast(points.count - kept)
        // As in HAProxy, the next turn then skips a point.
        if let last = turn, removed.contains(last) { turn = points.isEmpty ? nil : points[wrapped(place(after: last))] }
    }

    private mutating func insert(_ added: [UInt64]) {
        guard !added.isEmpty else { return }
        var (from, next, place) = (points.count - 1, added.count - 1, points.count + added.count - 1)
        points += added
        while next >= 0 {
            let isOld = from >= 0 && points[from] > added[next]
            points[place] = isOld ? points[from] : added[next]
            if isOld { from -= 1 } else { next -= 1 }
            place -= 1
        }
    }

    // MARK: Lookup: O(log points)

    /// The place of the point nearest to `hash`, the lower one of two. The ring must have points.
    ///
    /// This function and those below are mutating only so that a caller reaches a ring in a tier in place, without a copy.
    mutating func place(nearest hash: UInt32) -> Int {
        let next = wrapped(firstPlace { $0 >= UInt64(hash) << 32 })
        let previous = (next == 0 ? points.count : next) - 1
        return hash &- position(previous) <= position(next) &- hash ? previous : next
    }

    /// The server of the point at a place.
    mutating func server(at place: Int) -> Int { Int(points[place] & 0xffff_ffff) }

    /// Takes the next turn, a point after the other, and returns its server. The ring must have points.
    mutating func takeTurn() -> Int {
        let place = turn.map { wrapped(self.place(after: $0)) } ?? 0
        turn = points[place]
        return server(at: place)
    }

    private func place(after point: UInt64) -> Int { firstPlace { $0 > point } }

    private func wrapped(_ place: Int) -> Int { place < points.count ? place : 0 }

    private func position(_ place: Int) -> UInt32 { UInt32(points[place] >> 32) }

    /// The first place whose point satisfies `predicate`, which no point before it does; `count` if there is none.
    private func firstPlace(_ predicate: (UInt64) -> Bool) -> Int {
        var (low, high) = (0, points.count)
        while low < high {
            let middle = (low + high) / 2
            if predicate(points[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension HashKey {
    /// The number that the server's points are computed from.
    ///
    /// - SeeAlso: HAProxy 3.2, `chash_compute_server_key` in lb_chash.c. Like HAProxy on x86, it reads a 32-bit address as a little-endian number.
    func number(identifier: Int, address: SocketAddress?) -> UInt32 {
        guard self != .identifier, case .ip(let ip, let port) = address else {
            return UInt32(truncatingIfNeeded: identifier) &* UInt32(WeightedTurns.weightMax)
        }
        let seed = self == .addressAndPort ? KeyHash.avalanche(UInt32(port)) : 0
        switch ip {
        case .v4(let bits): return KeyHash.avalanche(seed &+ bits.byteSwapped)
        case .v6(let high, let low): return withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { XXHash.hash32($0, seed: seed) }
        }
    }
}
