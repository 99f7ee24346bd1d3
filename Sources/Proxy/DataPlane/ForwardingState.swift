import LinuxIO
import Synchronization
import Wire

/// All that forwarding threads share, with each other and with the control thread.
package final class ForwardingState: Sendable {
    /// The most pipes that any thread can use for splicing.
    package static let pipesPerThreadMax = PipePool.pipesMax
    /// The most threads: `ProcessCell.pausedThreads` has a bit for each.
    package static let threadsMax = 64

    /// The most handshakes of one server at once that are finished for departed clients, where descriptors are not short. Connections beyond it are closed.
    /// Each takes a round trip, but they come in bursts.
    package static let handshakesPerServerMax = 1024

    /// The configuration's proxies.
    package let frontends: [Frontend]
    package let backends: [Backend]
    /// `maxconn` of the process: sessions at once.
    package let sessionsMax: Int
    /// The most pipes each thread may hold for splicing.
    package let pipesPerThread: Int
    /// The most handshakes of one server at once that are finished for departed clients.
    let handshakesPerServer: Int
    /// One cell.
    package let process = SharedCells<ProcessCell>(count: 1) { _ in ProcessCell() }
    /// By frontend and backend.
    package let frontendCells: SharedCells<FrontendCell>
    package let backendCells: SharedCells<BackendCell>
    /// By server, flat over all backends.
    package let serverCells: SharedCells<ServerCell>
    /// By server and reason: how often sessions have left it.
    let tallies: SharedCells<Tally>
    /// The flat index of each backend's first server.
    package let firstServers: [Int]
    /// By thread.
    package let mailboxes: SharedCells<ThreadMailbox>
    package let counters: [ThreadCounters]
    /// What earlier processes have counted; the control thread writes it.
    package let inherited: ThreadCounters
    /// The counters of every thread, and those of earlier processes.
    package let allCounters: [ThreadCounters]
    /// Where lines go.
    package let destinations: [LogDestination]
    package let frontendLogs: [ProxyLog]
    /// Connections whose clients have left before they logged in.
    let abandonedHandshakes = Mutex<[AbandonedHandshake]>([])
    /// Wakes the control thread: a session has left a server, a handshake was abandoned, a forwarding thread is slow, or work that it awaits has begun.
    package let controlWakeUp: WakeUp

    let frontendRules: FrozenTable<FrontendRules>
    let backendRules: FrozenTable<BackendRules>
    /// By server, flat over all backends.
    let serverRules: FrozenTable<ServerRules>
    /// Servers that sessions have left since the control thread took them; each appears once.
    private let leftServers = Mutex<[UInt32]>([])

    /// The state of `threads` threads, with no session.
    package init(
        frontends: [Frontend], backends: [Backend], routes: [[ServerRoute]], sessionsMax: Int, threads: Int, destinations: [LogDestination],
        frontendLogs: [ProxyLog], pipesPerThread: Int = pipesPerThreadMax, handshakesPerServer: Int = handshakesPerServerMax
    ) throws(SystemError) {
        precondition((1...Self.threadsMax).contains(threads), "\(threads) threads, at most \(Self.threadsMax)")
        precondition(backends.count <= Int(Session.noBackend), "\(backends.count) backends, at most \(Session.noBackend)")
        self.frontends = frontends
        self.backends = backends
        self.sessionsMax = sessionsMax
        self.destinations = destinations
        self.pipesPerThread = pipesPerThread
        self.handshakesPerServer = handshakesPerServer
        self.frontendLogs = frontendLogs
        frontendCells = SharedCells(count: frontends.count) { _ in FrontendCell() }
        var first = 0
        let firstServers = backends.map { backend in
            defer { first += backend.servers.count }
            return first
        }
        let servers = first
        self.firstServers = firstServers
        let now = MonotonicClock.now().nanoseconds / 1_000_000
        backendCells = SharedCells(count: backends.count) {
            BackendCell(
                balancer: BackendBalancer(backends[$0], routes: routes[$0], firstServer: firstServers[$0]),
                retryBudget: RetryBudget(percent: backends[$0].retryBudgetPercent, now: now),
                hedgeBudget: RetryBudget(percent: Backend.hedgePercentMax, freeMax: 0, now: now))
        }
        let addresses = routes.joined().map(\.address)
        serverCells = SharedCells(count: servers) { ServerCell(address: addresses[$0]) }
        let rules = backends.enumerated().flatMap { index, backend in backend.servers.map { ServerRules($0, of: backend, at: index) } }
        serverRules = FrozenTable(rules)
        tallies = SharedCells(count: servers * LeaveReason.count) { _ in Tally() }
        counters = (0..<threads).map { _ in ThreadCounters(frontends: frontends.count, servers: servers, backends: backends.count) }
        inherited = ThreadCounters(frontends: frontends.count, servers: servers, backends: backends.count)
        allCounters = counters + [inherited]
        frontendRules = FrozenTable(frontends.map { FrontendRules($0, backends: backends, processLimit: sessionsMax) })
        backendRules = FrozenTable(backends.map { BackendRules($0) })
        controlWakeUp = try WakeUp()
        mailboxes = try SharedCells(count: threads) { _ throws(SystemError) in try ThreadMailbox() }
    }

    /// Asks for one wake-up of the control thread by the next forwarding thread that has something to do. In an idle process it reads no counters.
    package func awaitWork() { process[0].pointee.isWorkAwaited.store(true, ordering: .relaxed) }

    /// A forwarding thread begins a round: wakes the control thread if that awaits it.
    func beginWork() {
        guard process[0].pointee.isWorkAwaited.load(ordering: .relaxed) else { return }
        if process[0].pointee.isWorkAwaited.exchange(false, ordering: .relaxed) { controlWakeUp.signal() }
    }

    /// What a thread was doing last.
    package func place(ofThread thread: Int) -> ThreadPlace { ThreadPlace(rawValue: counters[thread].place.value) ?? .waiting }

    /// How often sessions have left a server for this reason.
    package func left(_ server: ServerReference, for reason: LeaveReason) -> UInt64 {
        tallies[flatIndex(server) * LeaveReason.count + reason.place].pointee.value
    }

    /// Lets the budgets of retries see how many sessions have come; to be called each second.
    package func lookAtBudgets(now: Instant) {
        for backend in backends.indices {
            let sessions = sessionsBegun(of: backend)
            backendCells[backend].pointee.retryBudget.withLock { $0.look(sessions: sessions, now: now.nanoseconds / 1_000_000) }
            backendCells[backend].pointee.hedgeBudget.withLock { $0.look(sessions: sessions, now: now.nanoseconds / 1_000_000) }
        }
    }

    /// How many sessions have come to a backend.
    func sessionsBegun(of backend: Int) -> UInt64 {
        var sum: UInt64 = 0
        for thread in counters.indices { sum &+= counters[thread].backends[backend].pointee.sessions.value }
        return sum
    }

    /// The flat index of a server.
    package func flatIndex(_ server: ServerReference) -> Int { firstServers[server.backend] + server.server }
}

// MARK: - Places of servers

extension ForwardingState {
    /// Applies a server's new route: new sessions follow it at once, and so do waiting ones that the server has room for.
    package func setRoute(_ route: ServerRoute, of server: ServerReference) {
        let index = UInt32(flatIndex(server))
        serverCells[Int(index)].pointee.address.withLock { $0 = route.address.map { RawSocketAddress($0) } }
        let grants = backendCells[server.backend].pointee.balancer.withLock { $0.update(index, route) }
        for grant in grants { send(grant) }
    }

    /// Finds a server of `backend` for a session, and takes a place at it.
    func takePlace(of backend: Int, _ tried: TriedServers, client: UInt64?) -> Choice {
        let choice = backendCells[backend].pointee.balancer.withLock { $0.take(tried, client: client) }
        if case .server(let server) = choice { _ = serverCells[Int(server)].pointee.sessions.enter(limit: 0) }
        return choice
    }

    /// Puts a session in the queue of `backend`, unless there is a place for it now: then it returns the server of that place.
    func wait(_ waiter: Waiter, in backend: Int) -> UInt32? {
        let server = backendCells[backend].pointee.balancer.withLock { $0.wait(waiter) }
        if let server { _ = serverCells[Int(server)].pointee.sessions.enter(limit: 0) }
        return server
    }

    /// Counts a session out of its server. Its place stays taken until `freePlace`.
    func countOut(of server: UInt32) { serverCells[Int(server)].pointee.sessions.leave() }

    /// Frees a place, or hands it to the session that has waited longest for one.
    func freePlace(of server: UInt32) {
        let grant = backendCells[serverRules[Int(server)].pointee.backend].pointee.balancer.withLock { $0.leave(server) }
        if let grant { send(grant) }
    }

    private func send(_ grant: Grant) {
        backendCells[serverRules[Int(grant.server)].pointee.backend].pointee.waiting.leave()
        _ = serverCells[Int(grant.server)].pointee.sessions.enter(limit: 0)
        mailboxes[grant.waiter.thread].pointee.post(.granted(session: grant.waiter.session, server: grant.server))
    }

    // MARK: Servers that sessions have left

    /// Counts why a session has left a server, and wakes the control thread unless a report on that server already waits for it.
    func report(_ reason: LeaveReason, of server: UInt32) {
        tallies[Int(server) * LeaveReason.count + reason.place].pointee.add()
        let before = serverCells[Int(server)].pointee.leaveReasons.bitwiseOr(LeaveReasons(reason).rawValue, ordering: .releasing).oldValue
        guard before == 0 else { return }
        leftServers.withLock { $0.append(server) }
        controlWakeUp.signal()
    }

    /// Takes the servers that sessions have left since the last call, by backend and in the order of the file.
    package func takeLeftServers() -> [ServerReference] {
        let servers = leftServers.withLock { left in
            defer { left = [] }
            return left
        }
        return servers.sorted().map { server in
            let backend = serverRules[Int(server)].pointee.backend
            return ServerReference(backend: backend, server: Int(server) - firstServers[backend])
        }
    }
}
