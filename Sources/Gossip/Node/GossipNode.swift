import Wire

/// The gossip of one node: owns all state, does no I/O, reads no clock.
///
/// Feed one input (`receive`, `local`, `tick`), do what the outputs say, call `tick` at `nextDeadline`. Drain the socket before the
/// timer: what waits in it was said before the node noticed the time. When an input comes long after `nextDeadline` the node was
/// starved, and the gap is credited to all peers.
///
/// What is asked with every datagram is `mutating`, though it may change nothing: elsewhere the compiler makes a copy of the node to ask.
///
///     Receiving   header, keys, replay, proof          Sending    everything that leaves
///     Handshaking HELLO, HELLO_ACK, sessions           Merging    rows that come in
///     Deciding    verdicts on servers                  Ticking    what falls due
///     Operating   keys, operators, leases
package struct GossipNode {
    /// An input this much later than `nextDeadline` means that the node did not run.
    static let starvedAfter = Duration.milliseconds(50)

    /// A new run is at most this far above the one that it replaces.
    static let sessionStep: UInt64 = 65_536

    /// What it was configured with.
    package let settings: GossipSettings
    /// What has come.
    package internal(set) var counters = GossipCounters()
    /// What all nodes come to hold alike.
    package internal(set) var tables: SharedTables
    /// The keys.
    package internal(set) var ring: KeyRing
    /// This run: the order of everything it says.
    package internal(set) var session: UInt64
    /// When `tick` is to be called; never far away while there are peers.
    package internal(set) var nextDeadline: Instant

    var peers: [Peer]
    var judge: Judge
    var judgeDeadline: Instant?
    var configuration: UInt64
    let seal: any Seal
    var random: any RandomNumberGenerator
    var limiter = HelloLimiter()
    /// For the answers to this node's own HELLOs.
    var answerLimiter = HelloLimiter()
    var clock = HybridClock()
    /// Wall time at a point of the monotonic clock.
    var wall: (milliseconds: UInt64, at: Instant)
    /// Goodbyes still to be said; `nil` while the node stays.
    var goodbyesLeft: Int?
    var goodbyeAt: Instant?
    /// Since when this node has not been starved.
    var ranSince: Instant
    /// A higher session of this node has been seen: from then on this one is used.
    var raise: (above: UInt64, at: Instant)?
    var raises = 0
    /// Leases this node holds, by name: when to renew, and whether all peers know.
    var leases: [OwnLease] = []
    /// The next expiry of an operator's word.
    var expiryAt: Instant?
    var toldLeases: [(name: UInt64, holder: NodeID?)] = []
    var toldVersions: [UInt8] = []
    var toldUnknownKeys: [UInt32] = []
    /// Reused between datagrams.
    var scratch: [UInt8] = []
    var decisions: [JudgeOutput] = []

    struct OwnLease {
        let name: UInt64
        var renewAt: Instant
        /// The change that all live peers must have.
        var revision: UInt64
        var isGranted = false
    }

    /// A node that has just started.
    ///
    /// - Parameters:
    ///   - random: must be unpredictable outside tests: the freshness of handshakes rests on it.
    ///   - wallMilliseconds: UNIX time at `now`; a wrong one costs order among operators' words, never safety.
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
        if forgotten.isSession || forgotten.words > 0 {
            outputs.append(.alert(.storedFarAhead(isSession: forgotten.isSession, words: forgotten.words)))
        }
        outputs.append(.persist(.session(session)))
        _ = tables.merge(MemberRow(node: settings.node, session: session, refutations: 0, rank: .alive))
        for row in memory.administrative { mergeAdministrative(row, from: nil, isRemembered: true, now: now, into: &outputs) }
    }

    /// Above the stored one and the time; by chance another than that of an earlier run, or of another node of this name, that began
    /// with the same store and time: peers tell runs apart by their sessions alone.
    static func newSession(above stored: UInt64, wallMilliseconds: UInt64, random: UInt64) -> UInt64 {
        let chance = random % sessionStep
        let last = GossipLimits.sessionMax - 1
        return min(max(stored, min(wallMilliseconds, last >> 16) << 16), last - sessionStep) + 1 + chance
    }

    /// Takes one datagram. Whatever its bytes are, this returns.
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
        guard goodbyesLeft == nil || !header.kind.isHandshake else { return }
        switch header.kind {
        case .hello: receiveHello(header, datagram, from: index, at: source, now: now, into: &outputs)
        case .helloAnswer: receiveHelloAnswer(header, datagram, from: index, at: source, now: now, into: &outputs)
        case .heartbeat, .ping, .answer, .delta, .digest, .pull, .leave, .checkNow, .keyStatus:
            receiveTraffic(header, datagram, from: index, at: source, now: now, into: &outputs)
        }
    }

    /// Takes something that has happened on this node.
    package mutating func local(_ event: GossipEvent, now: Instant, into outputs: inout GossipOutputs) {
        creditGap(now: now)
        handle(event, now: now, into: &outputs)
        spread(now: now, into: &outputs)
        arm(now: now)
    }

    /// Does what has fallen due. To be called at `nextDeadline`; too early does nothing.
    package mutating func tick(now: Instant, into outputs: inout GossipOutputs) {
        creditGap(now: now)
        fallDue(now: now, into: &outputs)
        spread(now: now, into: &outputs)
        arm(now: now)
    }

    /// What this node makes of a peer; `nil` for one that is not configured.
    package func state(of node: NodeID) -> PeerState? { peerIndex(node).map { peers[$0].state } }

    /// What stands of this node in its own table: ALIVE until it leaves.
    package var ownRank: MemberRank? { tables.members[settings.node]?.rank }

    /// Where a peer was proven to be, and in which run; `nil` before.
    package func proven(_ node: NodeID) -> (address: SocketAddress, session: UInt64)? {
        guard let index = peerIndex(node), let address = peers[index].address, peers[index].session > 0 else { return nil }
        return (address, peers[index].session)
    }

    /// Per cent of loss from and to a peer.
    package func loss(of node: NodeID) -> (fromPeer: Int, toPeer: Int)? {
        peerIndex(node).map { (peers[$0].lossFromPeer, peers[$0].lossToPeer) }
    }

    /// What this node does with a server.
    package func verdict(of server: ServerID) -> ServerVerdict? { judge.view(of: server)?.verdict }

    /// How many of a proxy's servers are usable here.
    package func usableCount(ofProxy proxy: Int) -> Int { judge.usableCount(ofProxy: proxy) }

    /// What an operator wants of a server, cluster-wide.
    package func administrativeState(of server: ServerID, now: Instant) -> AdministrativeState {
        tables.administrative[server]?.effective(wall: wallMilliseconds(now)) ?? .ready
    }

    /// Open handshakes and HELLO sources: bounded, for the tests of limits.
    package var openHandshakes: (candidates: Int, sources: Int) { (peers.reduce(0) { $0 + $1.candidates.count }, limiter.sourcesCount) }
}

extension GossipNode {
    /// Without a closure, which would be handed a copy of each peer: every stranger's datagram is looked up.
    @inline(__always)
    func peerIndex(_ node: NodeID) -> Int? {
        for index in peers.indices where peers[index].id == node { return index }
        return nil
    }

    func wallMilliseconds(_ now: Instant) -> UInt64 {
        let passed = max(0, wall.at.duration(to: now).wholeMilliseconds)
        return min(wall.milliseconds, GossipLimits.clockMillisecondsMax) + UInt64(passed)
    }

    /// The highest stamp that the node accepts and gives out now.
    func stampHorizon(_ now: Instant) -> HybridTime {
        settings.rules.contains(.stampHorizon) ? HybridTime.horizon(wall: wallMilliseconds(now)) : HybridTime.end
    }

    /// The highest session or epoch that the node accepts now.
    func sessionHorizon(_ now: Instant) -> UInt64 {
        settings.rules.contains(.sessionHorizon) ? HybridTime.horizon(wall: wallMilliseconds(now)).bits : GossipLimits.sessionMax - 1
    }

    /// Whether the node accepts this run: not far ahead of the clock, or only slightly above one that it has accepted before. So a node whose name
    /// an attacker has used up to the horizon can go above that.
    func believes(_ other: UInt64, of node: NodeID, _ now: Instant) -> Bool {
        let known = node == settings.node ? session : peerIndex(node).map { peers[$0].session } ?? 0
        return other <= sessionHorizon(now) || other <= known + GossipNode.sessionStep
    }

    /// A peer has sent a value beyond a horizon: it is dropped and reported.
    mutating func refuseFarAhead(from index: Int?, into outputs: inout GossipOutputs) {
        counters.farAhead += 1
        if let index { outputs.append(.alert(.farAhead(peer: peers[index].name))) }
    }

    mutating func random32() -> Bytes32 { Bytes32(random.next(), random.next(), random.next(), random.next()) }

    /// The time this node did not live through is nobody's silence.
    private mutating func creditGap(now: Instant) {
        guard nextDeadline < now, nextDeadline.advanced(by: GossipNode.starvedAfter) < now else { return }
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
            // Told once a version: anyone can send such a datagram.
            guard !toldVersions.contains(version), toldVersions.count < GossipLimits.keysMax else { return }
            toldVersions.append(version)
            outputs.append(.alert(.unknownVersion(version)))
        }
    }

    /// Sets `nextDeadline` from everything that waits. What has not verified changes nothing of it, and is not worth the time.
    mutating func arm(now: Instant) {
        var earliest = now.advanced(by: settings.detector.heartbeatInterval)
        func consider(_ candidate: Instant?) { if let candidate, candidate.nanoseconds < earliest.nanoseconds { earliest = candidate } }
        for index in peers.indices {
            consider(peers[index].detector.nextDeadline)
            if peers[index].current != nil, goodbyesLeft == nil { consider(peers[index].heartbeatAt) }
            if wantsHandshake(index, now: now) { consider(peers[index].helloAt) }
            consider(peers[index].delivery.resendAt)
            if peers[index].current != nil, peers[index].delivery.sent < tables.revision, peers[index].delivery.hasRoom { consider(flushDeadline(index)) }
        }
        for index in leases.indices { consider(leases[index].renewAt) }
        consider(judgeDeadline)
        consider(raise?.at)
        consider(goodbyeAt)
        consider(expiryAt)
        nextDeadline = max(earliest, now)
    }
}
