/// The order in which a backend's servers take turns, in proportion to their weights.
///
/// One pass over `order` gives every server its share, spread as evenly as smooth weighted round robin spreads it. A process-wide
/// counter modulo the order's length is all the state that turns need, so any number of threads can take them without a lock.
package enum Rotation {
    /// The longest order, in turns: weights are scaled down to stay below it.
    package static let turnsMax = 65_536

    /// The order for servers of these weights: indexes into `weights`; empty when all are 0.
    ///
    /// Each turn goes to the server whose credit is largest, the first one of equals; a turn costs the sum of all weights, and every server earns its weight.
    package static func order(weights: [Int]) -> [UInt16] {
        let shares = reduced(weights)
        let total = shares.reduce(0, +)
        guard total > 0 else { return [] }
        var credits = Array(repeating: 0, count: shares.count)
        return (0..<total).map { _ in
            var best = 0
            for index in shares.indices where shares[index] > 0 {
                credits[index] += shares[index]
                if shares[best] == 0 || credits[index] > credits[best] { best = index }
            }
            credits[best] -= total
            return UInt16(truncatingIfNeeded: best)
        }
    }

    /// The same proportions with the smallest whole numbers, and a sum of at most `turnsMax` (no weight above 0 becomes 0).
    static func reduced(_ weights: [Int]) -> [Int] {
        let positive = weights.filter { $0 > 0 }
        guard let first = positive.first else { return [] }
        let divisor = positive.dropFirst().reduce(first, greatestCommonDivisor)
        let shares = weights.map { max(0, $0) / divisor }
        let total = shares.reduce(0, +)
        guard total > turnsMax else { return shares }
        return shares.map { $0 == 0 ? 0 : max(1, $0 * (turnsMax / 2) / total) }
    }

    private static func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
        var (left, right) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }
}
