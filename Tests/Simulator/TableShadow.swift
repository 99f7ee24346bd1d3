import Gossip
import Wire

/// A node's tables as plain dictionaries, with a second implementation of the merge rules: S2, S3, and S4 through `IssuedRows`.
struct TableShadow {
    struct HealthName: Hashable {
        let server: ServerID
        let observer: NodeID
    }

    struct BallotName: Hashable {
        let subject: UInt64
        let node: NodeID
    }

    /// 2100-01-01: years ahead of all clocks in the simulator, and far below the stamps of an impostor.
    private static let farAhead = HybridTime(bits: 4_102_444_800_000 << 16)

    private let own: NodeID
    private let nodes: Set<NodeID>
    private var members: [NodeID: MemberRow] = [:]
    private var health: [HealthName: HealthRow] = [:]
    private var administrative: [ServerID: AdministrativeRow] = [:]
    private var leases: [UInt64: LeaseRow] = [:]
    private var ballots: [BallotName: BallotRow] = [:]
    private var revision: UInt64 = 0
    /// True when a received row has changed this copy since the last comparison.
    private var isChanged = false

    init(own: NodeID, nodes: [NodeID]) { (self.own, self.nodes) = (own, Set(nodes)) }

    /// Takes in the rows of an accepted datagram in their order. `session` is the receiver's session, `proven` the sender's.
    mutating func receive(_ records: [Record], session: UInt64, proven: (node: NodeID, session: UInt64), _ issued: IssuedRows) -> Violation? {
        if members[proven.node]?.session ?? 0 < proven.session {
            set(MemberRow(node: proven.node, session: proven.session, refutations: 0, rank: .alive))
        }
        for record in records {
            let violation: Violation? =
                switch record {
                case .member(let row): receive(row, session: session, issued)
                case .health(let row): receive(row, issued)
                case .administrative(let row): receive(row, issued)
                case .lease(let row): receive(row, issued)
                case .ballot(let row): receive(row, issued)
                case .handshake, .beat, .range, .acknowledgement, .digest, .pull, .checkNow, .keys, .configuration: nil
                }
            if let violation { return violation }
        }
        return nil
    }

    private mutating func set(_ row: MemberRow) {
        if members[row.node]?.session ?? 0 < row.session {
            health = health.filter { $0.key.observer != row.node || $0.value.session >= row.session }
            ballots = ballots.filter { $0.key.node != row.node || $0.value.session >= row.session }
        }
        members[row.node] = row
        isChanged = true
    }

    private static func isLater(_ row: MemberRow, _ old: MemberRow) -> Bool {
        if row.session != old.session { return row.session > old.session }
        if row.refutations != old.refutations { return row.refutations > old.refutations }
        return row.rank.rawValue > old.rank.rawValue
    }

    private mutating func receive(_ row: MemberRow, session: UInt64, _ issued: IssuedRows) -> Violation? {
        guard nodes.contains(row.node), row.node != own || row.session <= session else { return nil }
        guard members[row.node].map({ Self.isLater(row, $0) }) ?? true else { return nil }
        set(row)
        return issued.check(row)
    }

    private mutating func receive(_ row: HealthRow, _ issued: IssuedRows) -> Violation? {
        guard nodes.contains(row.observer), row.observer != own, row.session >= members[row.observer]?.session ?? 0 else { return nil }
        let name = HealthName(server: row.server, observer: row.observer)
        if let old = health[name], (row.session, row.version) <= (old.session, old.version) { return nil }
        health[name] = row
        isChanged = true
        return issued.check(row)
    }

    private mutating func receive(_ row: BallotRow, _ issued: IssuedRows) -> Violation? {
        guard nodes.contains(row.node), row.node != own, row.session >= members[row.node]?.session ?? 0 else { return nil }
        let name = BallotName(subject: row.subject, node: row.node)
        if let old = ballots[name], (row.session, row.version) <= (old.session, old.version) { return nil }
        ballots[name] = row
        isChanged = true
        return issued.check(row)
    }

    private mutating func receive(_ row: AdministrativeRow, _ issued: IssuedRows) -> Violation? {
        guard row.stamp < Self.farAhead else { return nil }
        if let old = administrative[row.server], !Self.isLater(row, old) { return nil }
        administrative[row.server] = row
        isChanged = true
        return issued.check(row)
    }

    private static func isLater(_ row: AdministrativeRow, _ old: AdministrativeRow) -> Bool {
        if row.stamp != old.stamp { return row.stamp > old.stamp }
        if row.origin != old.origin { return row.origin > old.origin }
        if row.state != old.state { return row.state.rawValue > old.state.rawValue }
        if row.weight != old.weight { return row.weight ?? .max > old.weight ?? .max }
        return row.expiry ?? .max > old.expiry ?? .max
    }

    private mutating func receive(_ row: LeaseRow, _ issued: IssuedRows) -> Violation? {
        guard nodes.contains(row.holder) else { return nil }
        if let old = leases[row.name], !Self.isLater(row, old) { return nil }
        leases[row.name] = row
        isChanged = true
        return issued.check(row)
    }

    private static func isLater(_ row: LeaseRow, _ old: LeaseRow) -> Bool {
        if row.epoch != old.epoch { return row.epoch > old.epoch }
        if row.stamp != old.stamp { return row.stamp < old.stamp }
        if row.holder != old.holder { return row.holder < old.holder }
        if row.version != old.version { return row.version > old.version }
        return old.isHeld && !row.isHeld
    }
}

extension TableShadow {
    /// Compares with the node's tables. Changes that the node may make on its own are copied and recorded as issued.
    mutating func compare(_ core: GossipNode, _ issued: inout IssuedRows) -> Violation? {
        guard isChanged || core.tables.revision != revision else { return nil }
        (isChanged, revision) = (false, core.tables.revision)
        return compareMembers(core, &issued) ?? compareHealth(core, &issued) ?? compareAdministrative(core, &issued) ?? compareLeases(core, &issued)
            ?? compareBallots(core, &issued)
    }

    private mutating func compareMembers(_ core: GossipNode, _ issued: inout IssuedRows) -> Violation? {
        let rows = core.tables.memberRows
        for row in rows where members[row.node] != row {
            if let old = members[row.node], !Self.isLater(row, old) { return Violation("S2", "\(row) replaces the later \(old)") }
            if row.node == own {
                issued.issue(row)
            } else if row.rank == .dead {
                let old = members[row.node]
                guard old?.session == row.session, old?.refutations == row.refutations, core.state(of: row.node) == .dead else {
                    return Violation("S4", "\(row) declares a peer dead that the node still hears")
                }
            } else {
                guard row.rank == .alive, row.refutations == 0, core.proven(row.node)?.session == row.session else {
                    return Violation("S4", "\(row) is not proven by a datagram")
                }
            }
            set(row)
        }
        isChanged = false
        return rows.count == members.count ? nil : Violation("S3", "\(rows.count) member rows, expected \(members.count)")
    }

    private mutating func compareHealth(_ core: GossipNode, _ issued: inout IssuedRows) -> Violation? {
        let rows = core.tables.healthRows
        for row in rows {
            let name = HealthName(server: row.server, observer: row.observer)
            guard health[name] != row else { continue }
            guard row.observer == own else { return Violation("S3", "\(row), expected \(health[name].map { "\($0)" } ?? "none")") }
            if let old = health[name], (row.session, row.version) <= (old.session, old.version) {
                return Violation("S2", "\(row) replaces the later \(old)")
            }
            health[name] = row
            if let violation = issued.issue(row) { return violation }
        }
        guard rows.count == health.count else { return Violation("S3", "\(rows.count) health rows, expected \(health.count)") }
        return nil
    }

    private mutating func compareAdministrative(_ core: GossipNode, _ issued: inout IssuedRows) -> Violation? {
        let rows = core.tables.administrativeRows
        for row in rows where administrative[row.server] != row {
            let old = administrative[row.server]
            guard row.origin == own, old.map({ Self.isLater(row, $0) }) ?? true else {
                return Violation("S3", "\(row), expected \(old.map { "\($0)" } ?? "none")")
            }
            administrative[row.server] = row
            if let violation = issued.issue(row) { return violation }
        }
        return rows.count == administrative.count ? nil : Violation("S3", "\(rows.count) operators' rows, expected \(administrative.count)")
    }

    private mutating func compareLeases(_ core: GossipNode, _ issued: inout IssuedRows) -> Violation? {
        let rows = core.tables.leaseRows
        for row in rows where leases[row.name] != row {
            let old = leases[row.name]
            guard row.holder == own, old.map({ Self.isLater(row, $0) }) ?? true else {
                return Violation("S3", "\(row), expected \(old.map { "\($0)" } ?? "none")")
            }
            leases[row.name] = row
            issued.issue(row)
        }
        return rows.count == leases.count ? nil : Violation("S3", "\(rows.count) leases, expected \(leases.count)")
    }

    private mutating func compareBallots(_ core: GossipNode, _ issued: inout IssuedRows) -> Violation? {
        let rows = core.tables.ballotRows
        for row in rows {
            let name = BallotName(subject: row.subject, node: row.node)
            guard ballots[name] != row else { continue }
            guard row.node == own else { return Violation("S3", "\(row), expected \(ballots[name].map { "\($0)" } ?? "none")") }
            if let old = ballots[name], (row.session, row.version) <= (old.session, old.version) {
                return Violation("S2", "\(row) replaces the later \(old)")
            }
            ballots[name] = row
            issued.issue(row)
        }
        return rows.count == ballots.count ? nil : Violation("S3", "\(rows.count) ballots, expected \(ballots.count)")
    }

    /// A node starts with its stored commands, all of which must have been issued.
    mutating func begin(_ core: GossipNode, _ issued: IssuedRows) -> Violation? {
        for row in core.tables.administrativeRows {
            administrative[row.server] = row
            if let violation = issued.check(row) { return violation }
        }
        return nil
    }
}
