// Rows about names: faults and changes of the nameserver.

import Foundation
import Support

extension DatabaseRows {
    static let names = [
        nameFault("names-silent", "the nameserver is silent") { try $0.cluster.cluster.nameserver.node.filter("input", "udp dport 53 drop") },
        nameFault("names-gone", "the nameserver says NXDOMAIN to all") { try $0.cluster.addNameFault(.nxdomain) },
        nameFault("names-cut", "the nameserver's answers are truncated") { try $0.cluster.addNameFault(.truncate) },
        nameFault("names-slow", "the nameserver answers after 2 s") { try $0.cluster.addNameFault(.slow) },
        moved, grown,
    ]

    private static func nameFault(_ name: String, _ event: String, _ body: @escaping @Sendable (DatabaseScene) throws -> Void) -> Row {
        Row(name: name, event: event, happens: { scene in try scene.fault(for: scene.pace.names) { try body(scene) } }, promises: unnoticed(slowest: 0.4))
    }

    /// The TTL of dnsmasq's records plus two seconds.
    private static let recordSeconds = 1.0 + 2

    private static let moved = Row(name: "moved", event: "kill -9 of one, whose record moves to another") { scene in
        let spare = scene.cluster.spares[0]
        scene.expect(spare)
        var records = DatabaseCluster.records
        records["dbserver01"] = spare.node.address
        try scene.fault(for: max(6, scene.pace.loud)) {
            try scene.victim.killAtOnce()
            try scene.cluster.cluster.nameserver.serve(records)
        }
    } promises: {
        var promise = unnoticed(slowest: 0.4)($0)
        promise.backWithin = recordSeconds
        return promise
    }

    private static let grown = Row(name: "grown", event: "one name's addresses grow from 2 to 5, and back") { scene in
        try scene.start(.discovering)
        let spare = scene.cluster.spares[1]
        scene.expect(spare)
        func serve(_ databases: [Database]) throws {
            try scene.cluster.cluster.nameserver.serve(DatabaseCluster.records, sets: ["dbservers": databases.map(\.node.address)])
        }
        try scene.fault(for: 6) { try serve(scene.cluster.replicas + scene.cluster.spares) }
        try serve(Array(scene.cluster.replicas.prefix(2)))
        scene.follow(spare, from: MonotonicMoment.now)
        scene.observe(6)
    } promises: {
        var promise = unnoticed(slowest: 0.4)($0)
        (promise.backWithin, promise.ejectedWithin) = (recordSeconds, recordSeconds)
        return promise
    }
}
