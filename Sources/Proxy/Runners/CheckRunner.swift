import CLinux
import Glibc
import LinuxIO
import Wire

/// Runs every server's checks on the control thread's loop: sockets and timers around `Check` and `CheckSchedule`. It knows no protocol.
///
/// A server has at most one check under way; the time to its next counts from the end of the last, as in HAProxy.
///
/// This thread's own delay never fails a check. First, an answer that has arrived by the deadline counts: an attempt times out only when its socket is not ready.
/// Second, an attempt gets back the time that its events have waited for this thread: `Reactor.delayBound` for each event, microseconds unless the thread is
/// starved.
///
/// All calls are made on the loop's thread; `finished` is called from the loop, never from inside a call to the runner.
package final class CheckRunner {
    /// Bytes taken from a socket at once; more than any answer.
    private static let receiveBytesMax = 4096

    private let reactor: Reactor
    private let openSocket: (SocketAddress) throws(SystemError) -> FileDescriptor
    private let finished: (ServerReference, CheckResult) -> CheckPace
    private let abandoned: (ServerReference, OpenFile) -> Bool
    private let plan: (ServerReference, CheckLimits) -> CheckPlan
    /// Slots of checked servers by backend and server; `nil` for servers without checks.
    private var slots: [[CheckSlot?]] = []
    private var isStarted = false
    /// Trials under way.
    private var trials: [CheckSlot] = []
    /// Trials at once; what is asked for beyond them is answered with no.
    package static let trialsMax = 256

    /// How a server is to be checked; `nil` without `check`, and in a backend that is `disabled`.
    private static func checkSettings(of server: Server, in backend: Backend) -> CheckSettings? { backend.isDisabled ? nil : server.check }

    /// A runner for all servers of `backends` that have `check`.
    ///
    /// - Parameters:
    ///   - plan: how a server's checks are made. It is asked again when the server moves, and for a trial.
    ///   - initialAddress: where a server is at the start; `nil` checks it only after `setAddress`.
    ///   - openSocket: opens a socket for an address.
    ///   - abandoned: takes the connection of a check that the server has not answered; false to have it reset.
    ///   - finished: takes each verdict; tells how soon the server is to be checked again.
    package init(
        reactor: Reactor, backends: [Backend], plan: @escaping (ServerReference, CheckLimits) -> CheckPlan,
        initialAddress: (ServerReference) -> SocketAddress?,
        openSocket: @escaping (SocketAddress) throws(SystemError) -> FileDescriptor = { address throws(SystemError) in
            try Sockets.open(.stream, for: address)
        },
        abandoned: @escaping (ServerReference, OpenFile) -> Bool = { _, _ in false },
        finished: @escaping (ServerReference, CheckResult) -> CheckPace
    ) {
        self.reactor = reactor
        self.openSocket = openSocket
        (self.plan, self.abandoned, self.finished) = (plan, abandoned, finished)
        let count = backends.reduce(0) { sum, backend in sum + backend.servers.count { Self.checkSettings(of: $0, in: backend) != nil } }
        var position = 0
        for (index, backend) in backends.enumerated() {
            var row: [CheckSlot?] = []
            for (place, server) in backend.servers.enumerated() {
                guard let settings = Self.checkSettings(of: server, in: backend) else {
                    row.append(nil)
                    continue
                }
                let reference = ServerReference(backend: index, server: place)
                let limits = CheckLimits(settings, of: backend)
                let schedule = CheckSchedule(settings, position: backend.checksAtOnce ? 0 : position, of: count, now: reactor.now)
                let slot = CheckSlot(
                    reference, settings, limits, plan(reference, limits), schedule: schedule, address: initialAddress(reference))
                attach(slot)
                row.append(slot)
                position += 1
            }
            slots.append(row)
        }
    }

    /// Begins to check, the first server at once.
    package func start() {
        isStarted = true
        for slot in slots.joined() { if let slot { arm(slot) } }
    }

    /// Ends all checks for good, also those under way.
    package func stop() {
        isStarted = false
        for slot in slots.joined() {
            guard let slot else { continue }
            drop(slot)
            slot.schedule.pause()
        }
        for trial in trials { drop(trial) }
        trials = []
    }

    /// Moves a server: the next check goes there, at once; a check under way to the old address is dropped. `nil` ends its checks until there is one.
    package func setAddress(of server: ServerReference, _ address: SocketAddress?) {
        guard let slot = slot(server), slot.address != address else { return }
        (slot.address, slot.plan) = (address, plan(slot.server, slot.limits))
        guard !slot.schedule.isPaused else { return }
        drop(slot)
        slot.schedule.pause()
        slot.schedule.resume(now: reactor.now)
        arm(slot)
    }

    /// Ends a server's checks until `resume`; one under way is dropped without a result.
    package func pause(_ server: ServerReference) {
        guard let slot = slot(server) else { return }
        drop(slot)
        slot.schedule.pause()
    }

    /// Checks a paused server again, now.
    package func resume(_ server: ServerReference) {
        guard isStarted, let slot = slot(server) else { return }
        slot.schedule.resume(now: reactor.now)
        arm(slot)
    }

    /// A session's connect to this server has failed: brings its next check forward, at most once per `inter`.
    package func checkSoon(_ server: ServerReference) {
        guard let slot = slot(server), slot.schedule.checkSoon(now: reactor.now) else { return }
        arm(slot)
    }

    /// Checks this server now, unless a check is under way. How often is the caller's to bound.
    package func checkNow(_ server: ServerReference) { check(server, within: .zero) }

    /// This server's next check comes within `limit`.
    package func check(_ server: ServerReference, within limit: Duration) {
        guard let slot = slot(server), slot.schedule.check(by: reactor.now.advanced(by: limit)) else { return }
        arm(slot)
    }

    /// True while a check of this server is under way: `show stat` then puts "* " before its last status.
    package func isUnderWay(_ server: ServerReference) -> Bool { slot(server)?.attempt != nil }

    /// Checks a server once at another address, beside its own checks. A server without checks is taken at its word.
    package func tryOnce(_ server: ServerReference, at address: SocketAddress, _ answer: @escaping (Bool) -> Void) {
        guard let model = slot(server) else { return answer(true) }
        guard isStarted, trials.count < Self.trialsMax else { return answer(false) }
        let schedule = CheckSchedule(model.settings, position: 0, of: 1, now: reactor.now)
        let trial = CheckSlot(server, model.settings, model.limits, plan(server, model.limits), schedule: schedule, address: address, answer)
        attach(trial)
        trials.append(trial)
        begin(trial)
    }

    // MARK: Attempts

    private func slot(_ server: ServerReference) -> CheckSlot? {
        guard slots.indices.contains(server.backend), slots[server.backend].indices.contains(server.server) else { return nil }
        return slots[server.backend][server.server]
    }

    /// Makes the handlers of the slot's timer and sockets.
    private func attach(_ slot: CheckSlot) {
        slot.timerFired = { [weak self, unowned slot] in self?.timerFired(slot) }
        slot.socketReady = { [weak self, unowned slot] interest in
            if let self, let attempt = slot.attempt { self.ready(interest, slot, attempt) }
        }
    }

    /// Sets the slot's timer, unless it already fires early enough.
    private func arm(_ slot: CheckSlot) {
        guard isStarted, let deadline = slot.deadline else { return disarm(slot) }
        if let timer = slot.timer, timer.at <= deadline { return }
        disarm(slot)
        slot.timer = (reactor.setTimer(at: deadline, .deferrable, slot.timerFired), deadline)
    }

    private func disarm(_ slot: CheckSlot) {
        if let timer = slot.timer { reactor.cancel(timer.token) }
        slot.timer = nil
    }

    private func timerFired(_ slot: CheckSlot) {
        slot.timer = nil
        guard let deadline = slot.deadline, deadline <= reactor.now else { return arm(slot) }
        guard let attempt = slot.attempt else { return begin(slot) }
        let interest = Interest.ready(attempt.file.raw, for: attempt.interest)
        guard interest.isEmpty else {
            ready(interest, slot, attempt)
            return arm(slot)
        }
        carryOut(attempt.check.timedOut(now: reactor.now), slot, attempt)
    }

    /// Ends the slot's attempt, if there is one, without a result.
    private func drop(_ slot: CheckSlot) {
        disarm(slot)
        guard let attempt = slot.attempt else { return }
        slot.attempt = nil
        close(attempt, of: slot)
    }

    /// Starts one check.
    private func begin(_ slot: CheckSlot) {
        slot.schedule.start()
        let check = slot.plan.begin(reactor.now)
        guard let target = slot.target else { return failAtStart(check, slot, slot.lack, .node) }
        do throws(SystemError) {
            let file = OpenFile(try openSocket(target))
            if case .ip = target { try prepare(file.raw, for: check, slot) }
            let progress = try Sockets.connect(file.raw, to: target)
            let attempt = CheckAttempt(file: file, check: check, now: reactor.now)
            try reactor.watch(file.raw, for: attempt.interest, slot.socketReady)
            slot.attempt = attempt
            arm(slot)
            if progress == .connected { connected(slot, attempt) }
        } catch {
            guard !error.isShortage || slot.answer != nil else { return postpone(slot) }
            failAtStart(check, slot, Self.text(error), Self.isLocal(error) ? .node : Self.fault(error))
        }
    }

    /// Ends a check that has no socket to wait for.
    private func failAtStart(_ check: any Check, _ slot: CheckSlot, _ reason: String, _ fault: CheckFault) {
        var check = check
        guard case .finished(let result)? = check.failed(reason, fault: fault, now: reactor.now).last else { preconditionFailure("a failure ends a check") }
        conclude(slot, check, result)
    }

    /// Sets the option that the check needs. A check that ends with the connect leaves out the last packet of the handshake, as in HAProxy, and sends the reset
    /// instead: the server's process never sees the connection, which saves work on both sides.
    private func prepare(_ raw: Int32, for check: any Check, _ slot: CheckSlot) throws(SystemError) {
        let isBare = check.endsWithConnect && slot.settings.proxyHeader == nil
        let (option, value): (Int32, Int32) = isBare ? (TCP_QUICKACK, 0) : (TCP_NODELAY, 1)
        try Sockets.set(option, at: Int32(IPPROTO_TCP), to: value, on: raw)
    }

    /// This machine has no socket to check with. Its servers stay what they are: clients that use up every descriptor must not take them all down.
    private func postpone(_ slot: CheckSlot) {
        slot.schedule.finished(pace: .changing, now: reactor.now)
        arm(slot)
    }

    /// True when the failure tells of this machine, not of the server.
    private static func isLocal(_ error: SystemError) -> Bool {
        guard error.call == "connect" else { return true }
        return [EADDRNOTAVAIL, EADDRINUSE, EAGAIN].contains(error.code)
    }

    /// A host that cannot be reached has said nothing, whoever on the way says so.
    private static func fault(_ error: SystemError) -> CheckFault {
        [EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ETIMEDOUT].contains(error.code) ? .silence : .server
    }

    /// "ECONNREFUSED returned by OS (Connection refused)".
    private static func text(_ error: SystemError) -> String { "\(error.name) returned by OS (\(error.reason))" }

    private func ready(_ interest: Interest, _ slot: CheckSlot, _ attempt: CheckAttempt) {
        let now = MonotonicClock.now()
        attempt.credit += min(reactor.delayBound, attempt.lookedAt.duration(to: now))
        attempt.lookedAt = now
        guard attempt.isConnected else {
            let error = interest.contains(.hangUp) ? Sockets.pendingError(attempt.file.raw) : nil
            // A refusal is ECONNREFUSED; these two come from a server that has accepted, and then reset.
            if error == nil || error?.code == ECONNRESET || error?.code == EPIPE { connected(slot, attempt) }
            if let error, slot.attempt === attempt { fail(error, slot, attempt) }
            return
        }
        if interest.contains(.write), !attempt.unsent.isEmpty { send(slot, attempt) }
        // Bytes first, also beside an error: a server that refuses and resets has said why.
        if !interest.isDisjoint(with: .read), slot.attempt === attempt { receive(slot, attempt) }
    }

    private func connected(_ slot: CheckSlot, _ attempt: CheckAttempt) {
        attempt.isConnected = true
        // The check speaks for itself: no client's address is told.
        if let form = slot.settings.proxyHeader { attempt.unsent += form.bytes(ProxyHeader(nil)) }
        if !attempt.unsent.isEmpty { send(slot, attempt) }
        guard slot.attempt === attempt else { return }
        carryOut(attempt.check.connected(now: reactor.now), slot, attempt)
        if slot.attempt === attempt { rewatch(slot, attempt) }
    }

    private func receive(_ slot: CheckSlot, _ attempt: CheckAttempt) {
        do throws(SystemError) {
            guard let bytes = try Sockets.receive(attempt.file.raw, upTo: Self.receiveBytesMax) else { return }
            let now = reactor.now
            carryOut(bytes.isEmpty ? attempt.check.ended(now: now) : attempt.check.received(bytes, now: now), slot, attempt)
        } catch {
            fail(error, slot, attempt)
        }
    }

    private func fail(_ error: SystemError, _ slot: CheckSlot, _ attempt: CheckAttempt) {
        carryOut(attempt.check.failed(Self.text(error), fault: Self.fault(error), now: reactor.now), slot, attempt)
    }

    private func carryOut(_ outputs: [CheckOutput], _ slot: CheckSlot, _ attempt: CheckAttempt) {
        for output in outputs {
            switch output {
            case .send(let bytes):
                attempt.unsent += bytes
                send(slot, attempt)
            case .finished(let result):
                guard slot.attempt === attempt else { return }
                drop(slot)
                conclude(slot, attempt.check, result)
            }
            // The server may have gone in the midst of a send, with a verdict.
            guard slot.attempt === attempt else { return }
        }
        // The check may have another deadline now.
        arm(slot)
    }

    private func send(_ slot: CheckSlot, _ attempt: CheckAttempt) {
        do throws(SystemError) {
            let sent = try Sockets.send(attempt.file.raw, attempt.unsent)
            attempt.unsent = attempt.unsent.dropFirst(sent)
            rewatch(slot, attempt)
        } catch {
            // After the verdict a lost quit means nothing.
            fail(error, slot, attempt)
        }
    }

    private func rewatch(_ slot: CheckSlot, _ attempt: CheckAttempt) {
        let interest: Interest = attempt.unsent.isEmpty ? .read : [.read, .write]
        guard interest != attempt.interest else { return }
        attempt.interest = interest
        do throws(SystemError) {
            try reactor.rewatch(attempt.file.raw, for: interest)
        } catch {
            carryOut(attempt.check.failed(Self.text(error), fault: .node, now: reactor.now), slot, attempt)
        }
    }

    /// Closes the attempt's socket as its check wants it.
    private func close(_ attempt: CheckAttempt, of slot: CheckSlot) {
        let closing = attempt.check.closing
        if closing == .abandoned, slot.answer == nil {
            reactor.unwatch(attempt.file.raw)
            if abandoned(slot.server, attempt.file) { return }
        } else {
            reactor.unwatch(closing: attempt.file.raw)
        }
        switch closing {
        case .reset, .abandoned:
            Sockets.resetAtClose(attempt.file.raw)
        case .orderly:
            // Closing with bytes unread would send a RST.
            _ = try? Sockets.receive(attempt.file.raw, upTo: Self.receiveBytesMax)
        }
    }

    /// Hands a verdict over and waits for the next check.
    private func conclude(_ slot: CheckSlot, _ check: any Check, _ result: CheckResult) {
        if let answer = slot.answer {
            trials.removeAll { $0 === slot }
            // A server without an address begins with what the trial has seen: a replica that lags is out from the first moment on.
            if result.status.isPass, let model = self.slot(slot.server), model.address == nil { slot.plan.ended(check) }
            return answer(result.status.isPass)
        }
        // What this machine could not ask says nothing.
        if result.fault != .node { slot.plan.ended(check) }
        let pace = finished(slot.server, result)
        slot.schedule.finished(pace: pace, now: reactor.now)
        arm(slot)
    }
}
