import LinuxIO

/// The messages that a master accepts from one worker, in order. No I/O.
///
///     the worker is       it may send                        and the master
///     starting, as root   sockets*, configuration            keeps them for the next worker
///     without privileges  state, ready                       keeps the state, and counts it as serving
///     serving             state, draining                    keeps the state; starts no other worker
///     leaving             lastState, once                    passes it on to the serving worker
///     any of these        alive; state while it does not serve: ignored
///
/// The next worker begins as root with these sockets and this configuration. A worker sends them before it reads from a client, and only once, so an
/// intruder in a serving worker can choose neither. Any other message from a worker is a breach, and the master kills the worker.
struct WorkerProtocol: Equatable, Sendable {
    /// A message without its files.
    enum Message: Equatable, Sendable {
        case configuration
        case sockets(Int)
        case state
        case lastState
        case ready
        case draining
        case alive
        /// A message that workers never send.
        case foreign
    }

    /// The master's reaction.
    enum Answer: Equatable, Sendable {
        /// Keep the message's files, in case this worker serves later.
        case keep
        /// Count the worker as serving.
        case serve
        /// Keep the state of the serving worker.
        case remember
        /// Pass the message to the serving worker.
        case passOn
        /// Note that the node drains.
        case recordDrain
        /// Ignore the message.
        case ignore
        /// Kill the worker, for this reason.
        case breach(String)
    }

    private enum Progress: Equatable {
        case opening(sockets: Int)
        case configured
        case stated
        case ready
        case over
    }

    /// The most messages between two polls of the master, a second apart: a worker sends about three, and up to 264 at its start.
    static let messagesMax = 1_000

    private var progress = Progress.opening(sockets: 0)
    private var messages = 0

    /// A worker that has sent nothing.
    init() {}

    /// Judges one message. `stage` is the worker's stage.
    mutating func judge(_ message: Message, stage: WorkerRoster.Stage) -> Answer {
        messages += 1
        guard messages <= Self.messagesMax else { return .breach("it sent more than \(Self.messagesMax) messages within a second") }
        switch (message, progress) {
        case (.sockets(let count), .opening(let sockets)):
            guard sockets + count <= InheritedSockets.socketsMax else { return .breach("it sent more than \(InheritedSockets.socketsMax) sockets") }
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
        case (.draining, .ready), (.draining, .over): return stage == .serving ? .recordDrain : .ignore
        case (.alive, _): return .ignore
        case (.sockets, _), (.configuration, _), (.state, _), (.ready, _), (.lastState, _), (.draining, _), (.foreign, _):
            return .breach("it sent the master an unexpected message")
        }
    }

    /// Resets the message count. The master calls it once a second.
    mutating func resetCount() { messages = 0 }
}

extension WorkerProtocol.Message {
    /// The kind of `message`.
    init(_ message: ProcessMessage) {
        switch message {
        case .configuration: self = .configuration
        case .sockets(let files): self = .sockets(files.count)
        case .state: self = .state
        case .lastState: self = .lastState
        case .ready: self = .ready
        case .draining: self = .draining
        case .alive: self = .alive
        case .takenOver, .replaced, .report, .runtime, .reloadFailed: self = .foreign
        }
    }
}
