import LinuxIO

/// What a master accepts from one worker, message by message. No I/O.
///
///     the worker is       it may send                        and the master
///     starting, as root   sockets*, configuration            keeps them for the next worker
///     without privileges  state, ready                       keeps the state, and lets it serve
///     serving             state, leaving                     keeps the state; starts no other worker
///     leaving             lastState, once                    passes it on to the worker that serves
///     any of these        alive; state while it does not serve: ignored
///
/// The next worker begins as root with these sockets and this configuration. A worker sends them before it hears a client, and only once: an intruder
/// in a serving worker can choose neither. Any other message from a worker is a breach, and the master kills the worker.
struct WorkerConversation: Equatable, Sendable {
    /// A message without its files.
    enum Word: Equatable, Sendable {
        case configuration
        case sockets(Int)
        case state
        case lastState
        case ready
        case leaving
        case alive
        /// A message that is not a worker's to send.
        case foreign
    }

    /// The master's reaction.
    enum Answer: Equatable, Sendable {
        /// Keeps the message's files, in case this worker comes to serve.
        case keep
        /// Lets the worker serve.
        case serve
        /// Keeps the state of the worker that serves.
        case remember
        /// Gives the message to the worker that serves.
        case passOn
        /// The node drains.
        case leave
        /// Nothing.
        case ignore
        /// Kills the worker, for this reason.
        case breach(String)
    }

    private enum Progress: Equatable {
        case opening(sockets: Int)
        case configured
        case stated
        case ready
        case over
    }

    /// The most messages between two of the master's checks, a second apart: a worker sends about three, and up to 264 at its start.
    static let wordsMax = 1_000

    private var progress = Progress.opening(sockets: 0)
    private var words = 0

    /// A worker that has sent nothing.
    init() {}

    /// Takes one message. `stage` is the worker's stage in its life.
    mutating func hear(_ word: Word, stage: WorkerRoster.Stage) -> Answer {
        words += 1
        guard words <= Self.wordsMax else { return .breach("it has sent more than \(Self.wordsMax) messages within a second") }
        switch (word, progress) {
        case (.sockets(let count), .opening(let sockets)):
            guard sockets + count <= InheritedSockets.socketsMax else { return .breach("it has sent more than \(InheritedSockets.socketsMax) sockets") }
            progress = .opening(sockets: sockets + count)
            return .keep
        case (.configuration, .opening):
            progress = .configured
            return .keep
        case (.state, .configured):
            progress = .stated
            return .keep
        case (.ready, .stated):
            progress = .ready
            return .serve
        case (.lastState, .ready) where stage == .leaving:
            progress = .over
            return .passOn
        case (.state, .ready), (.state, .over): return stage == .serving ? .remember : .ignore
        case (.leaving, .ready), (.leaving, .over): return stage == .serving ? .leave : .ignore
        case (.alive, _): return .ignore
        case (.sockets, _), (.configuration, _), (.state, _), (.ready, _), (.lastState, _), (.leaving, _), (.foreign, _):
            return .breach("it has sent the master a message that no worker sends at this point")
        }
    }

    /// Starts the next second's count; the master calls it once a second.
    mutating func look() { words = 0 }
}

extension WorkerConversation.Word {
    /// The name of `message` in log lines.
    init(_ message: ProcessMessage) {
        switch message {
        case .configuration: self = .configuration
        case .sockets(let files): self = .sockets(files.count)
        case .state: self = .state
        case .lastState: self = .lastState
        case .ready: self = .ready
        case .leaving: self = .leaving
        case .alive: self = .alive
        case .takenOver, .replaced, .report, .runtime, .reloadFailed: self = .foreign
        }
    }
}
