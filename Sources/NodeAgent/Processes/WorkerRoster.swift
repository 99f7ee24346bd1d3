import Glibc
import LinuxIO
import Proxy
import Wire

/// What a master decides: which worker process serves, and what is to be done when one starts, serves, ends, or is to be replaced. No I/O.
///
///     starting --ready--> serving --another is ready--> leaving --its last session ends--> gone
///        |                   |
///        ends: a reload has failed; the first start: so has the master
///                            dies: another is started at once, later when it keeps dying
///
/// One that is not heard of for ten looks, serving or leaving, is killed: it is stopped, or its control thread hangs.
struct WorkerRoster {
    /// Where a worker stands.
    enum Stage: Equatable, Sendable {
        case starting(StartReason)
        case serving
        case leaving
    }

    /// Why a worker is started.
    enum StartReason: Equatable, Sendable {
        /// With the master.
        case first
        /// To read the configuration again; a hard one closes the sessions of the worker before.
        case reload(isHard: Bool)
        /// In the place of one that has died: with the configuration that it had.
        case restart(of: ChildExit)
    }

    /// One worker process.
    struct Worker: Equatable, Sendable {
        /// Its number.
        let process: Int32
        /// Where it stands.
        var stage: Stage
        /// When it was started.
        let startedAt: Instant
        /// Reloads since.
        var reloads = 0
        /// The master's looks since its last word.
        var silentLooks = 0
        /// Why the master has killed it.
        var causeOfDeath: String?
    }

    /// What is to be done.
    enum Effect: Equatable, Sendable {
        /// Start a worker and report `started` or `startFailed`.
        case start(StartReason)
        /// Call `retryDue` at this time.
        case retry(at: Instant)
        /// Send this signal.
        case signal(Int32, to: Int32)
        /// Tell this worker that it has a successor.
        case takenOver(Int32)
        /// Tell this worker that it has one, and is to end with its sessions at once.
        case replaced(Int32)
        /// The first worker serves.
        case serving
        /// A reload has ended: whether a new worker serves.
        case reloaded(Bool)
        /// Tell people.
        case tell(DiagnosticSeverity, String)
        /// End the master.
        case exit(Int32)
    }

    /// A worker that has served this long was no failure.
    static let goodService = Duration.seconds(1)
    /// Between two looks at the workers, each of which says more often that it runs.
    static let lookInterval = Duration.seconds(1)
    /// Looks without a word until a worker is killed: ten seconds. Looks, not time: when everything has stood still, the master has not looked either.
    static let silentLooksMax = 10
    private static let retryFirst = Duration.milliseconds(100)
    private static let retryLongest = Duration.seconds(5)

    /// All that live.
    private(set) var workers: [Worker] = []
    /// Reloads asked for, and how many of them came to nothing.
    private(set) var reloads = 0
    private(set) var reloadsFailed = 0
    private(set) var isStopping = false
    private var deathsInARow = 0
    /// The reload that waits for a worker to start.
    private var waitingReload: StartReason?
    private var lastDeath: ChildExit?

    /// No worker yet.
    init() {}

    /// The one that serves.
    var serving: Worker? { workers.first { $0.stage == .serving } }

    private var isStarting: Bool { workers.contains { if case .starting = $0.stage { true } else { false } } }

    /// A worker has been started.
    mutating func started(_ process: Int32, for reason: StartReason, now: Instant) {
        workers.append(Worker(process: process, stage: .starting(reason), startedAt: now))
    }

    /// A worker could not even be started.
    mutating func startFailed(for reason: StartReason, now: Instant) -> [Effect] { failed(reason, code: 1, now: now) }

    /// A worker serves: the one that did so far has a successor. One that comes to serve while the node stops is ended at once.
    mutating func ready(_ process: Int32) -> [Effect] {
        guard !isStopping else { return [.signal(SIGINT, to: process)] }
        guard let index = workers.firstIndex(where: { $0.process == process }), case .starting(let reason) = workers[index].stage else { return [] }
        var effects: [Effect] = []
        for other in workers.indices where workers[other].stage == .serving {
            workers[other].stage = .leaving
            effects.append(reason == .reload(isHard: true) ? .replaced(workers[other].process) : .takenOver(workers[other].process))
        }
        workers[index].stage = .serving
        switch reason {
        case .first: effects.append(.serving)
        case .reload:
            for other in workers.indices where other != index { workers[other].reloads += 1 }
            effects += [.tell(.notice, "the configuration has been read again: worker (\(process)) serves"), .reloaded(true)]
        case .restart: break
        }
        return effects + nextReload()
    }

    /// A worker has said something.
    mutating func heard(_ process: Int32) {
        if let index = workers.firstIndex(where: { $0.process == process }) { workers[index].silentLooks = 0 }
    }

    /// The master looks whether all workers have been heard of. One that is starting has a time of its own.
    mutating func look() -> [Effect] {
        var effects: [Effect] = []
        for index in workers.indices where workers[index].stage == .serving || workers[index].stage == .leaving {
            workers[index].silentLooks += 1
            guard workers[index].silentLooks == Self.silentLooksMax else { continue }
            effects += kill(index, "it has not been heard of for 10s", "it hangs, or somebody has stopped it")
        }
        return effects
    }

    /// A worker has broken the protocol. Only the first breach counts.
    mutating func breached(_ process: Int32, _ cause: String) -> [Effect] {
        guard let index = workers.firstIndex(where: { $0.process == process }), workers[index].causeOfDeath == nil else { return [] }
        return kill(index, cause, "somebody may have taken it over")
    }

    private mutating func kill(_ index: Int, _ cause: String, _ guess: String) -> [Effect] {
        workers[index].causeOfDeath = cause
        let process = workers[index].process
        return [.tell(.alert, "worker (\(process)) is killed: \(cause); \(guess)"), .signal(SIGKILL, to: process)]
    }

    /// A worker has ended.
    mutating func ended(_ exit: ChildExit, now: Instant) -> [Effect] {
        guard let index = workers.firstIndex(where: { $0.process == exit.process }) else { return [] }
        let worker = workers.remove(at: index)
        var exit = exit
        exit.cause = worker.causeOfDeath
        if isStopping { return workers.isEmpty ? [.exit(0)] : [] }
        switch worker.stage {
        case .leaving:
            return exit.code == 0 ? [] : [.tell(.warning, "former worker (\(worker.process)) died: \(exit.description)")]
        case .starting(let reason):
            let rest = serving == nil ? "" : "; the one before goes on"
            return [.tell(.warning, "worker (\(worker.process)) did not come to serve: \(exit.description)\(rest)")]
                + failed(reason, code: exit.code ?? 1, now: now)
        case .serving where exit.code == 0:
            // Somebody has told it to stop, and so this node.
            isStopping = true
            return workers.isEmpty ? [.exit(0)] : []
        case .serving:
            if worker.startedAt.duration(to: now) >= Self.goodService { deathsInARow = 0 }
            lastDeath = exit
            let alert = Effect.tell(.alert, "worker (\(worker.process)) died: \(exit.description); its sessions are lost, another is started")
            // One that is on its way to replace it is enough.
            return [alert] + (isStarting ? [] : restart(now: now))
        }
    }

    /// `retry`'s time has come.
    mutating func retryDue() -> [Effect] {
        guard !isStopping, serving == nil, !isStarting, let lastDeath else { return [] }
        return [.start(.restart(of: lastDeath))]
    }

    /// Somebody wants the configuration to be read again. A reload that comes while a worker starts waits for it.
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

    /// Somebody wants this node to stop: the workers get the same signal.
    mutating func stop(by signal: Int32) -> [Effect] {
        isStopping = true
        return workers.isEmpty ? [.exit(0)] : workers.map { .signal(signal, to: $0.process) }
    }

    /// The worker that serves drains: no other one takes its place.
    mutating func leave() { isStopping = true }

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
        defer { deathsInARow += 1 }
        guard deathsInARow > 0 else { return [.start(.restart(of: lastDeath))] }
        let factor = 1 << min(deathsInARow - 1, 10)
        return [.retry(at: now.advanced(by: min(Self.retryLongest, Self.retryFirst * factor)))]
    }

    private mutating func nextReload() -> [Effect] {
        guard let reload = waitingReload, !isStopping else { return [] }
        waitingReload = nil
        return [.start(reload)]
    }
}
