// The hot path: a forwarding thread's view of `ForwardingState`. Nothing here allocates, retains or releases, except when a session leaves its server.

import LinuxIO
import Synchronization
import Wire

/// Pins the value that contains it: the compiler passes the value's address to methods instead of copying it. Any type with an atomic has this property.
struct Pinned: ~Copyable, Sendable {
    private let atomic = Atomic<UInt8>(0)
}

/// The addresses of the state that forwarding threads share, and its constants. `ForwardingState` owns the state and outlives the threads, so nothing here is
/// retained.
struct SharedAddresses: ~Copyable, Sendable {
    let sessionsMax: Int
    let handshakesPerServer: Int
    /// The most connections that a listener accepts per turn, and all listeners accept per second (0 for no limit).
    let acceptsPerTurn: Int
    let acceptsPerSecond: Int
    let clientBuffers: SocketBuffers
    let serverBuffers: SocketBuffers
    /// True when headers to a server pass on the authority in the client's header.
    let forwardsAuthority: Bool
    /// One cell.
    let process: ElementAddresses<ProcessCell>
    let controlWakeUp: ElementAddresses<WakeUp>
    /// By thread.
    let mailboxes: ElementAddresses<ThreadMailbox>
    /// By thread: its counters of each backend.
    private let backendCounters: ElementAddresses<ElementAddresses<ServerCounters>>
    /// By frontend.
    let frontendCells: ElementAddresses<FrontendCell>
    let frontendRules: ElementAddresses<FrontendRules>
    let frontendLogs: ElementAddresses<FrontendLog>
    let frontendNames: ElementAddresses<FrozenText>
    private let logTags: ElementAddresses<FrozenText>
    private let logTargets: ElementAddresses<Int>
    /// By backend.
    let backendCells: ElementAddresses<BackendCell>
    let backendRules: ElementAddresses<BackendRules>
    let backendNames: ElementAddresses<FrozenText>
    /// By server, flat over all backends.
    let serverCells: ElementAddresses<ServerCell>
    let serverRules: ElementAddresses<ServerRules>
    let serverNames: ElementAddresses<FrozenText>
    /// By server with a `source`.
    let sources: ElementAddresses<SourceRules>
    let sourcePorts: ElementAddresses<SourcePorts>
    /// By bind, flat over all frontends.
    let bindCells: ElementAddresses<BindCell>
    /// By server: the encoded extensions of its PROXY header.
    let proxyHeaderValues: ElementAddresses<FrozenText>
    /// By server and reason.
    private let tallies: ElementAddresses<Tally>
    private let pinned = Pinned()

    /// Collects the addresses of the parts of `state`.
    init(_ state: ForwardingState) {
        sessionsMax = state.sessionsMax
        handshakesPerServer = state.handshakesPerServer
        (acceptsPerTurn, acceptsPerSecond) = (state.tuning.acceptsPerTurn, state.tuning.acceptsPerSecond)
        (clientBuffers, serverBuffers) = (state.tuning.clientBuffers, state.tuning.serverBuffers)
        forwardsAuthority = state.forwardsAuthority
        process = state.process.addresses
        controlWakeUp = state.controlWakeUps.addresses
        mailboxes = state.mailboxes.addresses
        backendCounters = state.backendCounters.addresses
        frontendCells = state.frontendCells.addresses
        frontendRules = state.frontendRules.addresses
        frontendLogs = state.logs.frontends.addresses
        frontendNames = state.names.frontends.addresses
        logTags = state.logs.tags.addresses
        logTargets = state.logs.targets.addresses
        backendCells = state.backendCells.addresses
        backendRules = state.backendRules.addresses
        backendNames = state.names.backends.addresses
        serverCells = state.serverCells.addresses
        serverRules = state.serverRules.addresses
        serverNames = state.names.servers.addresses
        sources = state.sources.addresses
        sourcePorts = state.sourcePorts.addresses
        bindCells = state.bindCells.addresses
        proxyHeaderValues = state.proxyHeaderValues.addresses
        tallies = state.tallies.addresses
    }

    /// Wakes the control thread if it waits for a forwarding thread to have work. Called at the start of each round.
    func signalAwaitedWork() {
        guard process[0].pointee.isWorkAwaited.load(ordering: .relaxed) else { return }
        if process[0].pointee.isWorkAwaited.exchange(false, ordering: .relaxed) { controlWakeUp[0].pointee.signal() }
    }

    /// The number of sessions assigned to a backend.
    func sessionsBegun(of backend: Int) -> UInt64 {
        var sum: UInt64 = 0
        for thread in 0..<backendCounters.count { sum &+= backendCounters[thread].pointee[backend].pointee.sessions.value }
        return sum
    }

    /// A frontend's log targets and tag.
    func logFrame(ofFrontend frontend: Int) -> LogFrame {
        let log = frontendLogs[frontend]
        let first = log.pointee.targetCount > 0 ? logTargets[log.pointee.firstTarget] : nil
        return LogFrame(targets: UnsafeBufferPointer(start: first, count: log.pointee.targetCount), tag: logTags[frontend].pointee.bytes)
    }
}

// MARK: - Places of servers

extension SharedAddresses {
    /// Chooses a server of `backend` for a session and takes a place at it.
    func takePlace(of backend: Int, _ tried: TriedServers, hash: UInt32?) -> Choice {
        let load = backendCells[backend].pointee.sessions.value
        let choice = backendCells[backend].pointee.balancer.withLock { $0.take(tried, hash: hash, load: load) }
        if case .server(let server) = choice { _ = serverCells[Int(server)].pointee.sessions.tryEnter(limit: 0) }
        return choice
    }

    /// Queues a session at `backend`. If a place has become free in the meantime, takes it and returns its server instead.
    func wait(_ waiter: Waiter, in backend: Int) -> UInt32? {
        let load = backendCells[backend].pointee.sessions.value
        let grants = backendCells[backend].pointee.balancer.withLock { $0.wait(waiter, load: load) }
        for grant in grants where grant.waiter != waiter { send(grant) }
        guard let own = grants.first(where: { $0.waiter == waiter }) else { return nil }
        count(own)
        return own.server
    }

    /// Subtracts a session from its server's gauge. Its place stays taken until `freePlace`.
    func decrementSessions(of server: UInt32) { serverCells[Int(server)].pointee.sessions.leave() }

    /// Frees a place, or hands it to the session that has waited longest for one.
    func freePlace(of server: UInt32) {
        let backend = backendCells[serverRules[Int(server)].pointee.backend]
        let load = backend.pointee.sessions.value
        if let grant = backend.pointee.balancer.withLock({ $0.releasePlace(server, load: load) }) { send(grant) }
    }

    /// Counts a queued session at the server that has granted it a place, and notifies the session's thread.
    func send(_ grant: Grant) {
        count(grant)
        mailboxes[grant.waiter.thread].pointee.post(.granted(session: grant.waiter.session, server: grant.server))
    }

    /// Counts a queued session at the server that has granted it a place instead of in the queue.
    private func count(_ grant: Grant) {
        leaveQueue(of: serverRules[Int(grant.server)].pointee.backend, for: grant.waiter.server)
        _ = serverCells[Int(grant.server)].pointee.sessions.tryEnter(limit: 0)
    }

    /// Counts a session in the queue of `backend`, or of the only server that it can use. Returns its position, from 1.
    func enterQueue(of backend: Int, for only: UInt32?) -> Int {
        guard let only else { return Self.enter(backendCells[backend].pointee.waiting) }
        return Self.enter(serverCells[Int(only)].pointee.waiting)
    }

    private static func enter(_ queue: borrowing Gauge) -> Int {
        _ = queue.tryEnter(limit: 0)
        queue.updateMaximum()
        return queue.value
    }

    /// Subtracts a session from its queue.
    func leaveQueue(of backend: Int, for only: UInt32?) {
        if let only { serverCells[Int(only)].pointee.waiting.leave() } else { backendCells[backend].pointee.waiting.leave() }
    }

    /// Counts a reason to leave a server. Wakes the control thread unless a report on that server is already waiting for it.
    func report(_ reason: RetryReason, of server: UInt32) {
        tallies[Int(server) * RetryReason.count + reason.index].pointee.add()
        let before = serverCells[Int(server)].pointee.retryReasons.bitwiseOr(RetryReasons(reason).rawValue, ordering: .releasing).oldValue
        guard before == 0 else { return }
        process[0].pointee.reportedServers.withLock { $0.append(server) }
        controlWakeUp[0].pointee.signal()
    }
}
