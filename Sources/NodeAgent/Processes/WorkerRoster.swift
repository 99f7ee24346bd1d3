import Glibc
import LinuxIO
import Proxy
import Wire

/// The master's decisions, without I/O: which worker process serves, and what to do when a worker starts, serves, ends or needs a replacement.
///
///     starting --ready--> serving --another is ready--> leaving --its last session ends--> gone
///        |                   |
///        ends: a reload has failed; at the first start, the master exits
///                            dies: a replacement starts immediately, or later if workers keep dying
///
/// A serving or leaving worker that stays silent for ten polls is killed: it is suspended, or its control thread is stuck.
struct WorkerRoster {
    /// The stages of a worker.
    enum Stage: Equatable, Sendable {
        case starting(StartReason)
        case serving
        case leaving
    }

    /// Why a worker is started.
    enum StartReason: Equatable, Sendable {
        /// The master has started.
        case first
        /// A reload was requested; a hard one closes the sessions of the old worker.
        case reload(isHard: Bool)
        /// The serving worker has died; its replacement has the same configuration.
        case restart(of: ChildExit)
    }

    /// One worker process.
    struct Worker: Equatable, Sendable {
        /// The process identifier.
        let process: Int32
        /// The present stage.
        var stage: Stage
        /// When the worker was started.
        let startedAt: Instant
        /// The number of reloads since its start.
        var reloads = 0
        /// Polls since the worker's last message.
        var silentPolls = 0
        /// Why the master has killed the worker; `nil` if it has not.
        var causeOfDeath: String?
    }

    /// An action for the caller to perform.
    enum Effect: Equatable, Sendable {
        /// Start a worker and report `started` or `startFailed`.
        case start(StartReason)
        /// Call `retryDue` at this time.
        case retry(at: Instant)
        /// Send this signal.
        case signal(Int32, to: Int32)
        /// Notify this worker that a successor serves.
        case takenOver(Int32)
        /// Notify this worker that a successor serves, and that it must end immediately.
        case replaced(Int32)
        /// The first worker serves.
        case serving
        /// A reload has ended. True if a new worker serves.
        case reloaded(Bool)
        /// Report to the operator.
        case report(DiagnosticSeverity, String)
        /// End the master.
        case exit(Int32)
    }

    /// The death of a worker that has served this long does not count as a repeated failure.
    static let stableServiceTime = Duration.seconds(1)
    /// The interval between two polls of the workers, which send signs of life at least as often.
    static let pollInterval = Duration.seconds(1)
    /// A worker is killed after this many polls without a message. Polls are counted instead of time: if the whole machine was suspended, the master did not
    /// poll either.
    static let silentPollsMax = 10
    private static let retryPauseMin = Duration.milliseconds(100)
    private static let retryPauseMax = Duration.seconds(5)

    /// All live workers.
    private(set) var workers: [Worker] = []
    /// `reloads`: requested reloads; `reloadsFailed`: how many of them failed.
    private(set) var reloads = 0
    private(set) var reloadsFailed = 0
    private(set) var isStopping = false
    private var consecutiveDeaths = 0
    /// The reload that waits until a starting worker is ready.
    private var waitingReload: StartReason?
    private var lastDeath: ChildExit?

    /// No worker yet.
    init() {}

    /// The worker that serves.
    var serving: Worker? { workers.first { $0.stage == .serving } }

    private var isStarting: Bool { workers.contains { if case .starting = $0.stage { true } else { false } } }

    /// Adds a started worker.
    mutating func started(_ process: Int32, for reason: StartReason, now: Instant) {
        workers.append(Worker(process: process, stage: .starting(reason), startedAt: now))
    }

    /// Handles a failure to start a worker process.
    mutating func startFailed(for reason: StartReason, now: Instant) -> [Effect] { failed(reason, code: 1, now: now) }

    /// Handles a worker that is ready: it serves, and its predecessor leaves. A worker that is ready while the node stops is ended immediately.
    mutating func ready(_ process: Int32) -> [Effect] {
        guard !isStopping else { return [.signal(SIGINT, to: process)] }
        guard let index = workers.firstIndex(where: { $0.process == process }), case .starting(let reason) = workers[index].stage else { return [] }
        var effects: [Effect] = []
        let event = serving.map { "replaces \($0.process)" } ?? "serves"
        for other in workers.indices where workers[other].stage == .serving {
            workers[other].stage = .leaving
            effects.append(reason == .reload(isHard: true) ? .replaced(workers[other].process) : .takenOver(workers[other].process))
        }
        workers[index].stage = .serving
        switch reason {
        case .first: effects.append(.serving)
        case .reload:
            for other in workers.indices where other != index { workers[other].reloads += 1 }
            effects += [.report(.notice, "reloaded: worker \(process) \(event)"), .reloaded(true)]
        case .restart: break
        }
        return effects + nextReload()
    }

    /// Records a message of a worker.
    mutating func recordSignOfLife(_ process: Int32) {
        if let index = workers.firstIndex(where: { $0.process == process }) { workers[index].silentPolls = 0 }
    }

    /// Polls the workers for silence. Starting workers have their own time limit.
    mutating func poll() -> [Effect] {
        var effects: [Effect] = []
        for index in workers.indices where workers[index].stage == .serving || workers[index].stage == .leaving {
            workers[index].silentPolls += 1
            guard workers[index].silentPolls == Self.silentPollsMax else { continue }
            effects += kill(index, "no sign of life for 10s", "it hangs or was stopped")
        }
        return effects
    }

    /// Handles a worker's violation of the protocol. Only the first one counts.
    mutating func breached(_ process: Int32, _ cause: String) -> [Effect] {
        guard let index = workers.firstIndex(where: { $0.process == process }), workers[index].causeOfDeath == nil else { return [] }
        return kill(index, cause, "it may be compromised")
    }

    private mutating func kill(_ index: Int, _ cause: String, _ guess: String) -> [Effect] {
        workers[index].causeOfDeath = cause
        let process = workers[index].process
        return [.report(.alert, "killing worker \(process): \(cause); \(guess)"), .signal(SIGKILL, to: process)]
    }

    /// Handles the end of a worker.
    mutating func ended(_ exit: ChildExit, now: Instant) -> [Effect] {
        guard let index = workers.firstIndex(where: { $0.process == exit.process }) else { return [] }
        let worker = workers.remove(at: index)
        var exit = exit
        exit.cause = worker.causeOfDeath
        if isStopping { return workers.isEmpty ? [.exit(0)] : [] }
        switch worker.stage {
        case .leaving:
            return exit.code == 0 ? [] : [.report(.warning, "old worker \(worker.process) died: \(exit.description); its sessions are lost")]
        case .starting(let reason):
            let rest = serving.map { "; worker \($0.process) keeps serving" } ?? ""
            return [.report(.warning, "new worker \(worker.process) \(exit.predicate) before it was ready\(rest)")]
                + failed(reason, code: exit.code ?? 1, now: now)
        case .serving where exit.code == 0:
            // An operator has stopped the worker, which means to stop the node.
            isStopping = true
            return workers.isEmpty ? [.exit(0)] : []
        case .serving:
            if worker.startedAt.duration(to: now) >= Self.stableServiceTime { consecutiveDeaths = 0 }
            lastDeath = exit
            let alert = Effect.report(.alert, "worker \(worker.process) died: \(exit.description); its sessions are lost, a new worker takes its place")
            // A worker that already starts is replacement enough.
            return [alert] + (isStarting ? [] : restart(now: now))
        }
    }

    /// Handles the time of a `retry`.
    mutating func retryDue() -> [Effect] {
        guard !isStopping, serving == nil, !isStarting, let lastDeath else { return [] }
        return [.start(.restart(of: lastDeath))]
    }

    /// Handles a request to reload. A reload during a worker's start waits for it.
    ///
    /// - Parameter isHard: whether the old worker's sessions are closed.
    mutating func reload(isHard: Bool) -> [Effect] {
        guard !isStopping else { return [.reloaded(false)] }
        reloads += 1
        guard !isStarting else {
            waitingReload = .reload(isHard: isHard || waitingReload == .reload(isHard: true))
            return []
        }
        return [.start(.reload(isHard: isHard))]
    }

    /// Handles a request to stop this node: the workers get the same signal.
    mutating func stop(by signal: Int32) -> [Effect] {
        isStopping = true
        return workers.isEmpty ? [.exit(0)] : workers.map { .signal(signal, to: $0.process) }
    }

    /// Handles the drain of the serving worker: no other worker replaces it.
    mutating func recordDrain() { isStopping = true }

    private mutating func failed(_ reason: StartReason, code: Int32, now: Instant) -> [Effect] {
        switch reason {
        case .first: return [.exit(code == 0 ? 1 : code)]
        case .reload:
            reloadsFailed += 1
            let next = nextReload()
            let needsRestart = next.isEmpty && serving == nil && !isStarting
            return [.reloaded(false)] + (needsRestart ? restart(now: now) : next)
        case .restart(let exit):
            lastDeath = exit
            return restart(now: now)
        }
    }

    private mutating func restart(now: Instant) -> [Effect] {
        guard let lastDeath, !isStopping else { return [] }
        defer { consecutiveDeaths += 1 }
        guard consecutiveDeaths > 0 else { return [.start(.restart(of: lastDeath))] }
        let factor = 1 << min(consecutiveDeaths - 1, 10)
        return [.retry(at: now.advanced(by: min(Self.retryPauseMax, Self.retryPauseMin * factor)))]
    }

    private mutating func nextReload() -> [Effect] {
        guard let reload = waitingReload, !isStopping else { return [] }
        waitingReload = nil
        return [.start(reload)]
    }
}
