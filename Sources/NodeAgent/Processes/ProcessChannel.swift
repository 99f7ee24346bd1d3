import Glibc
import LinuxIO
import Wire

/// What the processes of one node tell each other: a master and its worker, a process and the one that takes over from it.
///
///     first the one that hands over:  [configuration]  sockets*  state | lastState
///     the other, still as root:       sockets*  configuration                         to a master, which remembers them
///     and when it serves:             state  ready                                    to a master
///                                     takenOver                                       to the process that it replaces
///     then the one that handed over:  lastState
///     a worker to its master:         alive, each second; state, now and then
enum ProcessMessage: Sendable {
    /// The configuration, as `ConfigurationSnapshot` encodes it.
    case configuration(OpenFile)
    /// Bound sockets, at most `DescriptorPassing.filesMax`.
    case sockets([OpenFile])
    /// What it knows (`AgentState`), while it still serves.
    case state(OpenFile)
    /// What it knew when it gave up: from here on the other is alone.
    case lastState(OpenFile)
    /// It serves.
    case ready
    /// A successor serves: stop accepting, end with the last session.
    case takenOver
    /// The same, but end at once.
    case replaced
    /// It drains, and with it the node.
    case leaving
    /// Say what you know now.
    case report
    /// Serve this as a connection of the runtime socket.
    case runtime(OpenFile)
    /// It runs: a worker that does not say so is not left as it is.
    case alive
    /// A reload has failed, for the reason in this file: log it.
    case reloadFailed(OpenFile)

    fileprivate var parts: (byte: UInt8, files: [OpenFile]) {
        switch self {
        case .configuration(let file): (1, [file])
        case .sockets(let files): (2, files)
        case .state(let file): (3, [file])
        case .lastState(let file): (4, [file])
        case .ready: (5, [])
        case .takenOver: (6, [])
        case .report: (7, [])
        case .runtime(let file): (8, [file])
        case .replaced: (9, [])
        case .leaving: (10, [])
        case .alive: (11, [])
        case .reloadFailed(let file): (12, [file])
        }
    }

    fileprivate init?(_ passed: PassedFiles) {
        switch (passed.byte, passed.files.first) {
        case (1, let file?): self = .configuration(file)
        case (2, _): self = .sockets(passed.files)
        case (3, let file?): self = .state(file)
        case (4, let file?): self = .lastState(file)
        case (5, _): self = .ready
        case (6, _): self = .takenOver
        case (7, _): self = .report
        case (8, let file?): self = .runtime(file)
        case (9, _): self = .replaced
        case (10, _): self = .leaving
        case (11, _): self = .alive
        case (12, let file?): self = .reloadFailed(file)
        default: return nil
        }
    }
}

extension ProcessMessage {
    /// The messages that pass `sockets`, however many.
    static func passing(_ sockets: [OpenFile]) -> [ProcessMessage] {
        stride(from: 0, to: sockets.count, by: DescriptorPassing.filesMax).map {
            .sockets(Array(sockets[$0..<min($0 + DescriptorPassing.filesMax, sockets.count)]))
        }
    }
}

/// One end of a socket between two processes of a node.
final class ProcessChannel {
    /// The most messages that are taken in one turn of the reactor, so that a flood leaves time for everything else.
    private static let messagesPerTurn = 64

    /// The socket.
    let file: OpenFile
    private var watching: Reactor?

    /// Speaks over `file`, a connected UNIX stream socket that does not block.
    init(_ file: OpenFile) { self.file = file }

    deinit { stopWatching() }

    /// Sends `message`, or throws: EAGAIN when the other reads too slowly.
    func send(_ message: ProcessMessage) throws(SystemError) {
        let parts = message.parts
        try DescriptorPassing.send(parts.byte, parts.files, over: file.raw)
    }

    /// Sends messages one after the other, and waits for the other to read them, at most `patience` in all.
    func send(_ messages: [ProcessMessage], patience: Duration) throws(SystemError) {
        let deadline = MonotonicClock.now().advanced(by: patience)
        for message in messages {
            while true {
                do throws(SystemError) {
                    try send(message)
                    break
                } catch {
                    guard error.code == EAGAIN, wait(for: Int16(POLLOUT), until: deadline) else { throw error }
                }
            }
        }
    }

    /// The next message, waited for until `deadline`; `nil` when none has come by then, or the other is gone or does not speak like this.
    func next(until deadline: Instant) -> ProcessMessage? {
        while MonotonicClock.now() < deadline {
            switch try? DescriptorPassing.receive(over: file.raw) {
            case .came(let passed)?: return ProcessMessage(passed)
            case .nothing?: guard wait(for: Int16(POLLIN), until: deadline) else { return nil }
            case .ended?, nil: return nil
            }
        }
        return nil
    }

    /// Calls `handler` with each message that comes, and with `nil` once, when the other is gone or does not speak like this.
    func watch(on reactor: Reactor, _ handler: @escaping (ProcessMessage?) -> Void) throws(SystemError) {
        try reactor.watch(file.raw, for: .read) { [weak self] _ in
            guard let self else { return }
            for _ in 0..<Self.messagesPerTurn where watching != nil {
                switch try? DescriptorPassing.receive(over: file.raw) {
                case .nothing?: return
                case .came(let passed)?:
                    if let message = ProcessMessage(passed) { handler(message) } else { fallthrough }
                case .ended?, nil:
                    stopWatching()
                    handler(nil)
                }
            }
        }
        watching = reactor
    }

    /// Listens no more.
    func stopWatching() {
        watching?.unwatch(file.raw)
        watching = nil
    }

    private func wait(for events: Int16, until deadline: Instant) -> Bool {
        let rest = MonotonicClock.now().duration(to: deadline)
        guard rest > .zero else { return false }
        var request = pollfd(fd: file.raw, events: events, revents: 0)
        let ready = poll(&request, 1, Int32(clamping: rest.wholeMilliseconds + 1))
        return ready > 0 || ready < 0 && errno == EINTR
    }
}
