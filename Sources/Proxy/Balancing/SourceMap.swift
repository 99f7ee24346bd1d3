import Wire

/// `balance source`: HAProxy's static map, so that tsukada and HAProxy send a client to the same server.
///
/// The map has a place for each unit of weight. A client's place is its number modulo the number of places. The map is equal on every node.
/// - SeeAlso: HAProxy, `get_server_sh` in backend.c and `recalc_server_map` in lb_map.c.
package enum SourceMap {
    /// A client's number: the 32-bit words of its address, XORed.
    package static func value(of address: IPAddress) -> UInt64 {
        switch address {
        case .v4(let bits): UInt64(bits)
        case .v6(let high, let low): (high >> 32) ^ (high & 0xffff_ffff) ^ (low >> 32) ^ (low & 0xffff_ffff)
        }
    }

    /// The map for servers of these weights: indexes into `weights`; empty when all are 0.
    ///
    /// For each place every server earns its weight. The first server with the most whole shares earned gets the place, which costs it the sum of all
    /// weights.
    package static func places(weights: [Int]) -> [UInt16] {
        let shares = Rotation.reduced(weights)
        let total = shares.reduce(0, +)
        guard total > 0 else { return [] }
        var scores = Array(repeating: 0, count: shares.count)
        return (0..<total).map { _ in
            var (best, most) = (0, -1)
            for index in shares.indices where shares[index] > 0 {
                scores[index] += shares[index]
                let earned = (scores[index] + total) / total
                if earned > most { (best, most) = (index, earned) }
            }
            scores[best] -= total
            return UInt16(truncatingIfNeeded: best)
        }
    }
}
