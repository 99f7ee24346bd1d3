import Wire

/// The result of merging a row.
package enum MergeOutcome: Equatable, Sendable {
    /// The row was newer and is stored.
    case stored
    /// The table has this row or a newer one, or the row belongs to a session that is over.
    case known
    /// The row belongs to an unknown node, or the table is full.
    case refused
}

/// The tables that converge on all nodes: MEMBER, HEALTH, ADMIN, LEASE, BALLOT.
///
/// Each table is a join semilattice: merging keeps the higher row, in any order and any number of times. One counter numbers all changes, so that two numbers
/// show which rows a peer lacks.
package struct SharedTables: Sendable {
    private let nodes: [NodeID]
    private var configured: [ServerID] = []
    private(set) var members = RowTable<NodeID, MemberRow>()
    private(set) var health = RowTable<HealthKey, HealthRow>()
    private(set) var administrative = RowTable<ServerID, AdministrativeRow>()
    private(set) var leases = RowTable<UInt64, LeaseRow>()
    private(set) var ballots = RowTable<BallotKey, BallotRow>()
    private var serversCount = 0
    private var changes = ChangeLog()
    private var buckets = [UInt64](repeating: 0, count: GossipLimits.bucketsCount)
    /// The number of the latest change.
    package private(set) var revision: UInt64 = 0
    /// A hash of all rows. It depends on the rows only, not on the order of changes.
    package private(set) var hash: UInt64 = 0

    /// Creates empty tables for the nodes of the cluster, this one included.
    package init(nodes: [NodeID]) { self.nodes = nodes.sorted() }

    /// The MEMBER rows, by node.
    package var memberRows: [MemberRow] { members.entries.map(\.row) }
    /// The HEALTH rows, by server and observer.
    package var healthRows: [HealthRow] { health.entries.map(\.row) }
    /// The ADMIN rows, by server.
    package var administrativeRows: [AdministrativeRow] { administrative.entries.map(\.row) }
    /// The LEASE rows, by name.
    package var leaseRows: [LeaseRow] { leases.entries.map(\.row) }
    /// The BALLOT rows, by subject and node.
    package var ballotRows: [BallotRow] { ballots.entries.map(\.row) }
    /// The number of rows in all tables.
    package var rowsCount: Int { members.count + health.count + administrative.count + leases.count + ballots.count }
    /// A hash of the rows per bucket.
    package var digest: [UInt64] { buckets }
    /// The length of the change log, which is bounded by the number of rows.
    package var changesCount: Int { changes.count }

    /// Sets the servers of this node's configuration. Their rows are stored even when rows of other servers fill the table.
    package mutating func configure(_ servers: [ServerID]) { configured = servers.sorted() }

    /// Stores a row if it is newer than the one in the table.
    package mutating func merge(_ row: MemberRow, from source: NodeID? = nil) -> MergeOutcome {
        guard nodes.contains(row.node) else { return .refused }
        let old = members[row.node]
        if let old, !row.isNewer(than: old) { return .known }
        if let old { forget(.member(row.node), old.fingerprint) }
        if (old?.session ?? 0) < row.session { dropRows(of: row.node, before: row.session) }
        revision += 1
        members.set(row, for: row.node, revision: revision)
        remember(.member(row.node), row.fingerprint, source)
        return .stored
    }

    /// Stores a row if it is newer than the one in the table. Rows of sessions that are over do not count.
    package mutating func merge(_ row: HealthRow, from source: NodeID? = nil) -> MergeOutcome {
        guard nodes.contains(row.observer) else { return .refused }
        guard row.session >= members[row.observer]?.session ?? 0 else { return .known }
        let key = HealthKey(server: row.server, observer: row.observer)
        if let old = health[key] {
            guard row.isNewer(than: old) else { return .known }
            forget(.health(key), old.fingerprint)
        } else if !hasRows(of: row.server) {
            guard serversCount < GossipLimits.serversMax || isConfigured(row.server) else { return .refused }
            serversCount += 1
        }
        revision += 1
        health.set(row, for: key, revision: revision)
        remember(.health(key), row.fingerprint, source)
        return .stored
    }

    /// Stores a row if it is newer than the one in the table.
    package mutating func merge(_ row: AdministrativeRow, from source: NodeID? = nil) -> MergeOutcome {
        if let old = administrative[row.server] {
            guard row.isNewer(than: old) else { return .known }
            forget(.administrative(row.server), old.fingerprint)
        } else if administrative.count >= GossipLimits.serversMax, !isConfigured(row.server) {
            return .refused
        }
        revision += 1
        administrative.set(row, for: row.server, revision: revision)
        remember(.administrative(row.server), row.fingerprint, source)
        return .stored
    }

    /// Stores a row if it is newer than the one in the table.
    package mutating func merge(_ row: LeaseRow, from source: NodeID? = nil) -> MergeOutcome {
        guard nodes.contains(row.holder) else { return .refused }
        if let old = leases[row.name] {
            guard row.isNewer(than: old) else { return .known }
            forget(.lease(row.name), old.fingerprint)
        } else if leases.count >= GossipLimits.leasesMax {
            return .refused
        }
        revision += 1
        leases.set(row, for: row.name, revision: revision)
        remember(.lease(row.name), row.fingerprint, source)
        return .stored
    }

    /// Stores a row if it is newer than the one in the table. Rows of sessions that are over do not count.
    package mutating func merge(_ row: BallotRow, from source: NodeID? = nil) -> MergeOutcome {
        guard nodes.contains(row.node) else { return .refused }
        guard row.session >= members[row.node]?.session ?? 0 else { return .known }
        let key = BallotKey(subject: row.subject, node: row.node)
        if let old = ballots[key] {
            guard row.isNewer(than: old) else { return .known }
            forget(.ballot(key), old.fingerprint)
        } else if ballots.count >= GossipLimits.ballotsMax {
            return .refused
        }
        revision += 1
        ballots.set(row, for: key, revision: revision)
        remember(.ballot(key), row.fingerprint, source)
        return .stored
    }

    /// Calls `body` with each row that changed after `revision`, oldest first, with the revision and the node that sent it, until `body` returns false.
    func forEachChange(after revision: UInt64, _ body: (Record, UInt64, NodeID?) -> Bool) {
        var index = changes.position(after: revision)
        while index < changes.count {
            let change = changes[index]
            index += 1
            guard let record = record(change.key, at: change.revision) else { continue }
            guard body(record, change.revision, change.source) else { return }
        }
    }

    /// Calls `body` with all rows of the buckets in `wanted`, table by table.
    func forEachRow(inBuckets wanted: UInt32, _ body: (Record) -> Void) {
        func isWanted(_ key: RowKey) -> Bool { wanted & 1 << UInt32(bucket(key)) != 0 }
        for entry in members.entries where isWanted(.member(entry.key)) { body(.member(entry.row)) }
        for entry in administrative.entries where isWanted(.administrative(entry.key)) { body(.administrative(entry.row)) }
        for entry in leases.entries where isWanted(.lease(entry.key)) { body(.lease(entry.row)) }
        for entry in ballots.entries where isWanted(.ballot(entry.key)) { body(.ballot(entry.row)) }
        for entry in health.entries where isWanted(.health(entry.key)) { body(.health(entry.row)) }
    }

    /// Calls `body` with each observer's row of `server`, ordered by observer.
    func forEachView(of server: ServerID, _ body: (HealthRow) -> Void) {
        var index = health.position(HealthKey(server: server, observer: NodeID(0)))
        while index < health.count, health.entries[index].key.server == server {
            body(health.entries[index].row)
            index += 1
        }
    }
}

extension SharedTables {
    private func isConfigured(_ server: ServerID) -> Bool {
        var (low, high) = (0, configured.count)
        while low < high {
            let middle = (low + high) / 2
            if configured[middle] < server { low = middle + 1 } else { high = middle }
        }
        return low < configured.count && configured[low] == server
    }

    private func hasRows(of server: ServerID) -> Bool {
        let index = health.position(HealthKey(server: server, observer: NodeID(0)))
        return index < health.count && health.entries[index].key.server == server
    }

    /// Drops what a node reported in its earlier sessions.
    private mutating func dropRows(of node: NodeID, before session: UInt64) {
        dropHealth(of: node, before: session)
        for entry in ballots.entries where entry.key.node == node && entry.row.session < session { forget(.ballot(entry.key), entry.row.fingerprint) }
        ballots.removeAll { $0.node == node && $0.session < session }
    }

    private mutating func dropHealth(of observer: NodeID, before session: UInt64) {
        var hasRemovals = false
        for entry in health.entries where entry.key.observer == observer && entry.row.session < session {
            forget(.health(entry.key), entry.row.fingerprint)
            hasRemovals = true
        }
        guard hasRemovals else { return }
        health.removeAll { $0.observer == observer && $0.session < session }
        serversCount = 0
        var last: ServerID?
        for entry in health.entries where entry.key.server != last {
            serversCount += 1
            last = entry.key.server
        }
    }

    /// Returns the row of change `revision`, or `nil` when a later change has replaced it.
    private func record(_ key: RowKey, at revision: UInt64) -> Record? {
        switch key {
        case .member(let node): members.entry(node).flatMap { $0.revision == revision ? .member($0.row) : nil }
        case .health(let key): health.entry(key).flatMap { $0.revision == revision ? .health($0.row) : nil }
        case .administrative(let server): administrative.entry(server).flatMap { $0.revision == revision ? .administrative($0.row) : nil }
        case .lease(let name): leases.entry(name).flatMap { $0.revision == revision ? .lease($0.row) : nil }
        case .ballot(let key): ballots.entry(key).flatMap { $0.revision == revision ? .ballot($0.row) : nil }
        }
    }

    private func bucket(_ key: RowKey) -> Int {
        let mixed =
            switch key {
            case .member(let node): Fingerprint(1).adding(node.number)
            case .health(let key): Fingerprint(2).adding(key.server.number).adding(key.observer.number)
            case .administrative(let server): Fingerprint(3).adding(server.number)
            case .lease(let name): Fingerprint(4).adding(name)
            case .ballot(let key): Fingerprint(5).adding(key.subject).adding(key.node.number)
            }
        return Int(mixed.value % UInt64(GossipLimits.bucketsCount))
    }

    private mutating func remember(_ key: RowKey, _ fingerprint: Fingerprint, _ source: NodeID?) {
        hash &+= fingerprint.value
        buckets[bucket(key)] &+= fingerprint.value
        changes.append(ChangeLog.Change(key: key, revision: revision, source: source))
        guard changes.count > 2 * rowsCount + 64 else { return }
        var log = changes
        log.compact { record($0, at: $1) != nil }
        changes = log
    }

    private mutating func forget(_ key: RowKey, _ fingerprint: Fingerprint) {
        hash &-= fingerprint.value
        buckets[bucket(key)] &-= fingerprint.value
    }
}
