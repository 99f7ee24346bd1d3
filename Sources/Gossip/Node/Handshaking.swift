import Wire

/// The handshake:
///
///     A                                                  B
///     HELLO(random A)            under the ring key  ->  stores a candidate, changes nothing else
///         <-  HELLO_ACK(random B, echo of random A)      to the address that the HELLO came from
///     candidate: pairwise keys from both randoms
///     PING                   under the pairwise key  ->  proven: session and address of A adopted
///         <-  ANSWER                                     proven: session and address of B adopted
///
/// A replayed HELLO creates only a candidate: the attacker cannot send the PING.
extension GossipNode {
    private static let clearBytes = Header.bytesCount + Header.saltBytes
    /// The interval between the first `hellosFirst` HELLOs; later ones have a longer interval.
    static let helloIntervalFirst = Duration.milliseconds(120)
    static let helloIntervalLater = Duration.milliseconds(500)
    static let hellosFirst = 7
    static let questionLifetime = Duration.seconds(5)
    static let candidateLifetime = Duration.seconds(5)

    mutating func wantsHandshake(_ index: Int, now: Instant) -> Bool {
        guard leavesToSend == nil, raise == nil else { return false }
        let state = peers[index].state
        if state == .dead || state == .left { return true }
        let (key, datagramsMax, lifetime) = (ring.current.id, settings.rekeyDatagrams, settings.rekeyInterval)
        return peers[index].current?.isOld(ringKey: key, datagramsMax: datagramsMax, lifetime: lifetime, now: now) ?? true
    }

    /// Continues a handshake: pings the candidate that this node started, or sends a HELLO.
    mutating func continueHandshake(_ index: Int, now: Instant, into outputs: inout GossipOutputs) {
        let hellos = peers[index].hellos
        peers[index].helloAt = now.advanced(by: hellos < GossipNode.hellosFirst ? GossipNode.helloIntervalFirst : GossipNode.helloIntervalLater)
        peers[index].hellos = min(hellos + 1, 1 << 20)
        forgetCandidates(of: index, now: now)
        if let begun = peers[index].candidates.lastIndex(where: { $0.channel.isInitiator }), hellos % 8 != 7 {
            sendPing(to: index, slot: .candidate(begun), now: now, into: &outputs)
            return
        }
        if peers[index].question.map({ $0.key != ring.current.id || $0.since.advanced(by: GossipNode.questionLifetime) <= now }) ?? true {
            peers[index].question = Peer.Question(random: random32(), key: ring.current.id, since: now)
        }
        guard let question = peers[index].question else { return }
        let record = HandshakeRecord(random: question.random, echo: Bytes32(0, 0, 0, 0), highestSession: peers[index].session)
        // To the configured address and to the last proven one: either may be right.
        let places = [peers[index].configured, peers[index].address]
        for (place, address) in places.enumerated() {
            guard let address, place == 0 || address != places[0] else { continue }
            sendHandshake(.hello, record, key: ring.current, to: index, at: address, receiverSession: 0, now: now, into: &outputs)
        }
    }

    /// Drops the handshakes that were not finished in time.
    mutating func forgetCandidates(of index: Int, now: Instant) {
        peers[index].candidates.removeAll { $0.channel.createdAt.advanced(by: GossipNode.candidateLifetime) <= now }
    }

    mutating func receiveHello(
        _ header: Header, _ datagram: ArraySlice<UInt8>, from index: Int, at source: SocketAddress, now: Instant, into outputs: inout GossipOutputs
    ) {
        guard let (record, key) = openHandshake(header, datagram, from: index, at: source, now: now, into: &outputs) else { return }
        defer { arm(now: now) }
        guard isAcceptableSession(header.senderSession, of: header.sender, now) else { return rejectFarAhead(from: index, into: &outputs) }
        if !settings.rules.contains(.proofBeforeAddress) {
            peers[index].address = source
            peers[index].session = header.senderSession
        }
        var answer = HandshakeRecord(random: random32(), echo: record.random, highestSession: peers[index].session)
        if header.senderSession >= peers[index].session {
            guard peers[index].current?.peerRandom != record.random else {
                counters.outdated += 1
                return
            }
            let known = peers[index].candidates.first { $0.channel.peerRandom == record.random && $0.channel.peerSession == header.senderSession }
            if let known, !known.channel.isInitiator {
                answer.random = known.channel.ownRandom
            } else {
                remember(header.senderSession, (answer.random, record.random), key, isInitiator: false, of: index, at: source, now: now, into: &outputs)
            }
        }
        sendHandshake(.helloAnswer, answer, key: key, to: index, at: source, receiverSession: header.senderSession, now: now, into: &outputs)
    }

    mutating func receiveHelloAnswer(
        _ header: Header, _ datagram: ArraySlice<UInt8>, from index: Int, at source: SocketAddress, now: Instant, into outputs: inout GossipOutputs
    ) {
        guard let question = peers[index].question, question.key == header.key, header.receiverSession == session else {
            counters.outdated += 1
            return
        }
        guard let (record, key) = openHandshake(header, datagram, from: index, at: source, now: now, into: &outputs) else { return }
        defer { arm(now: now) }
        guard record.echo == question.random, header.senderSession >= peers[index].session else {
            counters.outdated += 1
            return
        }
        guard isAcceptableSession(header.senderSession, of: header.sender, now) else { return rejectFarAhead(from: index, into: &outputs) }
        guard record.highestSession <= session else {
            planRaise(above: record.highestSession, from: index, now: now, into: &outputs)
            return
        }
        peers[index].question = nil
        remember(header.senderSession, (question.random, record.random), key, isInitiator: true, of: index, at: source, now: now, into: &outputs)
        guard let last = peers[index].candidates.indices.last else { return }
        sendPing(to: index, slot: .candidate(last), now: now, into: &outputs)
    }

    /// Checks the key first, then the limits, then the tag.
    private mutating func openHandshake(
        _ header: Header, _ datagram: ArraySlice<UInt8>, from index: Int, at source: SocketAddress, now: Instant, into outputs: inout GossipOutputs
    ) -> (HandshakeRecord, KeyRing.Key)? {
        guard let key = ring.key(header.key) else {
            counters.unknownKey += 1
            guard !reportedUnknownKeys.contains(header.key), reportedUnknownKeys.count < GossipLimits.keysMax else { return nil }
            reportedUnknownKeys.append(header.key)
            outputs.append(.alert(.unknownKey(peer: peers[index].name)))
            return nil
        }
        guard datagram.count >= GossipNode.clearBytes + SealFormat.tagBytes else {
            counters.malformed += 1
            return nil
        }
        // Answers have a separate limiter, so that a flood of HELLOs does not block the answer to this node's own HELLO.
        let isAdmitted = header.kind == .hello ? limiter.admits(source, now: now) : answerLimiter.admits(source, now: now)
        guard isAdmitted else {
            counters.limited += 1
            return nil
        }
        guard let salt = Bytes32(datagram.dropFirst(Header.bytesCount).prefix(Header.saltBytes)) else { return nil }
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: datagram)
        do {
            let once = try Channel.handshakeKey(key, salt: salt, seal: seal)
            try seal.open(&scratch, clear: GossipNode.clearBytes, key: once, sequence: header.sequence)
        } catch {
            counters.notAuthentic += 1
            if error != .notAuthentic { outputs.append(.alert(.sealFailed(error))) }
            return nil
        }
        var records = RecordReader(scratch[GossipNode.clearBytes...], now: now)
        guard case .handshake(let record)? = records.next() else {
            counters.malformedRecords += 1
            return nil
        }
        return (record, key)
    }

    private mutating func remember(
        _ peerSession: UInt64, _ randoms: (own: Bytes32, peer: Bytes32), _ key: KeyRing.Key, isInitiator: Bool, of index: Int, at source: SocketAddress,
        now: Instant, into outputs: inout GossipOutputs
    ) {
        do {
            let channel = try Channel(
                key: key, own: settings.node, peer: peers[index].id, sessions: (session, peerSession), randoms: randoms, isInitiator: isInitiator,
                seal: seal, now: now)
            let alike = peers[index].candidates.indices.filter { peers[index].candidates[$0].channel.isInitiator == isInitiator }
            let limit = isInitiator ? 1 : Peer.candidatesMax
            if alike.count >= limit, let oldest = alike.first { peers[index].candidates.remove(at: oldest) }
            peers[index].candidates.append(Peer.Candidate(channel: channel, remote: source))
        } catch {
            outputs.append(.alert(.sealFailed(error)))
        }
    }

    private mutating func sendHandshake(
        _ kind: DatagramKind, _ record: HandshakeRecord, key: KeyRing.Key, to index: Int, at address: SocketAddress, receiverSession: UInt64,
        now: Instant, into outputs: inout GossipOutputs
    ) {
        let start = outputs.bytes.count
        let salt = random32()
        let header = Header(
            kind: kind, key: key.id, cluster: settings.cluster, sender: settings.node, senderSession: session, sequence: 1, receiver: peers[index].id,
            receiverSession: receiverSession)
        header.write(to: &outputs.bytes)
        outputs.bytes.write(salt)
        Record.handshake(record).write(to: &outputs.bytes, now: now)
        do {
            let once = try Channel.handshakeKey(key, salt: salt, seal: seal)
            try seal.seal(&outputs.bytes, from: start, clear: GossipNode.clearBytes, key: once, sequence: 1)
            finish(start, to: address, into: &outputs)
        } catch {
            abandon(start, error, into: &outputs)
        }
    }
}

extension GossipNode {
    /// Adopts the peer's session and the channel after a datagram has been verified under candidate `number`. Returns the slot of the channel, or `nil` when
    /// the candidate belongs to an earlier session or to an earlier handshake of the same side.
    mutating func promoteCandidate(_ number: Int, of index: Int, now: Instant) -> ChannelSlot? {
        let channel = peers[index].candidates.remove(at: number).channel
        guard channel.peerSession >= peers[index].session else { return nil }
        if let current = peers[index].current, current.peerSession == channel.peerSession, current.isInitiator == channel.isInitiator,
            channel.createdAt < current.createdAt
        {
            return nil
        }
        peers[index].inheritedLoss = peers[index].lossFromPeer
        if channel.peerSession > peers[index].session {
            peers[index].current = nil
            peers[index].previous = nil
            peers[index].candidates.removeAll { $0.channel.peerSession < channel.peerSession }
            peers[index].session = channel.peerSession
            peers[index].beat = nil
            peers[index].wereTablesEqual = false
            peers[index].acknowledgedBallots = []
            peers[index].keys = []
            peers[index].inheritedLoss = 0
            peers[index].delivery.restart(revision: tables.revision)
            if peers[index].detector.phase == .left { peers[index].detector.restart() }
            _ = tables.merge(MemberRow(node: peers[index].id, session: channel.peerSession, refutations: 0, rank: .alive))
        }
        let slot = adopt(channel, of: index)
        peers[index].measureLoss()
        peers[index].provenAt = now
        peers[index].question = nil
        peers[index].hellos = 0
        peers[index].heartbeatAt = now
        peers[index].keyStatusAt = now
        return slot
    }

    /// The node sends under the newer channel and still accepts datagrams under the older one. When both sides start a handshake at the same time, each channel
    /// is created before the other is proven. Both sides then prefer the channel that the lower node started, so that they use the same one for measuring loss
    /// and for learning addresses. A channel that is created after the proof replaces the current one: the peer may have started over without a higher session.
    private mutating func adopt(_ channel: Channel, of index: Int) -> ChannelSlot {
        guard let current = peers[index].current else {
            peers[index].current = channel
            return .current
        }
        let areConcurrent = peers[index].provenAt.map { channel.createdAt <= $0 } ?? false
        let isOurs = settings.node < peers[index].id
        if areConcurrent, current.isInitiator != channel.isInitiator, current.isInitiator == isOurs {
            peers[index].previous = channel
            return .previous
        }
        peers[index].previous = current
        peers[index].current = channel
        return .current
    }

    /// A peer has seen this node in a higher session: this node's store was lost, or another node uses its name. The first raise happens at once, later ones
    /// after growing pauses, so that two nodes of one name do not keep overtaking each other.
    mutating func planRaise(above seen: UInt64, from index: Int?, now: Instant, into outputs: inout GossipOutputs) {
        guard isAcceptableSession(seen, of: settings.node, now), seen + 1 < GossipLimits.sessionMax else { return rejectFarAhead(from: index, into: &outputs) }
        if let raise {
            self.raise = (max(raise.above, seen), raise.at)
            return
        }
        let pause = raises == 0 ? Duration.zero : min(.seconds(1) * (1 << min(raises - 1, 6)), .seconds(60))
        if raises >= 1 { outputs.append(.alert(.duplicateName)) }
        raise = (seen, now.advanced(by: pause))
        raises += 1
    }

    /// Starts a new session in the running process and publishes this node's rows again under it.
    mutating func raiseSession(now: Instant, into outputs: inout GossipOutputs) {
        guard let raise, raise.at <= now else { return }
        let old = session
        session = Self.newSession(above: max(session, raise.above), wallMilliseconds: 0, random: random.next())
        self.raise = nil
        outputs.append(.persist(.session(session)))
        for index in peers.indices {
            peers[index].dropChannels()
            peers[index].delivery.restart(revision: tables.revision)
            peers[index].helloAt = now
        }
        let rows = tables.healthRows.filter { $0.observer == settings.node && $0.session == old }
        let ballots = tables.ballotRows.filter { $0.node == settings.node && $0.session == old }
        _ = tables.merge(MemberRow(node: settings.node, session: session, refutations: 0, rank: .alive))
        for var row in rows {
            (row.session, row.version) = (session, 1)
            _ = tables.merge(row)
        }
        for var row in ballots {
            (row.session, row.version) = (session, 1)
            _ = tables.merge(row)
        }
        for index in peers.indices { peers[index].delivery.restart(revision: tables.revision) }
    }
}
