/// `hash-balance-factor`: the most sessions that a server may have, so that a hash that selects many sessions does not overload it.
///
/// - SeeAlso: Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads" (arXiv:1608.01350); HAProxy, `chash_server_is_eligible` in lb_chash.c,
///   whose rounding this follows.
struct LoadBound: Sendable {
    /// The most sessions in percent of an even distribution; 0 for no limit.
    let factor: Int

    /// The limit of a server, at least 1.
    ///
    /// - Parameters:
    ///   - weight: its weight, part of `total`, the sum of all weights.
    ///   - before: the weights of the servers before it in the file, as they were at the start: HAProxy does not update them.
    ///   - sessions: the number of sessions that have a server.
    func limit(weight: Int, before: Int, total: Int, sessions: Int) -> Int {
        guard factor > 0, total > 0 else { return .max }
        // The session to be placed counts.
        let (each, rest) = (((sessions + 1) * factor + 99) / 100).quotientAndRemainder(dividingBy: total)
        // The rest is distributed in proportion to the weights, one place after the other.
        return max(1, weight * each + (before + weight) * rest / total - before * rest / total)
    }
}
