/// Which row each revision changed: what a peer lacks is found without a look at all rows. Bounded by the rows: see `compact`.
struct ChangeLog: Sendable {
    struct Change: Sendable {
        let key: RowKey
        let revision: UInt64
        /// Who told it; `nil` for this node itself.
        let source: NodeID?
    }

    private var changes: [Change] = []

    var count: Int { changes.count }

    subscript(index: Int) -> Change { changes[index] }

    mutating func append(_ change: Change) { changes.append(change) }

    /// The first change after `revision`.
    func position(after revision: UInt64) -> Int {
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Keeps the changes that `isCurrent`: those which no later one has replaced.
    mutating func compact(_ isCurrent: (RowKey, UInt64) -> Bool) { changes.removeAll { !isCurrent($0.key, $0.revision) } }
}
