import Wire

/// Work that is due at a deadline.
extension GossipNode {
    private static let leaveInterval = Duration.milliseconds(50)
    /// Tables that still differ this long although everything was delivered are reported.
    private static let tablesReportedAfter = Duration.seconds(5)
    /// The time for which tables may differ before buckets are compared, because deltas may be on the way.
    private static let digestAfter = Duration.milliseconds(500)

    mutating func runDueWork(now: Instant, into outputs: inout GossipOutputs) {
        raiseSession(now: now, into: &outputs)
        for index in peers.indices { runDueWork(index, now: now, into: &outputs) }
        tickJudge(now: now, into: &outputs)
        expire(now: now, into: &outputs)
        renewLeases(now: now, into: &outputs)
        sendLeave(now: now, into: &outputs)
    }

    private mutating func runDueWork(_ index: Int, now: Instant, into outputs: inout GossipOutputs) {
        peers[index].detector.loss = max(peers[index].lossFromPeer, peers[index].lossToPeer)
        detect(index, now: now, into: &outputs)
        if peers[index].current != nil, leavesToSend == nil, peers[index].heartbeatAt <= now {
            // Counted from the planned time, so that late timers do not slow the heartbeat down. After a gap the schedule starts over.
            let planned = peers[index].heartbeatAt.advanced(by: settings.detector.heartbeatInterval)
            peers[index].heartbeatAt = planned <= now ? now.advanced(by: settings.detector.heartbeatInterval) : planned
            if peers[index].state != .left {
                sendBeat(.heartbeat, to: index, now: now, into: &outputs)
                compareTables(index, now: now, into: &outputs)
                if !peers[index].hasSeen(keys: ring.hash), peers[index].keyStatusAt <= now { sendKeyStatus(to: index, now: now, into: &outputs) }
            }
        }
        if wantsHandshake(index, now: now), peers[index].helloAt <= now { continueHandshake(index, now: now, into: &outputs) }
        if let due = peers[index].delivery.resendAt, due <= now { peers[index].delivery.goBack() }
    }

    private mutating func detect(_ index: Int, now: Instant, into outputs: inout GossipOutputs) {
        // At most two steps are due at one instant: alive to suspect to dying, after a gap that was not credited.
        for _ in 0..<3 {
            switch peers[index].detector.step(now: now) {
            case .nothing:
                return
            case .ping:
                reportState(index, silence: silence(of: index, now: now), now: now, into: &outputs)
                sendPing(to: index, now: now, into: &outputs)
            case .died:
                peers[index].helloAt = now
                claimDead(index, now: now, into: &outputs)
            }
        }
    }

    private mutating func compareTables(_ index: Int, now: Instant, into outputs: inout GossipOutputs) {
        guard let since = peers[index].differsSince, since.advanced(by: GossipNode.digestAfter) <= now, peers[index].state == .alive else { return }
        guard peers[index].delivery.acknowledged == tables.revision else { return }
        if peers[index].digestAt.map({ $0 <= now }) ?? true { sendDigest(to: index, now: now, into: &outputs) }
        guard since.advanced(by: GossipNode.tablesReportedAfter) <= now, !peers[index].isTableDifferenceReported else { return }
        peers[index].isTableDifferenceReported = true
        outputs.append(.alert(.tablesDiffer(peer: peers[index].name)))
    }

    private mutating func expire(now: Instant, into outputs: inout GossipOutputs) {
        guard let due = expiryAt, due <= now else { return }
        let wall = wallMilliseconds(now)
        for row in tables.administrativeRows where row.expiry.map({ $0 <= wall }) == true {
            // A later command of this node's own operator stays in force.
            guard let view = judge.view(of: row.server), view.isSetByClusterCommand, view.administrative != .ready else { continue }
            applyAdministrative(row, .ready, now: now, into: &outputs)
        }
        planExpiry(now: now)
    }

    private mutating func sendLeave(now: Instant, into outputs: inout GossipOutputs) {
        guard let left = leavesToSend, left > 0, nextLeaveAt.map({ $0 <= now }) ?? true else { return }
        leavesToSend = left - 1
        nextLeaveAt = left > 1 ? now.advanced(by: GossipNode.leaveInterval) : nil
        for index in peers.indices {
            let beat = beat(for: index, now: now)
            let row = tables.members[settings.node].map(Record.member)
            send(.leave, to: index, into: &outputs) { bytes in
                beat.write(to: &bytes, now: now)
                row?.write(to: &bytes, now: now)
            }
        }
    }
}
