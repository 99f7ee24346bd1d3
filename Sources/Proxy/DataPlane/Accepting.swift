// The hot path: from a connection in the kernel's queue to a session.

import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

extension ForwardingThread {
    private static let fullTurnsPerRaise = 4
    /// The pause in accepting after the kernel runs out of descriptors or memory.
    private static let pauseMilliseconds: Int64 = 100
    /// The minimum time between two lines about pauses.
    private static let pauseReportMilliseconds: Int64 = 10_000

    /// Tries every listener that epoll does not report or that is closing.
    mutating func acceptPending() {
        for number in listeners.indices where !listeners[number].isPolled || listeners[number].isClosing { accept(number) }
    }

    /// Accepts waiting connections, as far as the quota and the limits allow. epoll reports the listener again if more remain.
    mutating func accept(_ number: Int) {
        let listener = listeners[number]
        guard listener.descriptor >= 0 else { return }
        guard now >= noDescriptorsUntil else { return pause(number, until: noDescriptorsUntil) }
        let isReported = listener.isPolled && !listener.isClosing
        for _ in 0..<(isReported ? listener.quota : state.acceptsPerTurn) {
            let wait = acceptWait
            guard wait == 0 else { return pauseForRate(number, wait) }
            guard tryEnter(listener) else { return pauseAtLimit(number) }
            var address = RawSocketAddress()
            let descriptor = withUnsafeMutablePointer(to: &address.length) { length in
                withUnsafeMutablePointer(to: &address.storage) { clinux_accept(listener.descriptor, $0, length) }
            }
            if descriptor >= 0 {
                if state.acceptsPerSecond > 0 { state.process[0].pointee.connectionRate.countConnection(at: now) }
                begin(descriptor, from: address, listener: number)
                continue
            }
            leave(listener.frontend, listener.bind)
            switch -descriptor {
            case EAGAIN: return handleEmptyQueue(number)
            // The socket does not listen: epoll would report that again and again.
            case EBADF, EINVAL, ENOTSOCK: return listener.isClosing ? closeListener(number) : pause(number)
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return pauseForResources(number, SystemError("accept4", code: -descriptor))
            default: continue  // the connection ended before it was accepted
            }
        }
        if isReported { raiseQuota(number) } else { hasMoreToAccept = true }
    }

    /// An accept that finds nothing wastes a system call, so a turn accepts one connection. While connections keep waiting, the quota doubles after every
    /// `fullTurnsPerRaise` turns in a row.
    private mutating func raiseQuota(_ number: Int) {
        let round = counters.own[0].pointee.rounds.value
        listeners[number].fullTurns = listeners[number].lastRound + 1 == round ? listeners[number].fullTurns + 1 : 1
        listeners[number].lastRound = round
        guard listeners[number].fullTurns >= Self.fullTurnsPerRaise else { return }
        listeners[number].fullTurns = 0
        listeners[number].quota = min(2 * listeners[number].quota, state.acceptsPerTurn)
    }

    private mutating func handleEmptyQueue(_ number: Int) {
        (listeners[number].quota, listeners[number].fullTurns) = (1, 0)
        if listeners[number].isClosing { return closeListener(number) }
        guard !listeners[number].isPolled else { return }
        do throws(SystemError) {
            try poller.add(listeners[number].descriptor, events: EPOLLIN.rawValue, token: SessionToken(.listener, index: number).raw)
            listeners[number].isPolled = true
        } catch {
            // The kernel has no memory to poll the listener at present.
            pauseForResources(number, error)
        }
    }

    /// Stops polling a listener until `handleEmptyQueue` resumes it.
    private mutating func pause(_ number: Int) {
        guard listeners[number].isPolled else { return }
        poller.remove(listeners[number].descriptor)
        listeners[number].isPolled = false
    }

    /// Stops polling a listener until `time`.
    private mutating func pause(_ number: Int, until time: Int64) {
        pause(number)
        wheel.arm(sessions.capacity + number, deadline: time)
    }

    /// Takes a place among the sessions of the bind, if it counts them, of the frontend and of the process, in this order: a thread that stops at the frontend's
    /// limit must not hold a place of the process in the meantime.
    private func tryEnter(_ listener: Listener) -> Bool {
        guard listener.bind != Session.noBind else { return tryEnter(frontend: listener.frontend) }
        let cell = state.bindCells[Int(listener.bind)]
        guard cell.pointee.sessions.tryEnter(limit: cell.pointee.connectionsMax) else { return false }
        guard tryEnter(frontend: listener.frontend) else {
            cell.pointee.sessions.leave()
            return false
        }
        return true
    }

    private func tryEnter(frontend: Int) -> Bool {
        guard state.frontendCells[frontend].pointee.sessions.tryEnter(limit: Int(state.frontendRules[frontend].pointee.connectionsMax)) else { return false }
        guard state.process[0].pointee.sessions.tryEnter(limit: state.sessionsMax) else {
            state.frontendCells[frontend].pointee.sessions.leave()
            return false
        }
        return true
    }

    /// Returns these places, and wakes the threads that wait for one.
    func leave(_ frontend: Int, _ bind: UInt32) {
        if bind != Session.noBind { state.bindCells[Int(bind)].pointee.sessions.leave() }
        state.frontendCells[frontend].pointee.sessions.leave()
        state.process[0].pointee.sessions.leave()
        guard state.process[0].pointee.pausedThreads.load(ordering: .sequentiallyConsistent) != 0 else { return }
        var paused = state.process[0].pointee.pausedThreads.exchange(0, ordering: .sequentiallyConsistent)
        while paused != 0 {
            let thread = paused.trailingZeroBitCount
            paused &= paused - 1
            state.mailboxes[thread].pointee.wakeUp.signal()
        }
    }

    /// Stops accepting at a limit: connections wait in the kernel's queue until a session ends.
    private mutating func pauseAtLimit(_ number: Int) {
        pause(number)
        let bit = UInt64(1) << UInt64(index)
        let before = state.process[0].pointee.pausedThreads.bitwiseOr(bit, ordering: .sequentiallyConsistent).oldValue
        if before & bit == 0 {
            state.process[0].pointee.pauses.wrappingAdd(1, ordering: .relaxed)
            reportPause(number) { $0.appendLimit(of: number) }
        }
        // A session may have ended before the bit was set. Sessions that end from here on wake this thread.
        if tryEnter(listeners[number]) {
            leave(listeners[number].frontend, listeners[number].bind)
            state.mailboxes[index].pointee.wakeUp.signal()
        }
    }

    /// Appends the limit that a listener has reached: the process's, the bind's or the frontend's.
    private mutating func appendLimit(of number: Int) {
        let (bind, frontend) = (listeners[number].bind, listeners[number].frontend)
        var limit = Int(state.frontendRules[frontend].pointee.connectionsMax)
        if state.process[0].pointee.sessions.value >= state.sessionsMax {
            limit = state.sessionsMax
            line.append("the process's maxconn ")
        } else if bind != Session.noBind, case let own = state.bindCells[Int(bind)].pointee.connectionsMax, own > 0,
            state.bindCells[Int(bind)].pointee.sessions.value >= own
        {
            limit = own
            line.append("the maxconn of bind ")
            line.append(listenerNames[number])
            line.append(", ")
        } else {
            line.append("its maxconn ")
        }
        line.append(Int64(limit))
        line.append(": new connections wait until a session ends.")
    }

    /// The milliseconds until the next connection may be accepted without exceeding `maxconnrate` or `maxsessrate`.
    private var acceptWait: Int64 {
        guard state.acceptsPerSecond > 0 else { return 0 }
        return ConnectionRate(rawValue: state.process[0].pointee.connectionRate.load(ordering: .relaxed)).wait(limit: state.acceptsPerSecond, now: now)
    }

    /// Stops accepting for `wait` milliseconds: connections wait in the kernel's queue.
    private mutating func pauseForRate(_ number: Int, _ wait: Int64) {
        pause(number, until: now + wait)
        reportPause(number) { thread in
            thread.line.append("the process's limit of ")
            thread.line.append(Int64(thread.state.acceptsPerSecond))
            thread.line.append(" connections per second: further ones wait.")
        }
    }

    /// Pauses accepting because the system is out of descriptors or memory.
    mutating func pauseForResources(_ number: Int, _ error: SystemError) {
        noDescriptorsUntil = now + Self.pauseMilliseconds
        if listeners[number].descriptor >= 0 { pause(number, until: noDescriptorsUntil) }
        state.process[0].pointee.pauses.wrappingAdd(1, ordering: .relaxed)
        reportPause(number) { thread in
            thread.line.append("the system's limit (")
            thread.line.append(Array(error.name.utf8))
            thread.line.append("): accepting pauses for 100ms; raise the descriptor limit (ulimit -n, LimitNOFILE) or lower maxconn.")
        }
    }

    /// Logs a pause, at most once in `pauseReportMilliseconds` per frontend over all threads.
    private mutating func reportPause(_ number: Int, _ reason: (inout ForwardingThread) -> Void) {
        let frontend = listeners[number].frontend
        guard isTimeToReport(state.frontendCells[frontend].pointee.pauseReportedAt, every: Self.pauseReportMilliseconds) else { return }
        line.clear()
        line.append("Proxy ")
        line.append(state.frontendNames[frontend].pointee.bytes)
        line.append(" has reached ")
        reason(&self)
        send(.warning, frontend)
    }

    /// True at most once per interval over all threads. The thread that gets true writes the line.
    func isTimeToReport(_ reportedAt: borrowing Atomic<Int64>, every milliseconds: Int64) -> Bool {
        let before = reportedAt.load(ordering: .relaxed)
        guard before == .min || now - before >= milliseconds else { return false }
        return reportedAt.compareExchange(expected: before, desired: now, ordering: .relaxed).exchanged
    }

    /// Creates a session for an accepted connection and starts it, unless it waits for a PROXY header.
    private mutating func begin(_ descriptor: Int32, from address: RawSocketAddress, listener: Int) {
        let frontend = listeners[listener].frontend
        state.clientBuffers.set(on: descriptor)
        guard let (index, isNew) = sessions.take() else {
            close(descriptor)
            return leave(frontend, listeners[listener].bind)
        }
        if isNew { wheel.prepare(index) }
        let session = sessions[index]
        session.pointee.client = Side(descriptor: descriptor, flags: .writable)
        session.pointee.server = Side(descriptor: -1, flags: [])
        session.pointee.second = .none
        session.pointee.up.pipe = -1
        session.pointee.down.pipe = -1
        session.pointee.frontend = UInt16(frontend)
        session.pointee.listener = UInt32(listener)
        session.pointee.bind = listeners[listener].bind
        session.pointee.backend = Session.noBackend
        session.pointee.serverIndex = Session.noServer
        session.pointee.termination = .normal
        session.pointee.state = .waiting
        session.pointee.acceptedAt = now
        session.pointee.recordActivity(now)
        (session.pointee.assignedAt, session.pointee.connectStartedAt, session.pointee.connectedAt) = (-1, -1, -1)
        let wall = wallNow()
        session.pointee.acceptedWall = wall.seconds * 1000 + Int64(wall.microseconds / 1000)
        session.pointee.clientAddress = KernelAddress(address)
        counters.frontends[frontend].pointee.connections.add()
        state.process[0].pointee.sessions.updateMaximum()
        state.frontendCells[frontend].pointee.sessions.updateMaximum()
        if session.pointee.bind != Session.noBind { countAccepted(session.pointee.bind) }
        let isRegistered = register(descriptor, as: SessionToken(.client, index: index, generation: session.pointee.generation))
        if isRegistered, awaitsHeader(index, session) { return }
        startSession(index, session, isRegistered: isRegistered)
    }

    private func countAccepted(_ bind: UInt32) {
        counters.binds[Int(bind)].pointee.connections.add()
        state.bindCells[Int(bind)].pointee.sessions.updateMaximum()
    }

    /// Starts the session: logs it, assigns its backend and connects to a server.
    mutating func startSession(_ index: Int, _ session: UnsafeMutablePointer<Session>, isRegistered: Bool = true) {
        let frontend = Int(session.pointee.frontend)
        if state.frontendLogs[frontend].pointee.sessions == .connect, session.pointee.header == .none { logConnect(session) }
        chooseBackend(session)
        guard isRegistered else {
            session.pointee.termination = Termination("R", "C")
            return end(index, session)
        }
        guard session.pointee.hasBackend else {
            session.pointee.termination = Termination("S", "C")
            return end(index, session)
        }
        connect(index, session)
    }

    /// Closes every listener after accepting the connections that wait on it. A listener at a limit is closed later.
    mutating func stopListening() {
        for number in listeners.indices where listeners[number].descriptor >= 0 {
            listeners[number].isClosing = true
            accept(number)
        }
    }

    /// Closes every listener immediately. Connections that wait on a listener at a limit are not accepted.
    mutating func closeListeners() {
        stopListening()
        for number in listeners.indices { closeListener(number) }
    }

    private mutating func closeListener(_ number: Int) {
        guard listeners[number].descriptor >= 0 else { return }
        pause(number)
        wheel.cancel(sessions.capacity + number)
        listeners[number].descriptor = -1
        listenerFiles[number] = nil
        if listeners.allSatisfy({ $0.descriptor < 0 }) { state.process[0].pointee.stoppedThreads.wrappingAdd(1, ordering: .releasing) }
    }
}
