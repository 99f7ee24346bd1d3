import Wire

/// Rows that come in: merged into the tables, and what follows from them for this node.
extension GossipNode {
    mutating func mergeMember(_ row: MemberRow, from sender: NodeID, now: Instant, into outputs: inout GossipOutputs) {
        guard believes(row.session, of: row.node, now) else { return refuseFarAhead(from: peerIndex(sender), into: &outputs) }
        if row.node == settings.node {
            mergeOwnMember(row, from: sender, now: now, into: &outputs)
            return
        }
        guard outcome(tables.merge(row, from: sender), from: sender, into: &outputs) == .taken else { return }
        guard let index = peerIndex(row.node), row.session == peers[index].session else { return }
        if row.rank == .alive, peers[index].state == .dead, let witness = peerIndex(sender), witness != index, !peers[index].isContradictionTold {
            peers[index].isContradictionTold = true
            outputs.append(.alert(.heardElsewhere(peer: peers[index].name, by: peers[witness].name)))
        }
        guard !settings.rules.contains(.ownEars), row.rank == .dead else { return }
        peers[index].detector.convict()
        tellState(index, silence: silence(of: index, now: now), now: now, into: &outputs)
    }

    /// What others say of this node. A death is contradicted; above a higher run this one is raised, as after a handshake that tells of it:
    /// the peer that saw it may be gone, and only its word be left.
    private mutating func mergeOwnMember(_ row: MemberRow, from sender: NodeID, now: Instant, into outputs: inout GossipOutputs) {
        guard !isOutdone(row.session, isFull: row.refutations == .max, from: sender, now: now, into: &outputs) else { return }
        guard outcome(tables.merge(row, from: sender), from: sender, into: &outputs) == .taken else { return }
        guard settings.rules.contains(.refutation), goodbyesLeft == nil, row.rank != .alive else { return }
        _ = tables.merge(MemberRow(node: settings.node, session: session, refutations: row.refutations + 1, rank: .alive))
    }

    /// A row in this node's name has a higher run, or the last version or refutation of this run. Then this node begins a run above it, since its
    /// own rows would otherwise no longer count.
    mutating func isOutdone(_ other: UInt64, isFull: Bool, from sender: NodeID, now: Instant, into outputs: inout GossipOutputs) -> Bool {
        guard other > session || other == session && isFull else { return false }
        counters.refusedRows += 1
        planRaise(above: other, from: peerIndex(sender), now: now, into: &outputs)
        return true
    }

    mutating func mergeHealth(_ row: HealthRow, from sender: NodeID, now: Instant, into outputs: inout GossipOutputs) {
        guard believes(row.session, of: row.observer, now) else { return refuseFarAhead(from: peerIndex(sender), into: &outputs) }
        guard row.observer != settings.node else {
            if !isOutdone(row.session, isFull: row.version == .max, from: sender, now: now, into: &outputs) { mergeOwnHealth(row) }
            return
        }
        guard outcome(tables.merge(row, from: sender), from: sender, into: &outputs) == .taken else { return }
        reconsider(row.server, now: now, into: &outputs)
    }

    /// A row that claims to be this node's own and is newer: somebody has written in its name. What this node sees is said again, above it.
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

    /// Takes an operator's word: from a peer, said here, or from this node's own memory, which a configuration may have overtaken.
    mutating func mergeAdministrative(
        _ row: AdministrativeRow, from sender: NodeID?, isRemembered: Bool = false, now: Instant, into outputs: inout GossipOutputs
    ) {
        guard row.stamp <= stampHorizon(now) else { return refuseFarAhead(from: sender.flatMap { peerIndex($0) }, into: &outputs) }
        clock.observe(row.stamp)
        let before = tables.administrative[row.server]
        let merged = sender.map { outcome(tables.merge(row, from: $0), from: $0, into: &outputs) } ?? tables.merge(row)
        guard merged == .taken else { return }
        let wall = wallMilliseconds(now)
        if let sender, let index = peerIndex(sender), row.stamp.milliseconds > wall + 60_000, row.stamp.milliseconds > (before?.stamp.milliseconds ?? 0) {
            outputs.append(.alert(.clockAhead(peer: peers[index].name, milliseconds: row.stamp.milliseconds - wall)))
        }
        outputs.append(.persist(.administrative(row)))
        let state = row.effective(wall: wall)
        // A word on the weight alone, and a remembered one that is over, leave the state to each node. Another expiry came with a word on
        // the state that this node has missed.
        let isWeight = row.weight != before?.weight && row.state == before?.state ?? .ready && row.expiry == before?.expiry
        applyAdministrative(row, isWeight || (isRemembered && state == .ready) ? nil : state, now: now, into: &outputs)
    }

    mutating func mergeLease(_ row: LeaseRow, from sender: NodeID?, now: Instant, into outputs: inout GossipOutputs) {
        guard row.stamp <= stampHorizon(now), row.epoch <= sessionHorizon(now) else {
            return refuseFarAhead(from: sender.flatMap { peerIndex($0) }, into: &outputs)
        }
        clock.observe(row.stamp)
        let merged = sender.map { outcome(tables.merge(row, from: $0), from: $0, into: &outputs) } ?? tables.merge(row)
        guard merged == .taken else { return }
        if row.holder != settings.node { leases.removeAll { $0.name == row.name } }
        tellLeases(now: now, into: &outputs)
    }

    mutating func outcome(_ outcome: MergeOutcome, from sender: NodeID, into outputs: inout GossipOutputs) -> MergeOutcome {
        guard outcome == .refused else { return outcome }
        counters.refusedRows += 1
        if let index = peerIndex(sender), !peers[index].isRefusalTold {
            peers[index].isRefusalTold = true
            outputs.append(.alert(.rowsRefused(peer: peers[index].name)))
        }
        return outcome
    }
}

extension GossipNode {
    /// Tells of a peer's new state, and draws the consequences: what a dead peer has seen does not count any more, its leases fall.
    mutating func tellState(_ index: Int, silence: Duration, now: Instant, into outputs: inout GossipOutputs) {
        let state = peers[index].state
        guard state != peers[index].told else { return }
        peers[index].told = state
        outputs.append(.peerChanged(peers[index].id, state, silence: silence))
        guard state != .suspect else { return }
        tellLeases(now: now, into: &outputs)
        grantLeases(into: &outputs)
        for view in judge.views { reconsider(view.server.id, now: now, into: &outputs) }
    }

    /// This node's ears say that a peer is dead: its claim goes to everybody, once, for the peer to contradict.
    mutating func claimDead(_ index: Int, now: Instant, into outputs: inout GossipOutputs) {
        let (node, session) = (peers[index].id, peers[index].session)
        if var row = tables.members[node], row.session == session, row.rank < .dead {
            row.rank = .dead
            _ = tables.merge(row)
        }
        tellState(index, silence: silence(of: index, now: now), now: now, into: &outputs)
    }

    /// Carries out an operator's word; `state` is `nil` where it says nothing of it.
    mutating func applyAdministrative(_ row: AdministrativeRow, _ state: AdministrativeState?, now: Instant, into outputs: inout GossipOutputs) {
        if let state { judge.setAdministrative(row.server, state, isWord: true) }
        // At once: what else came with it must not count on the server.
        if row.weight == 0, judge.view(of: row.server)?.circumstances == .ready { judge.setCircumstances(row.server, .drain) }
        if state != nil || row.weight != nil { outputs.append(.administrativeChanged(row.server, state, weight: row.weight)) }
        planExpiry(now: now)
    }

    /// Finds the next word to expire.
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
