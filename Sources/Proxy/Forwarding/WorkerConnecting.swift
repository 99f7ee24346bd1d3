// The hot path: from a session without a server to a connected one.

import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

extension Worker {
    /// How long the same server is left alone after a failed connect, and how long a silent one is waited for while there are others.
    private static let sameServerMilliseconds: Int64 = 1000

    /// Looks for a server and begins to connect to it.
    mutating func connect(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        switch choose(session) {
        case .server(let server):
            assign(server, to: session)
            startConnect(index, session)
        case .full(let only): queue(index, session, for: only)
        case .allTried: wait(index, session)
        case .none:
            session.pointee.termination = Termination("S", "C")
            end(index, session)
        }
    }

    /// The session holds a place of `server` from here on.
    private func assign(_ server: UInt32, to session: UnsafeMutablePointer<Session>) {
        session.pointee.serverIndex = server
        session.pointee.holdsServer = true
        counters.servers[Int(server)].pointee.chosen.add()
    }

    private mutating func startConnect(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let server = Int(session.pointee.serverIndex)
        let routed = table.servers[server]
        session.pointee.connectStartedAt = now
        if session.pointee.retries == 0 { session.pointee.firstAttemptAt = now }
        counters.servers[server].pointee.connects.add()
        let descriptor = socket(
            Int32(routed.pointee.address.storage.ss_family), Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            session.pointee.termination = Termination("R", "C")
            return end(index, session)
        }
        session.pointee.server = Side(descriptor: descriptor, flags: [])
        session.pointee.state = .connecting
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        let result = connectCall(descriptor, routed, session)
        guard result == 0 || errno == EINPROGRESS else { return connectFailed(index, session, code: errno) }
        guard register(descriptor, as: SessionToken(.server, index: index, generation: session.pointee.generation)) else {
            session.pointee.termination = Termination("R", "C")
            return end(index, session)
        }
        let limit = state.backendRules[Int(session.pointee.backend)].pointee.connectTimeout
        session.pointee.stateDeadline = limit < 0 ? .max : now + limit
        wheel.arm(index, deadline: min(session.pointee.stateDeadline, now + Self.sameServerMilliseconds))
    }

    private func connectCall(_ descriptor: Int32, _ routed: UnsafePointer<RoutedServer>, _ session: UnsafeMutablePointer<Session>) -> Int32 {
        guard routed.pointee.usesClientPort else { return routed.pointee.address.withPointer { Glibc.connect(descriptor, $0, $1) } }
        let port = Int(clientPort(session)) + Int(routed.pointee.portOffset)
        guard var address = routed.pointee.address.address, let ip = address.address, let number = UInt16(exactly: port) else {
            errno = EADDRNOTAVAIL
            return -1
        }
        address = .ip(ip, port: number)
        return RawSocketAddress(address).withPointer { Glibc.connect(descriptor, $0, $1) }
    }

    /// The port that the client connected to.
    private func clientPort(_ session: UnsafeMutablePointer<Session>) -> UInt16 {
        listeners[Int(session.pointee.listener)].address?.port ?? Sockets.localAddress(session.pointee.client.descriptor)?.port ?? 0
    }

    /// epoll has something to say of the server's side.
    mutating func serverReady(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ events: UInt32) {
        guard session.pointee.state != .connecting else {
            if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
                let error = Sockets.pendingError(session.pointee.server.descriptor)
                return connectFailed(index, session, code: error?.code ?? ECONNRESET)
            }
            guard events & EPOLLOUT.rawValue != 0 else { return }
            note(events, on: &session.pointee.server)
            return established(index, session)
        }
        note(events, on: &session.pointee.server)
        transfer(index, session)
    }

    /// A connect has failed: another server at once, the same one after a moment, or the end.
    mutating func connectFailed(_ index: Int, _ session: UnsafeMutablePointer<Session>, code: Int32) {
        let backend = Int(session.pointee.backend)
        let rules = state.backendRules[backend]
        let server = session.pointee.serverIndex
        close(session.pointee.server.descriptor)
        session.pointee.server = Side(descriptor: -1, flags: [])
        session.pointee.remember(tried: server)
        if code != EADDRNOTAVAIL, !state.serverCells[Int(server)].pointee.connectFailed.exchange(true, ordering: .relaxed) {
            state.controlWakeUp.signal()
        }
        guard Int32(session.pointee.retries) < rules.pointee.retriesMax else {
            counters.servers[Int(server)].pointee.connectErrors.add()
            session.pointee.termination = Termination(code == ETIMEDOUT ? "s" : "S", "C")
            return end(index, session)
        }
        session.pointee.retries += 1
        guard rules.pointee.redispatches, case .server(let other) = choose(session) else {
            counters.servers[Int(server)].pointee.retries.add()
            return wait(index, session)
        }
        counters.servers[Int(server)].pointee.redispatches.add()
        leaveServer(session)
        session.pointee.isRedispatched = true
        assign(other, to: session)
        startConnect(index, session)
    }

    /// Leaves the servers alone for a moment, then begins anew.
    private mutating func wait(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let limit = state.backendRules[Int(session.pointee.backend)].pointee.connectTimeout
        session.pointee.state = .waiting
        session.pointee.stateDeadline = now + (limit < 0 ? Self.sameServerMilliseconds : min(limit, Self.sameServerMilliseconds))
        wheel.arm(index, deadline: session.pointee.stateDeadline)
    }

    /// The moment is over: any server may be tried again; without redispatch it is the same one.
    private mutating func connectAgain(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        session.pointee.triedCount = 0
        let rules = state.backendRules[Int(session.pointee.backend)]
        if session.pointee.holdsServer {
            guard rules.pointee.redispatches else { return startConnect(index, session) }
            let before = session.pointee.serverIndex
            leaveServer(session)
            connect(index, session)
            if session.pointee.serverIndex != before { session.pointee.isRedispatched = true }
            return
        }
        connect(index, session)
    }

    /// Puts the session in its backend's queue.
    private mutating func queue(_ index: Int, _ session: UnsafeMutablePointer<Session>, for only: UInt32?) {
        let backend = Int(session.pointee.backend)
        let cell = state.backendCells[backend]
        let limit = state.backendRules[backend].pointee.queueTimeout
        let token = SessionToken(.client, index: index, generation: session.pointee.generation)
        session.pointee.state = .queued
        session.pointee.stateDeadline = limit < 0 ? .max : now + limit
        if limit >= 0 { wheel.arm(index, deadline: session.pointee.stateDeadline) }
        session.pointee.queuePosition = UInt32(clamping: cell.pointee.waiting.value)
        _ = cell.pointee.waiting.enter(limit: 0)
        cell.pointee.queue.withLock { $0.append(Waiter(worker: self.index, session: token.raw, server: only)) }
        // A place may have become free before the queue was seen to be in use.
        handOn(backend: backend)
    }

    /// A queued session has been given a place of `server`.
    mutating func granted(_ token: SessionToken, server: UInt32) {
        guard let session = sessions.session(at: token.index, generation: token.generation), session.pointee.state == .queued else {
            state.serverCells[Int(server)].pointee.sessions.leave()
            return handOn(backend: Int(table.servers[Int(server)].pointee.backend))
        }
        wheel.cancel(token.index)
        assign(server, to: session)
        startConnect(token.index, session)
    }

    /// Gives the session's place at its server back; whoever waits for one gets it.
    func leaveServer(_ session: UnsafeMutablePointer<Session>) {
        guard session.pointee.holdsServer else { return }
        session.pointee.holdsServer = false
        state.serverCells[Int(session.pointee.serverIndex)].pointee.sessions.leave()
        handOn(backend: Int(session.pointee.backend))
    }

    /// After a change of routes: a server that came back takes waiting sessions.
    func handOnAll() {
        for backend in 0..<table.backends.count { handOn(backend: backend) }
    }

    /// Gives free places to the sessions that wait for them.
    func handOn(backend: Int) {
        let cell = state.backendCells[backend]
        guard cell.pointee.waiting.value > 0 else { return }
        let routed = table.backends[backend]
        for server in routed.pointee.firstServer..<routed.pointee.firstServer + routed.pointee.serverCount {
            let route = table.servers[Int(server)]
            guard route.pointee.turns else { continue }
            while state.serverCells[Int(server)].pointee.sessions.enter(limit: Int(route.pointee.connectionsMax)) {
                guard let waiter = cell.pointee.queue.withLock({ $0.takeFirst(for: server) }) else {
                    state.serverCells[Int(server)].pointee.sessions.leave()
                    break
                }
                cell.pointee.waiting.leave()
                state.mailboxes[waiter.worker].pointee.post(.granted(session: waiter.session, server: server))
            }
        }
    }

    /// Takes the session out of its backend's queue. When a place has been promised to it meanwhile, the letter finds no session and the place goes on.
    func leaveQueue(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let cell = state.backendCells[Int(session.pointee.backend)]
        let token = SessionToken(.client, index: index, generation: session.pointee.generation)
        if cell.pointee.queue.withLock({ $0.remove(worker: self.index, session: token.raw) }) { cell.pointee.waiting.leave() }
    }

    /// The deadline of a session without a connection has come.
    mutating func connectTimedOut(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        switch session.pointee.state {
        case .queued where now >= session.pointee.stateDeadline:
            session.pointee.termination = Termination("s", "Q")
            end(index, session)
        case .connecting where now >= session.pointee.stateDeadline:
            connectFailed(index, session, code: ETIMEDOUT)
        case .connecting where hasOther(session):
            connectFailed(index, session, code: ETIMEDOUT)
        case .waiting where now >= session.pointee.stateDeadline:
            connectAgain(index, session)
        default:
            if session.pointee.stateDeadline != .max { wheel.arm(index, deadline: session.pointee.stateDeadline) }
        }
    }
}
