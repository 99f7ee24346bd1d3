import Gossip
import Wire

/// The rows that their owners have published, version by version. S4 compares every received row with them.
struct IssuedRows {
    private struct HealthName: Hashable {
        let observer: NodeID
        let session: UInt64
        let version: UInt32
        let server: ServerID
    }

    private struct Run: Hashable {
        let node: NodeID
        let session: UInt64
    }

    private struct AdministrativeName: Hashable {
        let server: ServerID
        let stamp: HybridTime
        let origin: NodeID
    }

    private struct LeaseName: Hashable {
        let name: UInt64
        let epoch: UInt64
        let stamp: HybridTime
        let holder: NodeID
        let version: UInt32
        let isHeld: Bool
    }

    private var health: [HealthName: [HealthRow]] = [:]
    private var runs: [Run: (refutations: UInt32, hasLeft: Bool)] = [:]
    private var administrative: [AdministrativeName: [AdministrativeRow]] = [:]
    private var leases: Set<LeaseName> = []
    private var ballots: Set<BallotRow> = []
    /// Nodes that may publish two rows under one version, because they have lost their store or share their name.
    var nodesWithoutStore: Set<NodeID> = []
    /// The rows of all operators' commands, with their origins.
    private(set) var commands: [AdministrativeRow] = []

    mutating func issue(_ row: MemberRow) {
        let old = runs[Run(node: row.node, session: row.session)]
        runs[Run(node: row.node, session: row.session)] = (max(old?.refutations ?? 0, row.refutations), row.rank == .left || old?.hasLeft == true)
    }

    mutating func issue(_ row: HealthRow) -> Violation? {
        let name = HealthName(observer: row.observer, session: row.session, version: row.version, server: row.server)
        guard let known = health[name] else {
            health[name] = [row]
            return nil
        }
        guard !known.contains(where: { isAlike($0, row) }) else { return nil }
        guard nodesWithoutStore.contains(row.observer) else { return Violation("S4", "\(row.observer) issues two different rows with version \(row.version)") }
        health[name]?.append(row)
        return nil
    }

    mutating func issue(_ row: AdministrativeRow) -> Violation? {
        let name = AdministrativeName(server: row.server, stamp: row.stamp, origin: row.origin)
        if administrative[name]?.contains(row) == true { return nil }
        if administrative[name] != nil, !nodesWithoutStore.contains(row.origin) { return Violation("S4", "\(row.origin) issues two commands with one stamp") }
        administrative[name, default: []].append(row)
        commands.append(row)
        return nil
    }

    mutating func issue(_ row: BallotRow) { ballots.insert(row) }

    mutating func issue(_ row: LeaseRow) { leases.insert(name(row)) }

    private func name(_ row: LeaseRow) -> LeaseName {
        LeaseName(name: row.name, epoch: row.epoch, stamp: row.stamp, holder: row.holder, version: row.version, isHeld: row.isHeld)
    }

    func check(_ row: MemberRow) -> Violation? {
        guard let run = runs[Run(node: row.node, session: row.session)], row.refutations <= run.refutations, row.rank != .left || run.hasLeft else {
            return Violation("S4", "\(row) was never issued")
        }
        return nil
    }

    func check(_ row: HealthRow) -> Violation? {
        let name = HealthName(observer: row.observer, session: row.session, version: row.version, server: row.server)
        guard let known = health[name]?.first(where: { isAlike($0, row) }) else { return Violation("S4", "\(row) was never issued") }
        // Each hop rounds the age down by less than a millisecond.
        guard row.observed >= known.observed.advanced(by: .milliseconds(-20)) else {
            return Violation("S4", "\(row) has an earlier time than when it was issued")
        }
        return nil
    }

    func check(_ row: AdministrativeRow) -> Violation? {
        let name = AdministrativeName(server: row.server, stamp: row.stamp, origin: row.origin)
        return administrative[name]?.contains(row) == true ? nil : Violation("S4", "\(row) was never issued")
    }

    func check(_ row: BallotRow) -> Violation? { ballots.contains(row) ? nil : Violation("S4", "\(row) was never issued") }

    func check(_ row: LeaseRow) -> Violation? { leases.contains(name(row)) ? nil : Violation("S4", "\(row) was never issued") }

    private func isAlike(_ left: HealthRow, _ right: HealthRow) -> Bool {
        var moved = right
        moved.observed = left.observed
        return moved == left
    }
}
