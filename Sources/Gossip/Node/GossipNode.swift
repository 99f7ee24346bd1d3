import Wire

/// The gossip core of a node. It owns all state, does no I/O and reads no clock.
///
/// The caller feeds one input (`receive`, `local` or `tick`), carries out the outputs, and calls `tick` at `nextDeadline`. It reads all waiting datagrams
/// before the timer, because they were sent before the deadline was noticed. An input long after `nextDeadline` means that the node was not scheduled; the gap
/// is then credited to all peers.
///
/// Methods that run for every datagram are `mutating` even if they change nothing: otherwise the compiler copies the node for the call.
///
///     Receiving   header, keys, replay, proof          Sending    all datagrams sent
///     Handshaking HELLO, HELLO_ACK, sessions           Merging    received rows
///     Deciding    verdicts on servers                  Ticking    due work
///     Operating   keys, operators, leases
package struct GossipNode {
    /// An input this much later than `nextDeadline` means that the node was not scheduled.
    static let gapMin = Duration.milliseconds(50)

    /// The maximum by which a new session's number exceeds the previous one.
    static let sessionStep: UInt64 = 65_536

    /// The node's settings.
    package let settings: GossipSettings
    /// Counts of datagrams and their results.
    package internal(set) var counters = GossipCounters()
    /// The tables that converge on all nodes.
    package internal(set) var tables: SharedTables
    /// The cluster's keys.
    package internal(set) var ring: KeyRing
    /// This node's session: it orders everything that the node reports.
    package internal(set) var session: UInt64
    /// When to call `tick`; with peers at most one heartbeat interval ahead.
    package internal(set) var nextDeadline: Instant

    var peers: [Peer]
    var judge: Judge
    var judgeDeadline: Instant?
    var configuration: UInt64
    let seal: any Seal
    var random: any RandomNumberGenerator
    var limiter = HelloLimiter()
    /// A separate limiter for the answers to this node's own HELLOs.
    var answerLimiter = HelloLimiter()
    var clock = HybridClock()
    /// The wall time that belongs to a point of the monotonic clock.
    var wall: (milliseconds: UInt64, at: Instant)
    /// LEAVE datagrams still to be sent to each peer; `nil` while the node stays.
    var leavesToSend: Int?
    var nextLeaveAt: Instant?
    /// The time since which this node has been scheduled without a gap.
    var ranSince: Instant
    /// A session of this node, higher than `session`, that another node has reported, and when to start a session above it.
    var raise: (above: UInt64, at: Instant)?
    var raises = 0
    /// The leases of this node: when to renew each, and whether all peers have it.
    var leases: [OwnLease] = []
    /// When the next operator command expires.
    var expiryAt: Instant?
    var reportedLeases: [(name: UInt64, holder: NodeID?)] = []
    var reportedVersions: [UInt8] = []
    var reportedUnknownKeys: [UInt32] = []
    /// A buffer that is reused for each datagram.
    var scratch: [UInt8] = []
    var decisions: [JudgeOutput] = []

    struct OwnLease {
        let name: UInt64
        var renewAt: Instant
        /// The change that all live peers must acknowledge.
        var revision: UInt64
        var isGranted = false
    }

    /// Creates the gossip core when the process starts.
    ///
    /// - Parameters:
    ///   - random: must be unpredictable outside tests: the freshness of handshakes depends on it.
    ///   - wallMilliseconds: UNIX time at `now`. A wrong value can misorder operators' commands but breaks no safety rule.
    package init(
        _ settings: GossipSettings, ring: KeyRing, memory: GossipMemory, seal: any Seal, random: any RandomNumberGenerator, wallMilliseconds: UInt64,
        now: Instant, into outputs: inout GossipOutputs
    ) {
        precondition(settings.peers.count < GossipLimits.nodesMax, "at most \(GossipLimits.nodesMax) nodes")
        var memory = memory
        let forgotten = memory.forgetFarAhead(wall: wallMilliseconds, rules: settings.rules)
        self.settings = settings
        self.ring = ring
        self.seal = seal
        self.random = random
        configuration = settings.configuration
        wall = (wallMilliseconds, now)
        ranSince = now
        session = Self.newSession(above: memory.session, wallMilliseconds: wallMilliseconds, random: self.random.next())
        tables = SharedTables(nodes: settings.peers.map(\.id) + [settings.node])
        judge = Judge(rules: settings.rules)
        let sorted = settings.peers.sorted { $0.id < $1.id }
        peers = sorted.enumerated().map { index, peer in
            // Heartbeats to different peers are spread over the interval.
            let phase = settings.detector.heartbeatInterval * index / max(1, sorted.count)
            return Peer(peer, settings: settings.detector, phase: phase, now: now)
        }
        nextDeadline = now
        scratch.reserveCapacity(GossipLimits.datagramBytesMax)
        if forgotten.isSession || forgotten.commands > 0 {
            outputs.append(.alert(.storedFarAhead(isSession: forgotten.isSession, commands: forgotten.commands)))
        }
        outputs.append(.persist(.session(session)))
        _ = tables.merge(MemberRow(node: settings.node, session: session, refutations: 0, rank: .alive))
        for row in memory.administrative { mergeAdministrative(row, from: nil, isRemembered: true, now: now, into: &outputs) }
    }

    /// Returns a session above the stored one and above the time. A random part makes it differ from an earlier session, or from another node of this name,
    /// that started with the same store and time: peers distinguish runs by their sessions alone.
    static func newSession(above stored: UInt64, wallMilliseconds: UInt64, random: UInt64) -> UInt64 {
        let chance = random % sessionStep
        let last = GossipLimits.sessionMax - 1
        return min(max(stored, min(wallMilliseconds, last >> 16) << 16), last - sessionStep) + 1 + chance
    }

    /// Takes in one datagram. Any input is safe.
    package mutating func receive(_ datagram: ArraySlice<UInt8>, from source: SocketAddress, now: Instant, into outputs: inout GossipOutputs) {
        counters.received += 1
        creditGap(now: now)
        let header: Header
        do {
            header = try Header(datagram)
        } catch {
            count(error, into: &outputs)
            return
        }
        guard header.cluster == settings.cluster, header.receiver == settings.node, let index = peerIndex(header.sender) else {
            counters.foreign += 1
            return
        }
        guard leavesToSend == nil || !header.kind.isHandshake else { return }
        switch header.kind {
        case .hello: receiveHello(header, datagram, from: index, at: source, now: now, into: &outputs)
        case .helloAnswer: receiveHelloAnswer(header, datagram, from: index, at: source, now: now, into: &outputs)
        case .heartbeat, .ping, .answer, .delta, .digest, .pull, .leave, .checkNow, .keyStatus:
            receiveTraffic(header, datagram, from: index, at: source, now: now, into: &outputs)
        }
    }

    /// Takes in an event of this node.
    package mutating func local(_ event: GossipEvent, now: Instant, into outputs: inout GossipOutputs) {
        creditGap(now: now)
        handle(event, now: now, into: &outputs)
        sendChanges(now: now, into: &outputs)
        arm(now: now)
    }

    /// Does the work that is due. The caller calls it at `nextDeadline`; an early call does no harm.
    package mutating func tick(now: Instant, into outputs: inout GossipOutputs) {
        creditGap(now: now)
        runDueWork(now: now, into: &outputs)
        sendChanges(now: now, into: &outputs)
        arm(now: now)
    }

    /// The state of a peer; `nil` for a node that is not configured.
    package func state(of node: NodeID) -> PeerState? { peerIndex(node).map { peers[$0].state } }

    /// This node's own rank in its table: ALIVE until it leaves.
    package var ownRank: MemberRank? { tables.members[settings.node]?.rank }

    /// The proven address and session of a peer; `nil` before the proof.
    package func proven(_ node: NodeID) -> (address: SocketAddress, session: UInt64)? {
        guard let index = peerIndex(node), let address = peers[index].address, peers[index].session > 0 else { return nil }
        return (address, peers[index].session)
    }

    /// The loss from and to a peer in per cent.
    package func loss(of node: NodeID) -> (fromPeer: Int, toPeer: Int)? {
        peerIndex(node).map { (peers[$0].lossFromPeer, peers[$0].lossToPeer) }
    }

    /// This node's verdict on a server.
    package func verdict(of server: ServerID) -> ServerVerdict? { judge.view(of: server)?.verdict }

    /// The number of the proxy's servers that are usable on this node.
    package func usableCount(ofProxy proxy: Int) -> Int { judge.usableCount(ofProxy: proxy) }

    /// The operators' cluster-wide state for a server.
    package func administrativeState(of server: ServerID, now: Instant) -> AdministrativeState {
        tables.administrative[server]?.effective(wall: wallMilliseconds(now)) ?? .ready
    }

    /// The number of open handshakes and of HELLO sources. Both are bounded; tests check the limits.
    package var openHandshakes: (candidates: Int, sources: Int) { (peers.reduce(0) { $0 + $1.candidates.count }, limiter.sourcesCount) }
}

extension GossipNode {
    /// Written as a loop, because a closure would receive a copy of each peer and every foreign datagram causes a lookup.
    @inline(__always)
    func peerIndex(_ node: NodeID) -> Int? {
        for index in peers.indices where peers[index].id == node { return index }
        return nil
    }

    func wallMilliseconds(_ now: Instant) -> UInt64 {
        let passed = max(0, wall.at.duration(to: now).wholeMilliseconds)
        return min(wall.milliseconds, GossipLimits.clockMillisecondsMax) + UInt64(passed)
    }

    /// The highest stamp that the node accepts and issues at this time.
    func stampHorizon(_ now: Instant) -> HybridTime {
        settings.rules.contains(.stampHorizon) ? HybridTime.horizon(wall: wallMilliseconds(now)) : HybridTime.end
    }

    /// The highest session or epoch that the node accepts at this time.
    func sessionHorizon(_ now: Instant) -> UInt64 {
        settings.rules.contains(.sessionHorizon) ? HybridTime.horizon(wall: wallMilliseconds(now)).bits : GossipLimits.sessionMax - 1
    }

    /// True when the node accepts this session: it is not far ahead of the clock, or it is only slightly above an accepted session. The second case
    /// keeps a node in service after an attacker has used its name with a session at the horizon.
    func isAcceptableSession(_ other: UInt64, of node: NodeID, _ now: Instant) -> Bool {
        let known = node == settings.node ? session : peerIndex(node).map { peers[$0].session } ?? 0
        return other <= sessionHorizon(now) || other <= known + GossipNode.sessionStep
    }

    /// Counts and reports a value beyond a horizon, which the caller drops.
    mutating func rejectFarAhead(from index: Int?, into outputs: inout GossipOutputs) {
        counters.farAhead += 1
        if let index { outputs.append(.alert(.farAhead(peer: peers[index].name))) }
    }

    mutating func random32() -> Bytes32 { Bytes32(random.next(), random.next(), random.next(), random.next()) }

    /// Time in which this node was not scheduled does not count as any peer's silence.
    private mutating func creditGap(now: Instant) {
        guard nextDeadline < now, nextDeadline.advanced(by: GossipNode.gapMin) < now else { return }
        let gap = nextDeadline.duration(to: now)
        nextDeadline = now
        counters.gaps += 1
        ranSince = now
        guard settings.rules.contains(.gapCredit) else { return }
        for index in peers.indices { peers[index].detector.credit(gap) }
    }

    private mutating func count(_ problem: Header.Problem, into outputs: inout GossipOutputs) {
        switch problem {
        case .malformed:
            counters.malformed += 1
        case .unknownVersion(let version):
            counters.unknownVersion += 1
            // Reported once per version, because any host can send datagrams of an unknown version.
            guard !reportedVersions.contains(version), reportedVersions.count < GossipLimits.keysMax else { return }
            reportedVersions.append(version)
            outputs.append(.alert(.unknownVersion(version)))
        }
    }

    /// Sets `nextDeadline` from all pending work. `receive` calls it only for verified datagrams; others change no deadline.
    mutating func arm(now: Instant) {
        var earliest = now.advanced(by: settings.detector.heartbeatInterval)
        func consider(_ candidate: Instant?) { if let candidate, candidate.nanoseconds < earliest.nanoseconds { earliest = candidate } }
        for index in peers.indices {
            consider(peers[index].detector.nextDeadline)
            if peers[index].current != nil, leavesToSend == nil { consider(peers[index].heartbeatAt) }
            if wantsHandshake(index, now: now) { consider(peers[index].helloAt) }
            consider(peers[index].delivery.resendAt)
            if peers[index].current != nil, peers[index].delivery.sent < tables.revision, peers[index].delivery.hasRoom { consider(flushDeadline(index)) }
        }
        for index in leases.indices { consider(leases[index].renewAt) }
        consider(judgeDeadline)
        consider(raise?.at)
        consider(nextLeaveAt)
        consider(expiryAt)
        nextDeadline = max(earliest, now)
    }
}
