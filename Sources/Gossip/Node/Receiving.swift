import Wire

extension GossipNode {
    /// The channel of a peer that a datagram belongs to.
    enum ChannelSlot: Equatable {
        case current
        case previous
        case candidate(Int)
    }

    /// Receives a datagram under a pairwise key. The cheapest test comes first, and the state changes only after the tag has been verified.
    mutating func receiveTraffic(
        _ header: Header, _ datagram: ArraySlice<UInt8>, from index: Int, at source: SocketAddress, now: Instant, into outputs: inout GossipOutputs
    ) {
        guard let slot = slot(of: header, from: index, now: now), let known = opening(at: header.sequence, slot, of: index) else {
            counters.unknownKey += 1
            return
        }
        guard known.isFresh else {
            counters.replayed += 1
            return
        }
        if !settings.rules.contains(.windowCommitOrder) { commit(header.sequence, slot, of: index) }
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: datagram)
        do {
            try seal.open(&scratch, clear: Header.bytesCount, key: known.key, sequence: header.sequence)
        } catch {
            counters.notAuthentic += 1
            if error != .notAuthentic { outputs.append(.alert(.sealFailed(error))) }
            return
        }
        defer { arm(now: now) }
        commit(header.sequence, slot, of: index)
        var isCurrent = slot == .current
        if case .candidate(let number) = slot {
            guard let adopted = promoteCandidate(number, of: index, now: now) else {
                counters.outdated += 1
                return
            }
            isCurrent = adopted == .current
        }
        if known.isNewest, isCurrent { peers[index].address = source }
        recordSignOfLife(index, now: now, into: &outputs)
        let records = scratch[Header.bytesCount...]
        read(records, header, from: index, now: now, into: &outputs)
        sendChanges(now: now, into: &outputs)
    }

    private mutating func slot(of header: Header, from index: Int, now: Instant) -> ChannelSlot? {
        if peers[index].current?.matches(header) == true { return .current }
        if peers[index].previous?.matches(header) == true { return .previous }
        guard !peers[index].candidates.isEmpty else { return nil }
        // Candidates expire, so that recorded datagrams of an unfinished handshake cannot revive it.
        forgetCandidates(of: index, now: now)
        for number in peers[index].candidates.indices where peers[index].candidates[number].channel.matches(header) { return .candidate(number) }
        return nil
    }

    private mutating func opening(at sequence: UInt64, _ slot: ChannelSlot, of index: Int) -> Channel.Opening? {
        switch slot {
        case .current: peers[index].current?.opening(of: sequence)
        case .previous: peers[index].previous?.opening(of: sequence)
        case .candidate(let number): peers[index].candidates[number].channel.opening(of: sequence)
        }
    }

    private mutating func commit(_ sequence: UInt64, _ slot: ChannelSlot, of index: Int) {
        switch slot {
        case .current:
            peers[index].current?.commit(sequence)
            peers[index].measureLoss()
        case .previous:
            peers[index].previous?.commit(sequence)
        case .candidate(let number):
            peers[index].candidates[number].channel.commit(sequence)
        }
    }

    /// The time since this node last received from the peer.
    @inline(__always)
    func silence(of index: Int, now: Instant) -> Duration { peers[index].detector.lastHeardAt.duration(to: now) }

    private mutating func recordSignOfLife(_ index: Int, now: Instant, into outputs: inout GossipOutputs) {
        let silence = silence(of: index, now: now)
        guard peers[index].detector.recordSignOfLife(now: now) else { return }
        peers[index].isContradictionReported = false
        reportState(index, silence: silence, now: now, into: &outputs)
    }

    private mutating func read(_ records: ArraySlice<UInt8>, _ header: Header, from index: Int, now: Instant, into outputs: inout GossipOutputs) {
        var reader = RecordReader(records, now: now)
        while let record = reader.next() { handle(record, header, from: index, now: now, into: &outputs) }
        counters.unknownRecords += reader.unknown
        counters.malformedRecords += reader.malformed
        switch header.kind {
        case .ping, .delta:
            sendAnswer(to: index, header.sequence, now: now, into: &outputs)
        case .leave:
            peers[index].detector.leave()
            reportState(index, silence: .zero, now: now, into: &outputs)
        case .hello, .helloAnswer, .heartbeat, .answer, .digest, .pull, .checkNow, .keyStatus:
            break
        }
    }

    private mutating func handle(_ record: Record, _ header: Header, from index: Int, now: Instant, into outputs: inout GossipOutputs) {
        let sender = peers[index].id
        switch record {
        case .handshake:
            break
        case .beat(let beat):
            handle(beat, from: index, now: now, into: &outputs)
        case .range(let from, let through):
            if from <= peers[index].delivery.receivedThrough {
                peers[index].delivery.receivedThrough = max(peers[index].delivery.receivedThrough, through)
            }
        case .acknowledgement(let through, let ping):
            peers[index].delivery.answered(ping, now: now)
            peers[index].delivery.acknowledge(through: through, now: now)
            grantLeases(into: &outputs)
            recordAcknowledgedBallots(index, into: &outputs)
        case .member(let row):
            mergeMember(row, from: sender, now: now, into: &outputs)
        case .health(let row):
            mergeHealth(row, from: sender, now: now, into: &outputs)
        case .administrative(let row):
            mergeAdministrative(row, from: sender, now: now, into: &outputs)
        case .lease(let row):
            mergeLease(row, from: sender, now: now, into: &outputs)
        case .ballot(let row):
            mergeBallot(row, from: sender, now: now, into: &outputs)
        case .digest(let hashes):
            answerDigest(hashes, of: index, now: now, into: &outputs)
        case .pull(let buckets):
            answerPull(buckets, of: index, now: now, into: &outputs)
        case .checkNow(let server):
            judge.planRequestedCheck(server, now: now)
            judgeDeadline = judge.nextDeadline
        case .keys(let keys):
            peers[index].keys = keys
        case .configuration(let record):
            handle(record, from: index, now: now, into: &outputs)
        }
    }

    /// Takes in the peer's summary: its tables, its configuration, and how well it hears this node.
    private mutating func handle(_ beat: BeatRecord, from index: Int, now: Instant, into outputs: inout GossipOutputs) {
        peers[index].beat = beat
        if beat.tables == tables.hash {
            peers[index].delivery.isEqual(at: tables.revision)
            peers[index].differsSince = nil
            peers[index].wereTablesEqual = true
            peers[index].isTableDifferenceReported = false
            peers[index].digests = 0
            grantLeases(into: &outputs)
            recordAcknowledgedBallots(index, into: &outputs)
        } else {
            peers[index].delivery.acknowledge(through: beat.receivedThrough, now: now)
            peers[index].differsSince = peers[index].differsSince ?? now
        }
        compareConfiguration(beat.configuration, of: index, now: now, into: &outputs)
        let silence = Duration.milliseconds(Int64(beat.silence))
        // The peer could hear nothing while this node was not scheduled or had no channel.
        let sendingTime = max(ranSince, peers[index].provenAt ?? now).duration(to: now)
        if silence >= settings.detector.deadAfter, sendingTime >= silence, !peers[index].isNotReceivedReported {
            peers[index].isNotReceivedReported = true
            outputs.append(.alert(.notReceivedByPeer(peer: peers[index].name, silence: silence)))
        } else if silence < settings.detector.suspectAfter {
            peers[index].isNotReceivedReported = false
        }
        reportLoss(index, into: &outputs)
    }

    private mutating func reportLoss(_ index: Int, into outputs: inout GossipOutputs) {
        let (name, from, to) = (peers[index].name, peers[index].lossFromPeer, peers[index].lossToPeer)
        if let isReported = lossReportChange(peers[index].isLossFromReported, from) {
            peers[index].isLossFromReported = isReported
            outputs.append(.alert(isReported ? .loss(peer: name, direction: .fromPeer, percent: from) : .lossEnded(peer: name, direction: .fromPeer)))
        }
        if let isReported = lossReportChange(peers[index].isLossToReported, to) {
            peers[index].isLossToReported = isReported
            outputs.append(.alert(isReported ? .loss(peer: name, direction: .toPeer, percent: to) : .lossEnded(peer: name, direction: .toPeer)))
        }
        peers[index].detector.loss = max(from, to)
    }

    /// Returns true to report loss, from 10 %, false to report its end, below 3 %, and `nil` for no change.
    private func lossReportChange(_ isReported: Bool, _ percent: Int) -> Bool? {
        if !isReported, percent >= 10 { return true }
        if isReported, percent < 3 { return false }
        return nil
    }
}
