/// The row that each revision changed. It gives the rows that a peer lacks without a scan of the tables. `compact` keeps it in proportion to them.
struct ChangeLog: Sendable {
    struct Change: Sendable {
        let key: RowKey
        let revision: UInt64
        /// The node that sent the row; `nil` for this node.
        let source: NodeID?
    }

    private var changes: [Change] = []

    var count: Int { changes.count }

    subscript(index: Int) -> Change { changes[index] }

    mutating func append(_ change: Change) { changes.append(change) }

    /// Returns the index of the first change after `revision`.
    func position(after revision: UInt64) -> Int {
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Keeps the changes that satisfy `isCurrent`: those that no later change has replaced.
    mutating func compact(_ isCurrent: (RowKey, UInt64) -> Bool) { changes.removeAll { !isCurrent($0.key, $0.revision) } }
}
