import Gossip
import Wire

/// Invariants of node 0 under any input from peers and unauthenticated senders. A violation ends the process, which the fuzzer detects.
extension FuzzWorld {
    /// The limit on datagrams per input; an answer to PULL causes the most.
    private static let sendsMax = 64 + 64
    /// The limit on all outputs: three per record, and every verdict.
    private static let outputsMax = sendsMax + 3 * GossipLimits.recordsMax + 64

    func checkOutputs(_ outputs: GossipOutputs) {
        var sends = 0
        for output in outputs.list {
            guard case .send(let range, _) = output else { continue }
            sends += 1
            precondition(range.lowerBound >= 0 && range.upperBound <= outputs.bytes.count, "a datagram outside of the outputs' bytes")
            let sizes = Header.bytesCount + SealFormat.tagBytes...GossipLimits.datagramBytesMax
            precondition(sizes.contains(range.count), "a datagram of \(range.count) bytes")
        }
        precondition(sends <= Self.sendsMax, "\(sends) datagrams caused by one input")
        precondition(outputs.list.count <= Self.outputsMax, "\(outputs.list.count) outputs caused by one input")
    }

    /// Checks all invariants that hold between two inputs.
    package func checkInvariants() {
        let node = nodes[0]
        checkTables(node.tables)
        let handshakes = node.openHandshakes
        precondition(handshakes.candidates <= 5 * 2, "\(handshakes.candidates) open handshakes")
        precondition(handshakes.sources <= GossipLimits.helloSourcesMax, "\(handshakes.sources) sources of HELLO")
        precondition(node.nextDeadline <= now.advanced(by: node.settings.detector.heartbeatInterval), "the next deadline is too far away")
        precondition(node.session < GossipLimits.sessionMax, "the session has reached its end")
        precondition(seals[0].reuses == 0, "a key and a nonce were reused")
        checkVerdicts(node)
    }

    private func checkTables(_ tables: SharedTables) {
        let serversMax = GossipLimits.serversMax + Self.servers.count
        let (members, health, administrative, leases) = (tables.memberRows, tables.healthRows, tables.administrativeRows, tables.leaseRows)
        precondition(members.count <= nodes.count, "\(members.count) members")
        precondition(health.count <= serversMax * nodes.count, "\(health.count) views")
        precondition(administrative.count <= serversMax, "\(administrative.count) operators' commands")
        precondition(leases.count <= GossipLimits.leasesMax, "\(leases.count) leases")
        precondition(tables.ballotRows.count <= GossipLimits.ballotsMax, "\(tables.ballotRows.count) ballots")
        let rows = members.count + health.count + administrative.count + leases.count + tables.ballotRows.count
        precondition(tables.changesCount <= 2 * rows + 256, "\(tables.changesCount) changes kept for \(rows) rows")
        let own = members.first { $0.node == Self.id(0) }
        precondition(own.map { $0.session <= nodes[0].session } ?? false, "this node's own row is of a later session")
    }

    private func checkVerdicts(_ node: GossipNode) {
        for (number, server) in Self.servers.enumerated() {
            let verdict = node.verdict(of: server.id)
            switch server.policy {
            case .own:
                precondition(verdict == isolatedNode.verdict(of: server.id), "policy own: a peer's statement has changed the verdict on \(server.name)")
            case .fastDown:
                if case .down = verdict { precondition(ownFailures[number] >= 2, "fast-down without two own failures: \(server.name)") }
                precondition(verdict != .down(.peers), "fast-down on peers' statements alone: \(server.name)")
            case .anyDown:
                break
            }
        }
    }

    /// The number of servers that node 0 can use, by proxy.
    package var usableCounts: [Int] { [0, 1].map { nodes[0].usableCount(ofProxy: $0) } }

    /// After a peer's datagram: it alone must not bring a server UP or declare another node dead.
    package func checkPeerEffect(of speaker: Int) {
        for output in lastOutputs {
            switch output {
            case .verdictChanged(_, let verdict):
                precondition(verdict != .up, "UP on a peer's statement")
            case .peerChanged(let node, let state, _):
                precondition(node == Self.id(speaker) || state != .dead, "dead on a peer's statement")
            case .send, .requestCheck, .administrativeChanged, .leaseChanged, .leaseGranted, .ballotChanged, .persist, .alert:
                break
            }
        }
    }

    /// After a datagram: gossip must not have taken more servers down than `min-up` allows, unless an operator's command arrived with it.
    package func checkFloor(before: [Int]) {
        let isSetByOperator = lastOutputs.contains { if case .administrativeChanged = $0 { true } else { false } }
        guard !isSetByOperator else { return }
        for (proxy, count) in usableCounts.enumerated() {
            let minUp = Self.servers.filter { $0.proxy == proxy }.map(\.minUp).max() ?? 0
            precondition(count >= min(before[proxy], minUp), "gossip left \(count) of \(before[proxy]) servers of proxy \(proxy)")
        }
    }
}
