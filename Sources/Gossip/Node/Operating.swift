import Wire

/// The reason why an operator's command was refused.
package enum AdministrationRefusal: Error, Equatable, Sendable {
    /// The command would take the proxy's last usable server. `force` allows it.
    case lastUsable
    /// The server is not configured.
    case unknownServer
    /// No later stamp is valid: this node's clock is near the end of the range, or was set back by years.
    case clockUnusable
}

/// Whether a command may put a proxy's last usable server into maintenance.
package enum AdministrationForce: Sendable {
    /// The command is refused when it would take the last usable server.
    case careful
    /// The command is always accepted.
    case forced
}

/// Keys, operators' commands, leases and other local events.
extension GossipNode {
    /// Applies an operator's command in the whole cluster.
    ///
    /// - Parameter duration: the time after which the server counts as ready again; `nil` for no limit.
    /// - Throws: `lastUsable` when `maint` would take the last server of a proxy that is usable on this node, unless `forced`.
    package mutating func administer(
        _ server: ServerID, _ state: AdministrativeState, weight: UInt16? = nil, for duration: Duration? = nil, force: AdministrationForce = .careful,
        now: Instant, into outputs: inout GossipOutputs
    ) throws(AdministrationRefusal) {
        guard let view = judge.view(of: server) else { throw .unknownServer }
        if state == .maint, force == .careful, view.isUsable, usableCount(ofProxy: view.server.proxy) <= 1 { throw .lastUsable }
        let wall = wallMilliseconds(now)
        let expiry = duration.map { wall + UInt64(clamping: $0.wholeMilliseconds) }
        let row = AdministrativeRow(
            server: server, stamp: try nextStamp(now), origin: settings.node, state: state, weight: weight.map { min($0, 256) }, expiry: expiry)
        mergeAdministrative(row, from: nil, now: now, into: &outputs)
        local(.wallClock(milliseconds: wall), now: now, into: &outputs)
    }

    /// Sets an operator's weight in the whole cluster, 0 to 256. State and expiry stay unchanged.
    package mutating func setWeight(_ server: ServerID, _ weight: UInt16, now: Instant, into outputs: inout GossipOutputs) throws(AdministrationRefusal) {
        guard judge.index(server) != nil else { throw .unknownServer }
        let known = tables.administrative[server]
        let row = AdministrativeRow(
            server: server, stamp: try nextStamp(now), origin: settings.node, state: known?.state ?? .ready, weight: min(weight, 256), expiry: known?.expiry)
        mergeAdministrative(row, from: nil, now: now, into: &outputs)
    }

    private mutating func nextStamp(_ now: Instant) throws(AdministrationRefusal) -> HybridTime {
        guard let stamp = clock.next(wall: wallMilliseconds(now), limit: stampHorizon(now)) else { throw .clockUnusable }
        return stamp
    }

    /// Adds a key. The node accepts datagrams with it.
    package mutating func installKey(_ key: KeyRing.Key) throws(KeyRing.Refusal) { try ring.install(key) }

    /// Selects the key that the node sends with. New handshakes replace the channels; until a peer has the key its old channel stays in use.
    package mutating func useKey(_ id: UInt32) throws(KeyRing.Refusal) { try ring.use(id) }

    /// Removes a key and all channels that were derived from it.
    ///
    /// - Throws: the names of the nodes that are not known to hold the key in use, or that still send with this one.
    package mutating func removeKey(_ id: UInt32) throws(KeyRing.Refusal) {
        try ring.remove(id, holders: peers.map { ($0.name, $0.keys) })
        for index in peers.indices {
            if peers[index].previous?.ringKey == id { peers[index].previous = nil }
            peers[index].candidates.removeAll { $0.channel.ringKey == id }
            if peers[index].current?.ringKey == id {
                peers[index].current = nil
                peers[index].measureLoss()
            }
        }
    }

    mutating func handle(_ event: GossipEvent, now: Instant, into outputs: inout GossipOutputs) {
        switch event {
        case .configured(let servers, let hash):
            configuration = hash
            judge.configure(servers)
            tables.configure(servers.map(\.id))
            for row in tables.administrativeRows {
                judge.setAdministrative(row.server, row.effective(wall: wallMilliseconds(now)), isClusterCommand: true)
            }
            judgeDeadline = judge.nextDeadline
        case .observed(let server, let observation):
            observe(server, observation, now: now, into: &outputs)
        case .administered(let server, let state):
            judge.setAdministrative(server, state, isClusterCommand: false)
        case .localState(let server, let state):
            judge.setLocalState(server, state)
        case .maintenanceEnded(let server):
            judge.forgetChecks(server)
            reconsider(server, now: now, into: &outputs)
        case .addressChanged(let server, let address):
            judge.setAddress(server, address)
            reconsider(server, now: now, into: &outputs)
        case .peerAddress(let node, let address):
            guard let index = peerIndex(node) else { return }
            peers[index].configured = address
        case .requestPeerChecks(let server):
            let record = Record.checkNow(server)
            for index in peers.indices { send(.checkNow, to: index, into: &outputs) { record.write(to: &$0, now: now) } }
        case .wallClock(let milliseconds):
            wall = (milliseconds, now)
            planExpiry(now: now)
        case .acquireLease(let name):
            acquireLease(name, now: now, into: &outputs)
        case .releaseLease(let name):
            releaseLease(name, now: now, into: &outputs)
        case .ballot(let subject, let epoch, let choice, let isConfirmed):
            publishBallot(subject, epoch: epoch, choice: choice, isConfirmed: isConfirmed)
        case .leave:
            leave(now: now, into: &outputs)
        }
    }

    private mutating func leave(now: Instant, into outputs: inout GossipOutputs) {
        guard leavesToSend == nil else { return }
        for lease in leases { releaseLease(lease.name, now: now, into: &outputs) }
        leavesToSend = 3
        nextLeaveAt = now
        guard var row = tables.members[settings.node] else { return }
        row.rank = .left
        _ = tables.merge(row)
        runDueWork(now: now, into: &outputs)
    }
}

extension GossipNode {
    /// Returns the holder of a lease; `nil` when it was released or has expired, or when its holder is dead or has left.
    package func holder(ofLease name: UInt64, now: Instant) -> NodeID? {
        guard let row = tables.leases[name], row.isHeld, row.expiry > now else { return nil }
        if row.holder == settings.node { return row.holder }
        guard let state = state(of: row.holder), state != .dead, state != .left else { return nil }
        return row.holder
    }

    /// True when this node could claim a lease. A claim needs a stamp, as an operator's command does.
    package func canIssueStamp(now: Instant) -> Bool {
        var clock = clock
        return clock.next(wall: wallMilliseconds(now), limit: stampHorizon(now)) != nil
    }

    private mutating func acquireLease(_ name: UInt64, now: Instant, into outputs: inout GossipOutputs) {
        guard holder(ofLease: name, now: now) == nil else {
            reportLease(name, now: now, into: &outputs)
            return
        }
        let epoch = (tables.leases[name]?.epoch ?? 0) + 1
        guard epoch < GossipLimits.sessionMax, let stamp = clock.next(wall: wallMilliseconds(now), limit: stampHorizon(now)) else { return }
        let row = LeaseRow(
            name: name, epoch: epoch, stamp: stamp, holder: settings.node, version: 1, isHeld: true,
            expiry: now.advanced(by: settings.leaseDuration))
        mergeLease(row, from: nil, now: now, into: &outputs)
        guard tables.leases[name] == row else { return }
        leases.append(OwnLease(name: name, renewAt: now.advanced(by: settings.leaseDuration / 3), revision: tables.revision))
        grantLeases(into: &outputs)
    }

    private mutating func releaseLease(_ name: UInt64, now: Instant, into outputs: inout GossipOutputs) {
        leases.removeAll { $0.name == name }
        guard var row = tables.leases[name], row.holder == settings.node, row.isHeld, row.version < .max else { return }
        row.version += 1
        row.isHeld = false
        mergeLease(row, from: nil, now: now, into: &outputs)
    }

    /// Renews the leases of this node, which holds them while it drains.
    mutating func renewLeases(now: Instant, into outputs: inout GossipOutputs) {
        for index in leases.indices where leases[index].renewAt <= now {
            leases[index].renewAt = now.advanced(by: settings.leaseDuration / 3)
            guard var row = tables.leases[leases[index].name], row.version < .max else { continue }
            row.version += 1
            row.expiry = now.advanced(by: settings.leaseDuration)
            _ = tables.merge(row)
        }
        reportLeases(now: now, into: &outputs)
    }

    /// Grants a lease once every live peer has acknowledged the claim and none has an earlier one.
    mutating func grantLeases(into outputs: inout GossipOutputs) {
        for index in leases.indices where !leases[index].isGranted {
            guard peers.allSatisfy({ !$0.isWitness || $0.delivery.acknowledged >= leases[index].revision }) else { continue }
            leases[index].isGranted = true
            outputs.append(.leaseGranted(leases[index].name))
        }
    }

    /// Outputs the holders of leases that have changed.
    mutating func reportLeases(now: Instant, into outputs: inout GossipOutputs) {
        for entry in tables.leases.entries {
            let holder = holder(ofLease: entry.key, now: now)
            if let index = reportedLeases.firstIndex(where: { $0.name == entry.key }) {
                guard reportedLeases[index].holder != holder else { continue }
                reportedLeases[index].holder = holder
            } else {
                guard holder != nil else { continue }
                reportedLeases.append((entry.key, holder))
            }
            outputs.append(.leaseChanged(entry.key, holder: holder))
        }
    }

    private func reportLease(_ name: UInt64, now: Instant, into outputs: inout GossipOutputs) {
        outputs.append(.leaseChanged(name, holder: holder(ofLease: name, now: now)))
    }
}
