import CLinux
import Glibc
import LinuxIO
import Wire

/// Runs every server's checks on the control thread's loop: sockets and timers around `CheckMachine` and `CheckSchedule`.
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

    /// One server's checks.
    private final class Slot {
        let server: ServerReference
        let kind: CheckKind
        /// How it is asked for more than a check; `nil` for a plain check.
        let access: DatabaseAccess?
        let limits: CheckLimits
        let settings: CheckSettings
        var schedule: CheckSchedule
        var address: SocketAddress?
        var attempt: Attempt?
        /// The question that the next check leaves out.
        var pause: QuestionPause?
        /// The one timer: for the next start, or for the attempt's deadline. It may fire too early; then it is set again.
        var timer: (token: TimerToken, at: Instant)?
        /// The handlers of the timer and of the attempt's socket, made once instead of for each check.
        var timerFired: () -> Void = {}
        var socketReady: (Interest) -> Void = { _ in }
        /// Set in a trial: takes the one verdict that there will be.
        var answer: ((Bool) -> Void)?

        init(
            _ server: ServerReference, _ settings: CheckSettings, of backend: Backend, access: DatabaseAccess?, schedule: CheckSchedule, address: SocketAddress?
        ) {
            self.server = server
            self.access = access
            kind = backend.check
            limits = CheckLimits(settings, of: backend)
            self.settings = settings
            self.schedule = schedule
            self.address = address
        }

        /// A trial of `model`'s server at another address.
        init(_ model: Slot, address: SocketAddress, now: Instant, _ answer: @escaping (Bool) -> Void) {
            (server, kind, access, limits, settings) = (model.server, model.kind, model.access, model.limits, model.settings)
            schedule = CheckSchedule(model.settings, position: 0, of: 1, now: now)
            self.address = address
            self.answer = answer
        }

        /// A check that begins now.
        func process(now: Instant) -> any CheckProcess {
            if let access { DatabaseCheck(access, limits: limits, pause: pause, now: now) } else { CheckMachine(kind, limits: limits, now: now) }
        }

        /// When to act if no event of the attempt's socket comes first; `nil` for never.
        var deadline: Instant? {
            if let attempt { return attempt.machine.deadline.advanced(by: attempt.credit) }
            return address == nil ? nil : schedule.nextStart
        }

        /// True for a check that exchanges bytes after the connect.
        var hasWords: Bool { kind != .connect || access != nil || settings.proxyHeader != nil }

        /// Where to check: the server's address, with `addr` and `port` of its line in its place; `nil` without an address or a port.
        var target: SocketAddress? {
            guard let address else { return nil }
            guard case .ip(let own, let port) = address else { return address }
            let checkPort = settings.port ?? port
            guard checkPort > 0, let host = settings.isAtOtherHost ? settings.address : own else { return nil }
            return .ip(host, port: checkPort)
        }

        /// Why there is no target.
        var lack: String {
            guard let name = settings.addressName, settings.address == nil else { return "no port to check" }
            return "no address of '\(name)' to check"
        }
    }

    /// One check under way.
    private final class Attempt {
        let file: OpenFile
        var machine: any CheckProcess
        var isConnected = false
        /// The time that its events have waited for this thread.
        var credit = Duration.zero
        /// When this thread last looked at it. An event of it has not waited for longer than since then.
        var lookedAt: Instant
        /// What the kernel has not taken yet.
        var unsent: ArraySlice<UInt8> = []
        /// What the socket is watched for.
        var interest = Interest.write

        init(file: OpenFile, machine: any CheckProcess, now: Instant) {
            self.file = file
            self.machine = machine
            lookedAt = now
        }
    }

    private let reactor: Reactor
    private let openSocket: (SocketAddress) throws(SystemError) -> FileDescriptor
    private let finished: (ServerReference, CheckResult) -> CheckPace
    private let abandoned: (ServerReference, OpenFile) -> Bool
    /// Takes what a database check has seen, before `finished` takes its result.
    private let looked: (ServerReference, DatabaseLook) -> Void
    /// Slots of checked servers by backend and server; `nil` for servers without checks.
    private var slots: [[Slot?]] = []
    private var isStarted = false
    /// Trials under way.
    private var trials: [Slot] = []
    /// Trials at once; what is asked for beyond them is answered with no.
    package static let trialsMax = 256

    /// How a server is to be checked; `nil` without `check`, and in a backend that is `disabled`.
    private static func checkSettings(of server: Server, in backend: Backend) -> CheckSettings? { backend.isDisabled ? nil : server.check }

    /// A runner for all servers of `backends` that have `check`.
    ///
    /// - Parameter initialAddress: where a server is at the start; `nil` checks it only after `setAddress`.
    /// - Parameter accesses: how the servers of each backend are asked for more than a check; empty for none.
    /// - Parameter openSocket: opens a check's socket.
    /// - Parameter abandoned: may take the connection of a check that the server has accepted and not answered; false for no.
    /// - Parameter looked: takes what a database check has seen, before its result.
    /// - Parameter finished: takes each result, and says how soon the server is to be checked again.
    package init(
        reactor: Reactor, backends: [Backend], accesses: [DatabaseAccess?] = [], initialAddress: (ServerReference) -> SocketAddress?,
        openSocket: @escaping (SocketAddress) throws(SystemError) -> FileDescriptor = { address throws(SystemError) in
            try Sockets.open(.stream, for: address)
        },
        abandoned: @escaping (ServerReference, OpenFile) -> Bool = { _, _ in false },
        looked: @escaping (ServerReference, DatabaseLook) -> Void = { _, _ in },
        finished: @escaping (ServerReference, CheckResult) -> CheckPace
    ) {
        self.reactor = reactor
        self.openSocket = openSocket
        (self.abandoned, self.looked, self.finished) = (abandoned, looked, finished)
        let count = backends.reduce(0) { sum, backend in sum + backend.servers.count { Self.checkSettings(of: $0, in: backend) != nil } }
        var position = 0
        for (index, backend) in backends.enumerated() {
            var row: [Slot?] = []
            for (place, server) in backend.servers.enumerated() {
                guard let settings = Self.checkSettings(of: server, in: backend) else {
                    row.append(nil)
                    continue
                }
                let reference = ServerReference(backend: index, server: place)
                let access = accesses.indices.contains(index) ? accesses[index] : nil
                // Nobody writes before the writer is known: those are looked at at once.
                let turn = backend.database?.role == .primary ? 0 : position
                let schedule = CheckSchedule(settings, position: turn, of: count, now: reactor.now)
                let slot = Slot(reference, settings, of: backend, access: access, schedule: schedule, address: initialAddress(reference))
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
        (slot.address, slot.pause) = (address, nil)
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
        let trial = Slot(model, address: address, now: reactor.now, answer)
        attach(trial)
        trials.append(trial)
        begin(trial)
    }

    // MARK: Attempts

    private func slot(_ server: ServerReference) -> Slot? {
        guard slots.indices.contains(server.backend), slots[server.backend].indices.contains(server.server) else { return nil }
        return slots[server.backend][server.server]
    }

    /// Makes the handlers of the slot's timer and sockets.
    private func attach(_ slot: Slot) {
        slot.timerFired = { [weak self, unowned slot] in self?.timerFired(slot) }
        slot.socketReady = { [weak self, unowned slot] interest in
            if let self, let attempt = slot.attempt { self.ready(interest, slot, attempt) }
        }
    }

    /// Sets the slot's timer, unless it already fires early enough.
    private func arm(_ slot: Slot) {
        guard isStarted, let deadline = slot.deadline else { return disarm(slot) }
        if let timer = slot.timer, timer.at <= deadline { return }
        disarm(slot)
        slot.timer = (reactor.setTimer(at: deadline, .deferrable, slot.timerFired), deadline)
    }

    private func disarm(_ slot: Slot) {
        if let timer = slot.timer { reactor.cancel(timer.token) }
        slot.timer = nil
    }

    private func timerFired(_ slot: Slot) {
        slot.timer = nil
        guard let deadline = slot.deadline, deadline <= reactor.now else { return arm(slot) }
        guard let attempt = slot.attempt else { return begin(slot) }
        let interest = Interest.ready(attempt.file.raw, for: attempt.interest)
        guard interest.isEmpty else {
            ready(interest, slot, attempt)
            return arm(slot)
        }
        carryOut(attempt.machine.timedOut(now: reactor.now), slot, attempt)
    }

    /// Ends the slot's attempt, if there is one, without a result.
    private func drop(_ slot: Slot) {
        disarm(slot)
        guard let attempt = slot.attempt else { return }
        slot.attempt = nil
        close(attempt, of: slot)
    }

    /// Starts one check.
    private func begin(_ slot: Slot) {
        slot.schedule.start()
        var machine = slot.process(now: reactor.now)
        guard let target = slot.target else {
            return conclude(slot, machine.couldNotStart(slot.lack, now: reactor.now), machine.look)
        }
        do throws(SystemError) {
            let file = OpenFile(try openSocket(target))
            if case .ip = target { try prepare(file.raw, for: slot) }
            let progress = try Sockets.connect(file.raw, to: target)
            let attempt = Attempt(file: file, machine: machine, now: reactor.now)
            try reactor.watch(file.raw, for: attempt.interest, slot.socketReady)
            slot.attempt = attempt
            arm(slot)
            if progress == .connected { connected(slot, attempt) }
        } catch {
            guard !error.isShortage || slot.answer != nil else { return postpone(slot) }
            let (text, now) = (Self.text(error), reactor.now)
            let outputs = Self.isLocal(error) ? machine.couldNotStart(text, now: now) : machine.failed(text, fault: Self.fault(error), now: now)
            conclude(slot, outputs, machine.look)
        }
    }

    /// Sets the option that the check needs. A check that ends with the connect leaves out the last packet of the handshake, as in HAProxy, and sends the reset
    /// instead: the server's process never sees the connection, which saves work on both sides.
    private func prepare(_ raw: Int32, for slot: Slot) throws(SystemError) {
        let (option, value): (Int32, Int32) = slot.hasWords ? (TCP_NODELAY, 1) : (TCP_QUICKACK, 0)
        try Sockets.set(option, at: Int32(IPPROTO_TCP), to: value, on: raw)
    }

    /// This machine has no socket to check with. Its servers stay what they are: clients that use up every descriptor must not take them all down.
    private func postpone(_ slot: Slot) {
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

    private func ready(_ interest: Interest, _ slot: Slot, _ attempt: Attempt) {
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

    private func connected(_ slot: Slot, _ attempt: Attempt) {
        attempt.isConnected = true
        // The check speaks for itself: no client's address is told.
        if let form = slot.settings.proxyHeader { attempt.unsent += form.bytes(ProxyHeader(nil)) }
        if !attempt.unsent.isEmpty { send(slot, attempt) }
        guard slot.attempt === attempt else { return }
        carryOut(attempt.machine.connected(now: reactor.now), slot, attempt)
        guard slot.attempt === attempt else { return }
        arm(slot)
        rewatch(slot, attempt)
    }

    private func receive(_ slot: Slot, _ attempt: Attempt) {
        do throws(SystemError) {
            guard let bytes = try Sockets.receive(attempt.file.raw, upTo: Self.receiveBytesMax) else { return }
            let now = reactor.now
            carryOut(bytes.isEmpty ? attempt.machine.endOfStream(now: now) : attempt.machine.receive(bytes, now: now), slot, attempt)
        } catch {
            fail(error, slot, attempt)
        }
    }

    private func fail(_ error: SystemError, _ slot: Slot, _ attempt: Attempt) {
        carryOut(attempt.machine.failed(Self.text(error), fault: Self.fault(error), now: reactor.now), slot, attempt)
    }

    private func carryOut(_ outputs: [CheckMachine.Output], _ slot: Slot, _ attempt: Attempt) {
        for output in outputs {
            switch output {
            case .send(let bytes):
                attempt.unsent += bytes
                send(slot, attempt)
            case .finished:
                guard slot.attempt === attempt else { return }
                drop(slot)
                slot.pause = attempt.machine.pause
                conclude(slot, [output], attempt.machine.look)
            }
            // The server may have gone in the midst of a send, with a verdict.
            guard slot.attempt === attempt else { return }
        }
    }

    private func send(_ slot: Slot, _ attempt: Attempt) {
        do throws(SystemError) {
            let sent = try Sockets.send(attempt.file.raw, attempt.unsent)
            attempt.unsent = attempt.unsent.dropFirst(sent)
            rewatch(slot, attempt)
        } catch {
            // After the verdict a lost quit means nothing.
            fail(error, slot, attempt)
        }
    }

    private func rewatch(_ slot: Slot, _ attempt: Attempt) {
        let interest: Interest = attempt.unsent.isEmpty ? .read : [.read, .write]
        guard interest != attempt.interest else { return }
        attempt.interest = interest
        do throws(SystemError) {
            try reactor.rewatch(attempt.file.raw, for: interest)
        } catch {
            carryOut(attempt.machine.couldNotStart(Self.text(error), now: reactor.now), slot, attempt)
        }
    }

    /// Closes the attempt's socket as its machine wants it.
    private func close(_ attempt: Attempt, of slot: Slot) {
        if attempt.machine.isUnanswered, slot.answer == nil {
            reactor.unwatch(attempt.file.raw)
            if abandoned(slot.server, attempt.file) { return }
        } else {
            reactor.unwatch(closing: attempt.file.raw)
        }
        switch attempt.machine.closing {
        case .reset:
            Sockets.resetAtClose(attempt.file.raw)
        case .orderly:
            // Closing with bytes unread would send a RST.
            _ = try? Sockets.receive(attempt.file.raw, upTo: Self.receiveBytesMax)
        }
    }

    /// Hands a verdict over and waits for the next check.
    private func conclude(_ slot: Slot, _ outputs: [CheckMachine.Output], _ look: DatabaseLook?) {
        guard case .finished(let result)? = outputs.last else { preconditionFailure("a check ends with a verdict") }
        if let answer = slot.answer {
            trials.removeAll { $0 === slot }
            // A server without an address begins with what the trial has seen: a replica that lags is out from the first moment on.
            if let look, result.status.isPass, let model = self.slot(slot.server), model.address == nil { looked(slot.server, look) }
            return answer(result.status.isPass)
        }
        // What this machine could not ask says nothing.
        if let look, result.fault != .node { looked(slot.server, look) }
        let pace = finished(slot.server, result)
        slot.schedule.finished(pace: pace, now: reactor.now)
        arm(slot)
    }
}
