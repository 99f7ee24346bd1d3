import CLinux
import Glibc
import LinuxIO
import Proxy
import Wire

/// The master process. It holds the listening sockets, starts the worker process, restarts it after a crash, and is the process that a supervisor sees.
///
/// It knows no proxies: the worker reads the configuration, opens missing sockets, and sends the master what the next worker needs.
final class Master {
    /// How long a worker may take until it serves.
    private static let startTimeout = Duration.seconds(60)
    /// How long workers may take to end after an immediate stop.
    private static let stopTimeout = Duration.seconds(5)
    /// How long the serving worker may take to report its state before another one starts.
    private static let reportTimeout = Duration.milliseconds(300)
    /// The most bytes of a worker's messages that are kept for the client that requested its start.
    private static let messagesMax = 64 * 1024
    /// The most bytes of a worker's messages that are read per round of the loop.
    private static let messagesPerTurn = 16 * 4096

    /// The master's view of one worker.
    private final class WorkerHandle {
        let channel: ProcessChannel
        let errors: OpenFile
        var memory = Memory()
        var protocolState = WorkerProtocol()
        /// Whether the worker's messages belong to its start: true until it serves.
        var isStarting = true

        init(channel: ProcessChannel, errors: OpenFile) { (self.channel, self.errors) = (channel, errors) }
    }

    /// The data for the next worker.
    private struct Memory {
        var sockets: [OpenFile] = []
        var state: OpenFile?
        var configuration: OpenFile?
    }

    /// Settings from the command line and the environment.
    struct Settings {
        /// The arguments of workers.
        var arguments: [String]
        /// The environment variables of workers.
        var environment: [String: String]
        /// The sockets for commands, with their rights.
        var sockets: [StatsSocket]
        /// `drain-on-term`: SIGTERM drains instead of stopping immediately.
        var drainsOnTerm: Bool
        /// Called when the first worker serves.
        var started: () -> Void
    }

    let reactor: Reactor
    let startedAt: Instant
    private(set) var roster = WorkerRoster()
    private let settings: Settings
    private let notifier: ServiceNotifier
    private var memory = Memory()
    private var handles: [Int32: WorkerHandle] = [:]
    private var signals: Signals?
    private var runtime: RuntimeServer?
    private var exitCode: Int32 = 0
    /// `reloadWaiters` wait for the reload under way, `nextReloadWaiters` for the next one.
    private var reloadWaiters: [(Bool, String) -> Void] = []
    private var nextReloadWaiters: [(Bool, String) -> Void] = []
    /// The messages of the most recently started worker.
    private(set) var startMessages = ""

    /// A master whose workers inherit the sockets that systemd has opened.
    init(_ settings: Settings) throws(SystemError) {
        self.settings = settings
        reactor = try Reactor()
        startedAt = reactor.now
        notifier = ServiceNotifier(environment: settings.environment)
        if let problem = notifier.problem { Terminal.report(.warning, problem) }
        memory.sockets = SocketActivation.files(environment: settings.environment)
    }

    /// Serves until a signal ends the process. Returns the exit code.
    func run() throws(SystemError) -> Int32 {
        // Workers inherit the limit, and during a reload master and workers hold many sockets.
        _ = try Limits.raiseDescriptors(to: min(InheritedSockets.socketsMax, try Limits.descriptors().hard))
        signals = try Signals(reactor: reactor) { [unowned self] in receive($0) }
        let runtime = RuntimeServer(reactor: reactor, interpreter: MasterInterpreter(master: self), connectionsMax: 64, timeout: .seconds(10))
        for socket in settings.sockets { try runtime.serve(socket.file, rights: socket.rights) }
        self.runtime = runtime
        if let interval = notifier.watchdogInterval { watchdog(every: interval) }
        carryOut([.start(.first)])
        poll()
        reactor.run()
        return exitCode
    }

    // MARK: Requests

    /// Reloads the configuration. `answer` gets whether a new worker serves, and the messages of its start.
    func reload(isHard: Bool, _ answer: @escaping (Bool, String) -> Void = { _, _ in }) {
        guard !roster.isStopping else { return answer(false, "this node is stopping: no reload\n") }
        notifier.notify(.reloading, status: "reloading")
        nextReloadWaiters.append(answer)
        carryOut(roster.reload(isHard: isHard))
    }

    /// Sends a line of the runtime socket's language to worker `process`, and passes the answer on. The returned function cancels the answer, and also the
    /// line if it has not begun.
    func ask(_ process: Int32, _ line: String, _ answer: @escaping ([UInt8]) -> Void) -> () -> Void {
        guard let handle = handles[process], let request = try? WorkerRequest(line, over: handle.channel, on: reactor, answer) else {
            answer(WorkerRequest.noAnswer)
            return {}
        }
        request.start()
        return { request.cancel() }
    }

    private func receive(_ request: SignalRequest) {
        switch request {
        case .stop: stop(by: SIGINT)
        case .terminate: stop(by: SIGTERM)
        case .softStop: stop(by: SIGUSR1)
        case .reload, .report: reload(isHard: false)
        case .childEnded:
            while let exit = ChildExit.next() {
                if let handle = handles.removeValue(forKey: exit.process) { forget(handle) }
                if roster.serving?.process == exit.process { forwardLastState() }
                carryOut(roster.ended(exit, now: MonotonicClock.now()))
            }
        }
    }

    private func stop(by signal: Int32) {
        notifier.notify(.stopping, status: signal == SIGUSR1 ? "waiting for the last sessions to end" : nil)
        releaseSockets()
        carryOut(roster.stop(by: signal))
        guard signal == SIGINT || signal == SIGTERM && !settings.drainsOnTerm else { return }
        // A suspended worker does not handle the signal.
        reactor.setTimer(at: reactor.now.advanced(by: Self.stopTimeout)) { [unowned self] in
            for worker in roster.workers { kill(worker.process, SIGKILL) }
        }
    }

    /// Closes the listening sockets here: while they are open, the kernel queues connections on them that no process would accept.
    private func releaseSockets() {
        memory.sockets = []
        for handle in handles.values { handle.memory.sockets = [] }
    }

    // MARK: Effects

    private func carryOut(_ effects: [WorkerRoster.Effect]) {
        for effect in effects {
            switch effect {
            case .start(let reason): start(reason)
            case .retry(let time): reactor.setTimer(at: time) { [unowned self] in carryOut(roster.retryDue()) }
            case .signal(let number, let process): kill(process, number)
            case .takenOver(let process): try? handles[process]?.channel.send(.takenOver)
            case .replaced(let process): try? handles[process]?.channel.send(.replaced)
            case .serving:
                settings.started()
                notifier.notify(.ready, status: "serving")
            case .reloaded(let isGood): reloaded(isGood)
            case .report(let severity, let text):
                Terminal.report(severity, text, timeout: .none)
                remember("\(text)\n")
            case .exit(let code):
                exitCode = code
                reactor.stop()
            }
        }
    }

    private func reloaded(_ isGood: Bool) {
        notifier.notify(.ready, status: isGood ? "serving" : "serving with the previous configuration: the new one has errors")
        if !isGood { sendReloadFailure() }
        let waiters = reloadWaiters
        reloadWaiters = []
        for waiter in waiters { waiter(isGood, startMessages) }
    }

    /// Sends the reason to the serving worker, which has the log: a daemon's stderr is /dev/null.
    private func sendReloadFailure() {
        guard let serving = roster.serving, let handle = handles[serving.process] else { return }
        let reason = Array(Terminal.firstAlert(in: startMessages).utf8.prefix(Succession.reasonBytesMax))
        if let file = try? MemoryFile.containing(reason, name: "tsukada reason") { try? handle.channel.send(.reloadFailed(file)) }
    }

    // MARK: Workers

    private func start(_ reason: WorkerRoster.StartReason) {
        if case .reload = reason {
            (reloadWaiters, nextReloadWaiters) = (reloadWaiters + nextReloadWaiters, [])
            if let serving = roster.serving, let handle = handles[serving.process] { requestState(serving.process, handle) }
        }
        startMessages = ""
        let (process, handle): (Int32, WorkerHandle)
        do throws(SystemError) { (process, handle) = try spawn(reason) } catch {
            carryOut([.report(.alert, "cannot start a worker: \(error)")])
            return carryOut(roster.startFailed(for: reason, now: reactor.now))
        }
        do throws(SystemError) {
            handles[process] = handle
            roster.started(process, for: reason, now: reactor.now)
            try handle.channel.watch(on: reactor) { [unowned self, unowned handle] in receive($0, from: process, handle) }
            try reactor.watch(handle.errors.raw, for: .read) { [unowned self, unowned handle] _ in relayMessages(of: handle) }
            try handle.channel.send(inheritance(), timeout: .seconds(5))
            reactor.setTimer(at: reactor.now.advanced(by: Self.startTimeout)) { [unowned self] in
                guard roster.workers.contains(where: { $0.process == process && $0.stage == .starting(reason) }) else { return }
                carryOut([.report(.warning, "killing worker \(process): it was not ready within 60s")])
                kill(process, SIGKILL)
            }
        } catch {
            // SIGCHLD reports its end.
            Terminal.report(.alert, "killing worker \(process): cannot send it the sockets and the state: \(error)", timeout: .none)
            kill(process, SIGKILL)
        }
    }

    private func spawn(_ reason: WorkerRoster.StartReason) throws(SystemError) -> (Int32, WorkerHandle) {
        let (own, other) = try DescriptorPassing.pair()
        var ends: [Int32] = [-1, -1]
        let code = clinux_pipe(&ends)
        guard code == 0 else { throw SystemError("pipe2", code: -code) }
        let (reading, writing) = (OpenFile(FileDescriptor(owning: ends[0])), OpenFile(FileDescriptor(owning: ends[1])))
        let laterErrors = try OpenFile.copy(of: STDERR_FILENO)
        var cause: String?
        if case .restart(let exit) = reason { cause = "\(exit.process) died: \(exit.description)" }
        let variables = MasterLink.variables(channel: other, laterErrors: laterErrors, causeOfDeath: cause)
        let environment = settings.environment.merging(variables) { $1 }
        let process = try OwnProgram.start(
            arguments: settings.arguments, environment: environment, errors: writing, keeping: [other, laterErrors])
        return (process, WorkerHandle(channel: ProcessChannel(own), errors: reading))
    }

    /// The messages for a new worker. After a crash they contain the previous configuration, because the files may be half edited.
    private func inheritance() throws(SystemError) -> [ProcessMessage] {
        let state = if let state = memory.state { state } else { try MemoryFile.containing([], name: "tsukada state") }
        var messages = ProcessMessage.passing(memory.sockets)
        if let configuration = memory.configuration { messages.insert(.configuration(configuration), at: 0) }
        return messages + [roster.serving == nil ? .lastState(state) : .state(state)]
    }

    private func requestState(_ process: Int32, _ handle: WorkerHandle) {
        guard (try? handle.channel.send(.report)) != nil else { return }
        let deadline = MonotonicClock.now().advanced(by: Self.reportTimeout)
        while let message = handle.channel.next(until: deadline) {
            receive(message, from: process, handle)
            if case .state = message { return }
        }
    }

    private func receive(_ message: ProcessMessage?, from process: Int32, _ handle: WorkerHandle) {
        guard let message, let worker = roster.workers.first(where: { $0.process == process }) else { return }
        roster.recordSignOfLife(process)
        switch handle.protocolState.judge(WorkerProtocol.Message(message), stage: worker.stage) {
        case .keep: keep(message, in: &handle.memory)
        case .remember: keep(message, in: &memory)
        case .serve:
            memory = handle.memory
            handle.memory = Memory()
            relayMessages(of: handle)
            handle.isStarting = false
            carryOut(roster.ready(process))
        case .passOn: if let serving = roster.serving { try? handles[serving.process]?.channel.send(message) }
        case .recordDrain:
            notifier.notify(.stopping, status: "draining")
            releaseSockets()
            roster.recordDrain()
        case .ignore: break
        case .breach(let cause):
            handle.channel.stopWatching()
            carryOut(roster.breached(process, cause))
        }
    }

    private func keep(_ message: ProcessMessage, in memory: inout Memory) {
        switch message {
        case .configuration(let file): memory.configuration = file
        case .sockets(let files): if !roster.isStopping { memory.sockets += files }
        case .state(let file): memory.state = file
        case .lastState, .ready, .takenOver, .replaced, .draining, .report, .runtime, .alive, .reloadFailed: break
        }
    }

    /// Sends the last state of the dead serving worker to the workers that are starting.
    private func forwardLastState() {
        guard let state = memory.state else { return }
        for worker in roster.workers where worker.stage != .serving && worker.stage != .leaving {
            try? handles[worker.process]?.channel.send(.lastState(state))
        }
    }

    /// Relays a worker's messages to the terminal. Those before it serves are also kept for the client that requested its start.
    private func relayMessages(of handle: WorkerHandle) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        for _ in 0..<Self.messagesPerTurn / buffer.count {
            let count = read(handle.errors.raw, &buffer, buffer.count)
            guard count > 0 else {
                if count == 0 || errno != EAGAIN { reactor.unwatch(handle.errors.raw) }
                return
            }
            let text = String(decoding: buffer[..<count], as: UTF8.self)
            if handle.isStarting { remember(text) }
            Terminal.warn(text)
        }
    }

    private func remember(_ text: String) {
        if startMessages.utf8.count < Self.messagesMax { startMessages += text }
    }

    private func forget(_ handle: WorkerHandle) {
        relayMessages(of: handle)
        handle.channel.stopWatching()
        reactor.unwatch(handle.errors.raw)
    }

    /// Polls the workers. The roster counts polls, so a late poll counts once.
    private func poll() {
        for handle in handles.values { handle.protocolState.resetCount() }
        carryOut(roster.poll())
        reactor.setTimer(at: reactor.now.advanced(by: WorkerRoster.pollInterval)) { [unowned self] in poll() }
    }

    private func watchdog(every interval: Duration) {
        notifier.notify(.watchdog)
        reactor.setTimer(at: reactor.now.advanced(by: interval)) { [unowned self] in watchdog(every: interval) }
    }
}
