import Wire

/// Weights in a list, from which a position can be drawn in proportion to them. Each operation costs O(log n) at n weights.
///
/// A Fenwick tree: the node at position p, counted from 1, has the sum of the last lowbit(p) weights up to p.
struct WeightedDraw: Sendable {
    private var sums: [Int] = []
    private var weights: [Int] = []
    /// The sum of the weights.
    private(set) var total = 0

    /// Appends a weight, which must not be negative.
    mutating func append(_ weight: Int) {
        let node = sums.count + 1
        var (sum, inner) = (weight, node - 1)
        while inner > node - Self.lowbit(node) {
            sum += sums[inner - 1]
            inner -= Self.lowbit(inner)
        }
        sums.append(sum)
        weights.append(weight)
        total += weight
    }

    /// Changes the weight at a position.
    mutating func set(_ weight: Int, at position: Int) {
        let difference = weight - weights[position]
        weights[position] = weight
        total += difference
        var node = position + 1
        while node <= sums.count {
            sums[node - 1] += difference
            node += Self.lowbit(node)
        }
    }

    /// Removes the weight at a position. The last weight takes its position.
    mutating func remove(at position: Int) {
        let last = weights[weights.count - 1]
        if position < weights.count - 1 { set(last, at: position) }
        weights.removeLast()
        sums.removeLast()
        total -= last
    }

    /// Draws a position in proportion to its weight; `nil` when all weights are 0.
    func draw(_ random: inout SplitMix64) -> Int? {
        total > 0 ? position(of: Int(random.next(upperBound: UInt64(total)))) : nil
    }

    /// The position of a unit of weight, if all units are numbered from 0 on. `unit` must be below `total`.
    func position(of unit: Int) -> Int {
        var (left, node, step) = (unit, 0, Self.highestBit(sums.count))
        // Finds the last node whose weights, with all before them, sum up to at most `unit`.
        while step > 0 {
            if node + step <= sums.count, sums[node + step - 1] <= left {
                node += step
                left -= sums[node - 1]
            }
            step /= 2
        }
        return node
    }

    private static func lowbit(_ node: Int) -> Int { node & -node }

    private static func highestBit(_ count: Int) -> Int { count == 0 ? 0 : 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount) }
}
