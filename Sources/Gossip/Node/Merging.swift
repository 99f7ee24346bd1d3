import Wire

/// Merges received rows into the tables and acts on the changes.
extension GossipNode {
    mutating func mergeMember(_ row: MemberRow, from sender: NodeID, now: Instant, into outputs: inout GossipOutputs) {
        guard isAcceptableSession(row.session, of: row.node, now) else { return rejectFarAhead(from: peerIndex(sender), into: &outputs) }
        if row.node == settings.node {
            mergeOwnMember(row, from: sender, now: now, into: &outputs)
            return
        }
        guard outcome(tables.merge(row, from: sender), from: sender, into: &outputs) == .stored else { return }
        guard let index = peerIndex(row.node), row.session == peers[index].session else { return }
        if row.rank == .alive, peers[index].state == .dead, let witness = peerIndex(sender), witness != index, !peers[index].isContradictionReported {
            peers[index].isContradictionReported = true
            outputs.append(.alert(.aliveElsewhere(peer: peers[index].name, by: peers[witness].name)))
        }
        guard !settings.rules.contains(.ownObservation), row.rank == .dead else { return }
        peers[index].detector.declareDead()
        reportState(index, silence: silence(of: index, now: now), now: now, into: &outputs)
    }

    /// Merges a claim about this node. The node refutes a claim that it is suspect, dead or left. A claim with a higher session raises this node's session, as
    /// a handshake that reports a higher session does: the peer that saw the session may be dead, and this row may be the only trace.
    private mutating func mergeOwnMember(_ row: MemberRow, from sender: NodeID, now: Instant, into outputs: inout GossipOutputs) {
        guard !isOvertaken(row.session, isFull: row.refutations == .max, from: sender, now: now, into: &outputs) else { return }
        guard outcome(tables.merge(row, from: sender), from: sender, into: &outputs) == .stored else { return }
        guard settings.rules.contains(.refutation), leavesToSend == nil, row.rank != .alive else { return }
        _ = tables.merge(MemberRow(node: settings.node, session: session, refutations: row.refutations + 1, rank: .alive))
    }

    /// True when a row in this node's name has a higher session, or has used up the versions or refutations of this session. The node then starts a session
    /// above it, because peers would ignore its own rows otherwise.
    mutating func isOvertaken(_ other: UInt64, isFull: Bool, from sender: NodeID, now: Instant, into outputs: inout GossipOutputs) -> Bool {
        guard other > session || other == session && isFull else { return false }
        counters.refusedRows += 1
        planRaise(above: other, from: peerIndex(sender), now: now, into: &outputs)
        return true
    }

    mutating func mergeHealth(_ row: HealthRow, from sender: NodeID, now: Instant, into outputs: inout GossipOutputs) {
        guard isAcceptableSession(row.session, of: row.observer, now) else { return rejectFarAhead(from: peerIndex(sender), into: &outputs) }
        guard row.observer != settings.node else {
            if !isOvertaken(row.session, isFull: row.version == .max, from: sender, now: now, into: &outputs) { mergeOwnHealth(row) }
            return
        }
        guard outcome(tables.merge(row, from: sender), from: sender, into: &outputs) == .stored else { return }
        reconsider(row.server, now: now, into: &outputs)
    }

    /// Handles a newer row in this node's name that this node did not write: the node publishes its own row again with a higher version.
    private mutating func mergeOwnHealth(_ row: HealthRow) {
        guard row.session == session, let own = tables.health[HealthKey(server: row.server, observer: settings.node)] else {
            if row.session == session { counters.refusedRows += 1 }
            return
        }
        guard row.isNewer(than: own) else { return }
        var again = own
        again.version = row.version + 1
        _ = tables.merge(again)
    }

    /// Merges an operator's command from a peer, from this node's operator, or from this node's memory, in which it may be outdated.
    mutating func mergeAdministrative(
        _ row: AdministrativeRow, from sender: NodeID?, isRemembered: Bool = false, now: Instant, into outputs: inout GossipOutputs
    ) {
        guard row.stamp <= stampHorizon(now) else { return rejectFarAhead(from: sender.flatMap { peerIndex($0) }, into: &outputs) }
        clock.observe(row.stamp)
        let before = tables.administrative[row.server]
        let merged = sender.map { outcome(tables.merge(row, from: $0), from: $0, into: &outputs) } ?? tables.merge(row)
        guard merged == .stored else { return }
        let wall = wallMilliseconds(now)
        if let sender, let index = peerIndex(sender), row.stamp.milliseconds > wall + 60_000, row.stamp.milliseconds > (before?.stamp.milliseconds ?? 0) {
            outputs.append(.alert(.clockAhead(peer: peers[index].name, milliseconds: row.stamp.milliseconds - wall)))
        }
        outputs.append(.persist(.administrative(row)))
        let state = row.effective(wall: wall)
        // A command for the weight alone leaves the state as each node has it; so does a remembered command that has expired. A different expiry means that the
        // row contains a command for the state that this node has missed.
        let isWeight = row.weight != before?.weight && row.state == before?.state ?? .ready && row.expiry == before?.expiry
        applyAdministrative(row, isWeight || (isRemembered && state == .ready) ? nil : state, now: now, into: &outputs)
    }

    mutating func mergeLease(_ row: LeaseRow, from sender: NodeID?, now: Instant, into outputs: inout GossipOutputs) {
        guard row.stamp <= stampHorizon(now), row.epoch <= sessionHorizon(now) else {
            return rejectFarAhead(from: sender.flatMap { peerIndex($0) }, into: &outputs)
        }
        clock.observe(row.stamp)
        let merged = sender.map { outcome(tables.merge(row, from: $0), from: $0, into: &outputs) } ?? tables.merge(row)
        guard merged == .stored else { return }
        if row.holder != settings.node { leases.removeAll { $0.name == row.name } }
        reportLeases(now: now, into: &outputs)
    }

    mutating func outcome(_ outcome: MergeOutcome, from sender: NodeID, into outputs: inout GossipOutputs) -> MergeOutcome {
        guard outcome == .refused else { return outcome }
        counters.refusedRows += 1
        if let index = peerIndex(sender), !peers[index].isRefusalReported {
            peers[index].isRefusalReported = true
            outputs.append(.alert(.rowsRefused(peer: peers[index].name)))
        }
        return outcome
    }
}

extension GossipNode {
    /// Outputs a peer's new state and applies the consequences: the rows of a dead peer do not count, and its leases end.
    mutating func reportState(_ index: Int, silence: Duration, now: Instant, into outputs: inout GossipOutputs) {
        let state = peers[index].state
        guard state != peers[index].reportedState else { return }
        peers[index].reportedState = state
        outputs.append(.peerChanged(peers[index].id, state, silence: silence))
        guard state != .suspect else { return }
        reportLeases(now: now, into: &outputs)
        grantLeases(into: &outputs)
        for view in judge.views { reconsider(view.server.id, now: now, into: &outputs) }
    }

    /// Publishes a DEAD claim about a peer that this node has declared dead. The peer can refute it.
    mutating func claimDead(_ index: Int, now: Instant, into outputs: inout GossipOutputs) {
        let (node, session) = (peers[index].id, peers[index].session)
        if var row = tables.members[node], row.session == session, row.rank < .dead {
            row.rank = .dead
            _ = tables.merge(row)
        }
        reportState(index, silence: silence(of: index, now: now), now: now, into: &outputs)
    }

    /// Applies an operator's command; `state` is `nil` when the command does not set the state.
    mutating func applyAdministrative(_ row: AdministrativeRow, _ state: AdministrativeState?, now: Instant, into outputs: inout GossipOutputs) {
        if let state { judge.setAdministrative(row.server, state, isClusterCommand: true) }
        // Applied at once, so that the other rows of the same datagram do not count on this server.
        if row.weight == 0, judge.view(of: row.server)?.localState == .ready { judge.setLocalState(row.server, .drain) }
        if state != nil || row.weight != nil { outputs.append(.administrativeChanged(row.server, state, weight: row.weight)) }
        planExpiry(now: now)
    }

    /// Returns the time at which the next command expires.
    func nextExpiry(now: Instant) -> Instant? {
        let wall = wallMilliseconds(now)
        var earliest: UInt64?
        for entry in tables.administrative.entries {
            guard let expiry = entry.row.expiry, expiry > wall else { continue }
            earliest = min(earliest ?? expiry, expiry)
        }
        return earliest.map { now.advanced(by: .milliseconds(Int64(clamping: $0 - wall))) }
    }

    mutating func planExpiry(now: Instant) { expiryAt = nextExpiry(now: now) }
}
