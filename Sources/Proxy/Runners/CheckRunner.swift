import Glibc
import LinuxIO
import Wire

/// Runs every server's checks on the control thread's loop: the sockets and timers around `Check` and `CheckSchedule`. It is independent of protocols.
///
/// A server has at most one check in progress. As in HAProxy, the interval to the next check starts at the end of the last one.
///
/// A delay of this thread never fails a check. First, an answer that has arrived by the deadline counts: an attempt times out only if its socket is not ready.
/// Second, the deadline is extended by the time that the attempt's events have waited for this thread: at most `Reactor.delayBound` for each event,
/// microseconds unless the thread is starved.
///
/// Call everything on the loop's thread. `finished` is called from the loop, never from inside a call to the runner.
package final class CheckRunner {
    /// The most concurrent trials. Further ones are refused.
    package static let trialsMax = 256
    /// The most bytes of one read.
    private static let receiveBytesMax = 16_384

    private let reactor: Reactor
    private var random: any RandomNumberGenerator
    private let sockets: CheckSockets
    private let finished: (ServerReference, CheckResult) -> CheckPace
    private let abandoned: (ServerReference, OpenFile) -> Bool
    private let plan: (ServerReference, CheckLimits) -> CheckPlan
    /// Slots of checked servers by backend and server; `nil` for servers without checks.
    private var slots: [[CheckSlot?]] = []
    private var isStarted = false
    /// Trials in progress.
    private var trials: [CheckSlot] = []

    /// Creates a runner for all servers of `backends` with checks, except those of `disabled` backends.
    ///
    /// - Parameters:
    ///   - checkSettings: returns the settings of a server's checks; `nil` for a server without them. By default they are those of `check`.
    ///   - random: spreads the checks.
    ///   - plan: returns the plan of a server's checks. It is called again when the server's address changes, and for a trial.
    ///   - initialAddress: returns a server's address at the start; with `nil` its checks begin after `setAddress`.
    ///   - openSocket: opens a socket for a check of a server at an address.
    ///   - openProgram: opens the connection of a check that a program makes, for a server at an address.
    ///   - source: gives the sockets their local address.
    ///   - abandoned: takes the connection of a check that the server has not answered. It returns false to have the connection reset.
    ///   - finished: receives each result and returns the pace of the server's next check.
    package init(
        reactor: Reactor, backends: [Backend], settings checkSettings: (Server) -> CheckSettings? = { $0.check }, spread: CheckSpread = CheckSpread(),
        random: any RandomNumberGenerator, plan: @escaping (ServerReference, CheckLimits) -> CheckPlan,
        initialAddress: (ServerReference) -> SocketAddress?,
        openSocket: @escaping (SocketAddress, ServerReference) throws(SystemError) -> FileDescriptor = { address, _ throws(SystemError) in
            try Sockets.open(.stream, for: address)
        },
        openProgram: @escaping (ServerReference, SocketAddress) throws(SystemError) -> OpenFile = { _, _ throws(SystemError) in
            throw SystemError("fork", code: ENOSYS)
        },
        source: CheckSource = CheckSource(),
        abandoned: @escaping (ServerReference, OpenFile) -> Bool = { _, _ in false },
        finished: @escaping (ServerReference, CheckResult) -> CheckPace
    ) {
        (self.reactor, self.random) = (reactor, random)
        sockets = CheckSockets(openSocket: openSocket, openProgram: openProgram, source: source)
        (self.plan, self.abandoned, self.finished) = (plan, abandoned, finished)
        let count = backends.reduce(0) { sum, backend in backend.isDisabled ? sum : sum + backend.servers.count { checkSettings($0) != nil } }
        var position = 0
        for (index, backend) in backends.enumerated() {
            var row: [CheckSlot?] = []
            for (place, server) in backend.servers.enumerated() {
                guard !backend.isDisabled, let settings = checkSettings(server) else {
                    row.append(nil)
                    continue
                }
                let reference = ServerReference(backend: index, server: place)
                let limits = CheckLimits(settings, of: backend)
                let schedule = CheckSchedule(settings, spread, position: backend.checksAtOnce ? 0 : position, of: count, now: reactor.now)
                let slot = CheckSlot(reference, settings, limits, plan(reference, limits), schedule: schedule, address: initialAddress(reference))
                attach(slot)
                row.append(slot)
                position += 1
            }
            slots.append(row)
        }
    }

    /// Starts the checks, the first one immediately.
    package func start() {
        isStarted = true
        for slot in slots.joined() { if let slot { arm(slot) } }
    }

    /// Stops all checks, including those in progress.
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

    /// Changes a server's address, and checks the server there immediately. A check in progress is aborted. With `nil` checks stop until there is an address.
    package func setAddress(of server: ServerReference, _ address: SocketAddress?) {
        guard let slot = slot(server), slot.address != address else { return }
        (slot.address, slot.plan) = (address, plan(slot.server, slot.limits))
        guard !slot.schedule.isPaused else { return }
        drop(slot)
        slot.schedule.pause()
        slot.schedule.resume(now: reactor.now)
        arm(slot)
    }

    /// Stops a server's checks until `resume`. A check in progress is aborted without a result.
    package func pause(_ server: ServerReference) {
        guard let slot = slot(server) else { return }
        drop(slot)
        slot.schedule.pause()
    }

    /// Resumes the checks of a paused server immediately.
    package func resume(_ server: ServerReference) {
        guard isStarted, let slot = slot(server) else { return }
        slot.schedule.resume(now: reactor.now)
        arm(slot)
    }

    /// Brings a server's next check forward after a session's connect has failed, at most once per `inter`.
    package func checkSoon(_ server: ServerReference) {
        guard let slot = slot(server), slot.schedule.checkSoon(now: reactor.now) else { return }
        arm(slot)
    }

    /// Checks a server immediately, unless a check is in progress. The caller must limit the rate.
    package func checkNow(_ server: ServerReference) { check(server, within: .zero) }

    /// Brings a server's next check forward so that it starts within `limit`.
    package func check(_ server: ServerReference, within limit: Duration) {
        guard let slot = slot(server), slot.schedule.check(by: reactor.now.advanced(by: limit)) else { return }
        arm(slot)
    }

    /// True while a check of this server is in progress. `show stat` then puts "* " before its last status.
    package func isChecking(_ server: ServerReference) -> Bool { slot(server)?.attempt != nil }

    /// Checks a server once at another address, in addition to its own checks. A server without checks passes immediately.
    package func runTrial(_ server: ServerReference, at address: SocketAddress, _ answer: @escaping (Bool) -> Void) {
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

    /// Creates the handlers of the slot's timer and sockets.
    private func attach(_ slot: CheckSlot) {
        slot.timerFired = { [weak self, unowned slot] in self?.timerFired(slot) }
        slot.socketReady = { [weak self, unowned slot] interest in
            if let self, let attempt = slot.attempt { self.ready(interest, slot, attempt) }
        }
    }

    /// Sets the slot's timer, unless it fires early enough already.
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

    /// Aborts the slot's attempt, if there is one, without a result.
    private func drop(_ slot: CheckSlot) {
        disarm(slot)
        guard let attempt = slot.attempt else { return }
        slot.attempt = nil
        close(attempt, of: slot)
    }

    /// Starts a check.
    private func begin(_ slot: CheckSlot) {
        slot.schedule.start()
        let check = slot.plan.begin(reactor.now)
        connect(check, to: check.target, slot)
    }

    /// Opens a connection for a check.
    private func connect(_ check: any Check, to target: CheckTarget, _ slot: CheckSlot) {
        guard let address = slot.address(of: target) else { return failAtStart(check, slot, slot.missingTargetReason, .node) }
        let header = slot.header(for: target)
        var opened: OpenFile?
        do throws(SystemError) {
            let (file, progress) = try sockets.open(address, of: slot.server, isProgram: target.isProgram, isBare: target.isBare && header == nil)
            opened = file
            let attempt = CheckAttempt(file: file, check: check, address: address, header: header, now: reactor.now)
            try reactor.watch(file.raw, for: attempt.interest, slot.socketReady)
            slot.attempt = attempt
            arm(slot)
            if progress == .connected { connected(slot, attempt) }
        } catch {
            if let opened { sockets.source.release(opened.raw, slot.server) }
            guard !error.isShortage || slot.answer != nil else { return postpone(slot) }
            failAtStart(check, slot, Self.text(error), Self.isLocal(error) ? .node : Self.fault(error))
        }
    }

    /// Ends a check that has failed before its connect began.
    private func failAtStart(_ check: any Check, _ slot: CheckSlot, _ reason: String, _ fault: CheckFault) {
        var check = check
        guard case .finished(let result)? = check.failed(reason, fault: fault, now: reactor.now).last else { preconditionFailure("a failure ends a check") }
        conclude(slot, check, result)
    }

    /// Postpones a check because this machine has no socket for it. Servers keep their state: clients that use up all descriptors must not take every server
    /// down.
    private func postpone(_ slot: CheckSlot) {
        slot.schedule.finished(pace: .changing, now: reactor.now, random: random.next())
        arm(slot)
    }

    /// True when the failure concerns this machine and not the server.
    private static func isLocal(_ error: SystemError) -> Bool { error.call != "connect" || error.lacksLocalAddress }

    /// An unreachable host has not responded, even if a router on the way reports the error.
    private static func fault(_ error: SystemError) -> CheckFault {
        [EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ETIMEDOUT].contains(error.code) ? .noResponse : .server
    }

    /// "ECONNREFUSED returned by OS (Connection refused)".
    private static func text(_ error: SystemError) -> String { "\(error.name) returned by OS (\(error.reason))" }

    private func ready(_ interest: Interest, _ slot: CheckSlot, _ attempt: CheckAttempt) {
        let now = MonotonicClock.now()
        attempt.credit += min(reactor.delayBound, attempt.lastHandledAt.duration(to: now))
        attempt.lastHandledAt = now
        guard attempt.isConnected else {
            let error = interest.contains(.hangUp) ? Sockets.pendingError(attempt.file.raw) : nil
            // A refused connect fails with ECONNREFUSED. These two errors come from a server that has accepted and then reset the connection.
            if error == nil || error?.code == ECONNRESET || error?.code == EPIPE { connected(slot, attempt) }
            if let error, slot.attempt === attempt { fail(error, slot, attempt) }
            return
        }
        if interest.contains(.write), !attempt.unsent.isEmpty { send(slot, attempt) }
        // Bytes are read before an error is handled: a server that refuses and resets has sent its reason.
        if !interest.isDisjoint(with: .read), slot.attempt === attempt { receive(slot, attempt) }
    }

    private func connected(_ slot: CheckSlot, _ attempt: CheckAttempt) {
        attempt.isConnected = true
        if let form = attempt.header { attempt.unsent += CheckSockets.header(form, on: attempt.file.raw, to: attempt.address) }
        if !attempt.unsent.isEmpty { send(slot, attempt) }
        guard slot.attempt === attempt else { return }
        carryOut(attempt.check.connected(now: reactor.now), slot, attempt)
        if slot.attempt === attempt { rewatch(slot, attempt) }
    }

    private func receive(_ slot: CheckSlot, _ attempt: CheckAttempt) {
        do throws(SystemError) {
            guard !attempt.hasEnded, let bytes = try Sockets.receive(attempt.file.raw, upTo: Self.receiveBytesMax) else { return }
            let now = reactor.now
            attempt.hasEnded = bytes.isEmpty
            carryOut(bytes.isEmpty ? attempt.check.ended(now: now) : attempt.check.received(bytes, now: now), slot, attempt)
            if attempt.hasEnded, slot.attempt === attempt { rewatch(slot, attempt) }
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
            case .connect(let target):
                drop(slot)
                return connect(attempt.check, to: target, slot)
            case .finished(let result):
                guard slot.attempt === attempt else { return }
                drop(slot)
                conclude(slot, attempt.check, result)
            }
            // A send may have ended the attempt with a verdict.
            guard slot.attempt === attempt else { return }
        }
        // The check may have changed its deadline.
        arm(slot)
    }

    private func send(_ slot: CheckSlot, _ attempt: CheckAttempt) {
        do throws(SystemError) {
            let sent = try Sockets.send(attempt.file.raw, attempt.unsent)
            attempt.unsent = attempt.unsent.dropFirst(sent)
            rewatch(slot, attempt)
            if attempt.unsent.isEmpty, slot.attempt === attempt { carryOut(attempt.check.sent(now: reactor.now), slot, attempt) }
        } catch {
            // After the verdict a lost quit is harmless.
            fail(error, slot, attempt)
        }
    }

    private func rewatch(_ slot: CheckSlot, _ attempt: CheckAttempt) {
        var interest: Interest = attempt.hasEnded ? [] : .read
        if !attempt.unsent.isEmpty { interest.formUnion(.write) }
        guard interest != attempt.interest else { return }
        attempt.interest = interest
        do throws(SystemError) {
            try reactor.rewatch(attempt.file.raw, for: interest)
        } catch {
            carryOut(attempt.check.failed(Self.text(error), fault: .node, now: reactor.now), slot, attempt)
        }
    }

    /// Closes the attempt's socket as its check requires.
    private func close(_ attempt: CheckAttempt, of slot: CheckSlot) {
        sockets.source.release(attempt.file.raw, slot.server)
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
            // Closing with unread bytes would send a RST.
            _ = try? Sockets.receive(attempt.file.raw, upTo: Self.receiveBytesMax)
        }
    }

    /// Reports a result and schedules the next check.
    private func conclude(_ slot: CheckSlot, _ check: any Check, _ result: CheckResult) {
        if let answer = slot.answer {
            trials.removeAll { $0 === slot }
            // A server without an address starts with the trial's findings, so that a lagging replica is out from the beginning.
            if result.status.isPass, let model = self.slot(slot.server), model.address == nil { slot.plan.ended(check) }
            return answer(result.status.isPass)
        }
        // A check that this machine could not make is no evidence about the server.
        if result.fault != .node { slot.plan.ended(check) }
        let pace = finished(slot.server, result)
        slot.schedule.finished(pace: pace, now: reactor.now, random: random.next())
        arm(slot)
    }
}
