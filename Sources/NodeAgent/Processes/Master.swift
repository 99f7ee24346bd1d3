import CLinux
import Glibc
import LinuxIO
import Proxy
import Wire

/// The master process: it holds the listening sockets, starts the worker process and starts it again, and is what a supervisor sees.
///
/// It knows nothing of proxies: the worker reads the configuration, opens what is missing, and tells the master what to remember.
final class Master {
    /// How long a worker may take to come to serve.
    private static let startPatience = Duration.seconds(60)
    /// How long workers may take to end at once.
    private static let stopPatience = Duration.seconds(5)
    /// How long the serving worker may take to say what it knows, before another starts.
    private static let reportPatience = Duration.milliseconds(300)
    /// Bytes of a worker's messages that are kept for whoever asked for its start.
    private static let messagesMax = 64 * 1024
    /// The most bytes of a worker's messages that are read in one turn.
    private static let messagesPerTurn = 16 * 4096

    /// What a worker has told.
    private final class Seat {
        let channel: ProcessChannel
        let errors: OpenFile
        var memory = Memory()
        var conversation = WorkerConversation()
        /// What it says belongs to its start, until it serves.
        var isStarting = true

        init(channel: ProcessChannel, errors: OpenFile) { (self.channel, self.errors) = (channel, errors) }
    }

    /// What the next worker is given.
    private struct Memory {
        var sockets: [OpenFile] = []
        var state: OpenFile?
        var configuration: OpenFile?
    }

    /// What the person who starts the master has asked for.
    struct Settings {
        /// The words that workers are started with.
        var arguments: [String]
        /// The variables that workers are started with.
        var environment: [String: String]
        /// Where commands come from, with what they may do.
        var sockets: [StatsSocket]
        /// `drain-on-term`: SIGTERM ends nothing at once.
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
    private var seats: [Int32: Seat] = [:]
    private var signals: Signals?
    private var runtime: RuntimeServer?
    private var exitCode: Int32 = 0
    /// Who waits for the reload that is under way, and who for the next one.
    private var reloadWaiters: [(Bool, String) -> Void] = []
    private var nextReloadWaiters: [(Bool, String) -> Void] = []
    /// What the last worker that was started has said.
    private(set) var startMessages = ""

    /// A master whose workers start with the sockets that systemd has opened.
    init(_ settings: Settings) throws(SystemError) {
        self.settings = settings
        reactor = try Reactor()
        startedAt = reactor.now
        notifier = ServiceNotifier(environment: settings.environment)
        if let problem = notifier.problem { Terminal.tell(.warning, problem) }
        memory.sockets = SocketActivation.files(environment: settings.environment)
    }

    /// Serves until a signal ends it. Returns the exit code.
    func run() throws(SystemError) -> Int32 {
        // Its workers have the same limit, and both hold many sockets in a reload.
        _ = try Limits.raiseDescriptors(to: min(InheritedSockets.socketsMax, try Limits.descriptors().hard))
        signals = try Signals(reactor: reactor) { [unowned self] in receive($0) }
        let runtime = RuntimeServer(reactor: reactor, interpreter: MasterInterpreter(master: self), connectionsMax: 64, timeout: .seconds(10))
        for socket in settings.sockets { try runtime.serve(socket.file, rights: socket.rights) }
        self.runtime = runtime
        if let interval = notifier.watchdogInterval { watchdog(every: interval) }
        carryOut([.start(.first)])
        look()
        reactor.run()
        return exitCode
    }

    // MARK: What others ask for

    /// Reads the configuration again. `answer` gets whether a new worker serves, and what it said at its start.
    func reload(isHard: Bool, _ answer: @escaping (Bool, String) -> Void = { _, _ in }) {
        guard !roster.isStopping else { return answer(false, "this node is stopping: nothing is read again\n") }
        notifier.tell(.reloading, status: "reading the configuration again")
        nextReloadWaiters.append(answer)
        carryOut(roster.reload(isHard: isHard))
    }

    /// Lets `process` run a line of the runtime socket's language, and passes the answer on. The returned function cancels the answer, and also the
    /// line if it has not begun.
    func ask(_ process: Int32, _ line: String, _ answer: @escaping ([UInt8]) -> Void) -> () -> Void {
        guard let seat = seats[process], let question = try? WorkerQuestion(line, over: seat.channel, on: reactor, answer) else {
            answer(WorkerQuestion.silence)
            return {}
        }
        question.start()
        return { question.cancel() }
    }

    private func receive(_ request: SignalRequest) {
        switch request {
        case .stop: stop(by: SIGINT)
        case .terminate: stop(by: SIGTERM)
        case .softStop: stop(by: SIGUSR1)
        case .reload, .report: reload(isHard: false)
        case .childEnded:
            while let exit = ChildExit.next() {
                if let seat = seats.removeValue(forKey: exit.process) { forget(seat) }
                if roster.serving?.process == exit.process { tellLastState() }
                carryOut(roster.ended(exit, now: MonotonicClock.now()))
            }
        }
    }

    private func stop(by signal: Int32) {
        notifier.tell(.stopping, status: signal == SIGUSR1 ? "waiting for the last sessions to end" : nil)
        letSocketsGo()
        carryOut(roster.stop(by: signal))
        guard signal == SIGINT || signal == SIGTERM && !settings.drainsOnTerm else { return }
        // One that is frozen does not take its signal.
        reactor.setTimer(at: reactor.now.advanced(by: Self.stopPatience)) { [unowned self] in
            for worker in roster.workers { kill(worker.process, SIGKILL) }
        }
    }

    /// A listening socket that is open here takes connections as long as it is, which nobody will serve.
    private func letSocketsGo() {
        memory.sockets = []
        for seat in seats.values { seat.memory.sockets = [] }
    }

    // MARK: Effects

    private func carryOut(_ effects: [WorkerRoster.Effect]) {
        for effect in effects {
            switch effect {
            case .start(let reason): start(reason)
            case .retry(let time): reactor.setTimer(at: time) { [unowned self] in carryOut(roster.retryDue()) }
            case .signal(let number, let process): kill(process, number)
            case .takenOver(let process): try? seats[process]?.channel.send(.takenOver)
            case .replaced(let process): try? seats[process]?.channel.send(.replaced)
            case .serving:
                settings.started()
                notifier.tell(.ready, status: "serving")
            case .reloaded(let isGood): reloaded(isGood)
            case .tell(let severity, let text):
                Terminal.tell(severity, text, patience: .none)
                remember("\(text)\n")
            case .exit(let code):
                exitCode = code
                reactor.stop()
            }
        }
    }

    private func reloaded(_ isGood: Bool) {
        notifier.tell(.ready, status: isGood ? "serving" : "serving with the configuration of before: the new one has errors")
        if !isGood { tellFailedReload() }
        let waiters = reloadWaiters
        reloadWaiters = []
        for waiter in waiters { waiter(isGood, startMessages) }
    }

    /// The worker that serves has the log: a daemon's stderr is nowhere.
    private func tellFailedReload() {
        guard let serving = roster.serving, let seat = seats[serving.process] else { return }
        let reason = Array(Terminal.firstAlert(in: startMessages).utf8.prefix(Succession.reasonBytesMax))
        if let file = try? MemoryFile.holding(reason, name: "tsukada reason") { try? seat.channel.send(.reloadFailed(file)) }
    }

    // MARK: Workers

    private func start(_ reason: WorkerRoster.StartReason) {
        if case .reload = reason {
            (reloadWaiters, nextReloadWaiters) = (reloadWaiters + nextReloadWaiters, [])
            if let serving = roster.serving, let seat = seats[serving.process] { askForState(serving.process, seat) }
        }
        startMessages = ""
        let (process, seat): (Int32, Seat)
        do throws(SystemError) { (process, seat) = try spawn(reason) } catch {
            carryOut([.tell(.alert, "no worker can be started: \(error)")])
            return carryOut(roster.startFailed(for: reason, now: reactor.now))
        }
        do throws(SystemError) {
            seats[process] = seat
            roster.started(process, for: reason, now: reactor.now)
            try seat.channel.watch(on: reactor) { [unowned self, unowned seat] in receive($0, from: process, seat) }
            try reactor.watch(seat.errors.raw, for: .read) { [unowned self, unowned seat] _ in relayMessages(of: seat) }
            try seat.channel.send(inheritance(), patience: .seconds(5))
            reactor.setTimer(at: reactor.now.advanced(by: Self.startPatience)) { [unowned self] in
                guard roster.workers.contains(where: { $0.process == process && $0.stage == .starting(reason) }) else { return }
                carryOut([.tell(.warning, "worker (\(process)) does not come to serve within 60s: it is killed")])
                kill(process, SIGKILL)
            }
        } catch {
            // Its end is told by SIGCHLD.
            Terminal.tell(.alert, "a worker cannot be told what it needs: \(error)", patience: .none)
            kill(process, SIGKILL)
        }
    }

    private func spawn(_ reason: WorkerRoster.StartReason) throws(SystemError) -> (Int32, Seat) {
        let (own, other) = try DescriptorPassing.pair()
        var ends: [Int32] = [-1, -1]
        let code = clinux_pipe(&ends)
        guard code == 0 else { throw SystemError("pipe2", code: -code) }
        let (reading, writing) = (OpenFile(FileDescriptor(owning: ends[0])), OpenFile(FileDescriptor(owning: ends[1])))
        let copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
        guard copy >= 0 else { throw .last("fcntl") }
        let laterErrors = OpenFile(FileDescriptor(owning: copy))
        var cause: String?
        if case .restart(let exit) = reason { cause = "\(exit.process) died: \(exit.description)" }
        let variables = WorkerSeat.variables(channel: other, laterErrors: laterErrors, causeOfDeath: cause)
        let environment = settings.environment.merging(variables) { $1 }
        let process = try OwnProgram.start(
            arguments: settings.arguments, environment: environment, errors: writing, keeping: [other, laterErrors])
        return (process, Seat(channel: ProcessChannel(own), errors: reading))
    }

    /// The predecessor's data for a new worker. After a death it uses the previous configuration, since the files may be half edited.
    private func inheritance() throws(SystemError) -> [ProcessMessage] {
        let state = if let state = memory.state { state } else { try MemoryFile.holding([], name: "tsukada state") }
        var messages = ProcessMessage.passing(memory.sockets)
        if let configuration = memory.configuration { messages.insert(.configuration(configuration), at: 0) }
        return messages + [roster.serving == nil ? .lastState(state) : .state(state)]
    }

    private func askForState(_ process: Int32, _ seat: Seat) {
        guard (try? seat.channel.send(.report)) != nil else { return }
        let deadline = MonotonicClock.now().advanced(by: Self.reportPatience)
        while let message = seat.channel.next(until: deadline) {
            receive(message, from: process, seat)
            if case .state = message { return }
        }
    }

    private func receive(_ message: ProcessMessage?, from process: Int32, _ seat: Seat) {
        guard let message, let worker = roster.workers.first(where: { $0.process == process }) else { return }
        roster.heard(process)
        switch seat.conversation.hear(WorkerConversation.Word(message), stage: worker.stage) {
        case .keep: keep(message, in: &seat.memory)
        case .remember: keep(message, in: &memory)
        case .serve:
            memory = seat.memory
            seat.memory = Memory()
            relayMessages(of: seat)
            seat.isStarting = false
            carryOut(roster.ready(process))
        case .passOn: if let serving = roster.serving { try? seats[serving.process]?.channel.send(message) }
        case .leave:
            notifier.tell(.stopping, status: "draining")
            letSocketsGo()
            roster.leave()
        case .ignore: break
        case .breach(let cause):
            seat.channel.stopWatching()
            carryOut(roster.breached(process, cause))
        }
    }

    private func keep(_ message: ProcessMessage, in memory: inout Memory) {
        switch message {
        case .configuration(let file): memory.configuration = file
        case .sockets(let files): if !roster.isStopping { memory.sockets += files }
        case .state(let file): memory.state = file
        case .lastState, .ready, .takenOver, .replaced, .leaving, .report, .runtime, .alive, .reloadFailed: break
        }
    }

    /// The worker that serves has died: one that is starting in its place will not hear its last words.
    private func tellLastState() {
        guard let state = memory.state else { return }
        for worker in roster.workers where worker.stage != .serving && worker.stage != .leaving {
            try? seats[worker.process]?.channel.send(.lastState(state))
        }
    }

    /// What a worker says before it serves is for whoever asked for its start, and for the terminal.
    private func relayMessages(of seat: Seat) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        for _ in 0..<Self.messagesPerTurn / buffer.count {
            let count = read(seat.errors.raw, &buffer, buffer.count)
            guard count > 0 else {
                if count == 0 || errno != EAGAIN { reactor.unwatch(seat.errors.raw) }
                return
            }
            let text = String(decoding: buffer[..<count], as: UTF8.self)
            if seat.isStarting { remember(text) }
            Terminal.warn(text)
        }
    }

    private func remember(_ text: String) {
        if startMessages.utf8.count < Self.messagesMax { startMessages += text }
    }

    private func forget(_ seat: Seat) {
        relayMessages(of: seat)
        seat.channel.stopWatching()
        reactor.unwatch(seat.errors.raw)
    }

    /// Counts looks: one that comes late is still one.
    private func look() {
        for seat in seats.values { seat.conversation.look() }
        carryOut(roster.look())
        reactor.setTimer(at: reactor.now.advanced(by: WorkerRoster.lookInterval)) { [unowned self] in look() }
    }

    private func watchdog(every interval: Duration) {
        notifier.tell(.watchdog)
        reactor.setTimer(at: reactor.now.advanced(by: interval)) { [unowned self] in watchdog(every: interval) }
    }
}
