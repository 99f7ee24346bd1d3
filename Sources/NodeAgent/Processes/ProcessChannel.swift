import Glibc
import LinuxIO
import Wire

/// A message between the processes of one node: a master and its worker, or a process and its successor.
///
///     first, the master or predecessor:  [configuration]  sockets*  state | lastState
///     the new process, still as root:    sockets*  configuration                         to a master, which keeps them
///     when it serves:                    state  ready                                    to a master
///                                        takenOver                                       to the process that it replaces
///     then, the predecessor:             lastState
///     a worker to its master:            alive, each second; state, every 1 to 5 seconds
enum ProcessMessage: Sendable {
    /// The configuration, as `ConfigurationSnapshot` encodes it.
    case configuration(OpenFile)
    /// Bound sockets, at most `DescriptorPassing.filesMax`.
    case sockets([OpenFile])
    /// The state of the sender (`AgentState`), which still serves.
    case state(OpenFile)
    /// The final state of the sender, which serves no longer.
    case lastState(OpenFile)
    /// The sender serves.
    case ready
    /// A successor serves: stop accepting, and end with the last session.
    case takenOver
    /// A successor serves: stop accepting, and end immediately.
    case replaced
    /// The sender drains, and so does the node.
    case draining
    /// Request for the present state.
    case report
    /// Request to serve this connection of the runtime socket.
    case runtime(OpenFile)
    /// Sign of life of a worker: the master kills a worker that does not send it.
    case alive
    /// A reload has failed, for the reason in this file; the worker logs it.
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
        case .draining: (10, [])
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
        case (10, _): self = .draining
        case (11, _): self = .alive
        case (12, let file?): self = .reloadFailed(file)
        default: return nil
        }
    }
}

extension ProcessMessage {
    /// The messages that pass `sockets`, of any number.
    static func passing(_ sockets: [OpenFile]) -> [ProcessMessage] {
        stride(from: 0, to: sockets.count, by: DescriptorPassing.filesMax).map {
            .sockets(Array(sockets[$0..<min($0 + DescriptorPassing.filesMax, sockets.count)]))
        }
    }
}

/// One end of a socket between two processes of a node.
final class ProcessChannel {
    /// The most messages that are handled per round of the reactor, so that a flood leaves time for other work.
    private static let messagesPerTurn = 64

    /// The socket.
    let file: OpenFile
    private var watching: Reactor?

    /// Wraps `file`, a connected, non-blocking UNIX stream socket.
    init(_ file: OpenFile) { self.file = file }

    deinit { stopWatching() }

    /// Sends `message`. Throws EAGAIN if the peer reads too slowly.
    func send(_ message: ProcessMessage) throws(SystemError) {
        let parts = message.parts
        try DescriptorPassing.send(parts.byte, parts.files, over: file.raw)
    }

    /// Sends messages in order, and waits for the peer to read them, at most `timeout` in all.
    func send(_ messages: [ProcessMessage], timeout: Duration) throws(SystemError) {
        let deadline = MonotonicClock.now().advanced(by: timeout)
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

    /// Waits for the next message until `deadline`; `nil` if none arrives, or the peer is gone or violates the protocol.
    func next(until deadline: Instant) -> ProcessMessage? {
        while MonotonicClock.now() < deadline {
            switch try? DescriptorPassing.receive(over: file.raw) {
            case .received(let passed)?: return ProcessMessage(passed)
            case .nothing?: guard wait(for: Int16(POLLIN), until: deadline) else { return nil }
            case .closed?, nil: return nil
            }
        }
        return nil
    }

    /// Calls `handler` with each message, and once with `nil` if the peer is gone or violates the protocol.
    func watch(on reactor: Reactor, _ handler: @escaping (ProcessMessage?) -> Void) throws(SystemError) {
        try reactor.watch(file.raw, for: .read) { [weak self] _ in
            guard let self else { return }
            for _ in 0..<Self.messagesPerTurn where watching != nil {
                switch try? DescriptorPassing.receive(over: file.raw) {
                case .nothing?: return
                case .received(let passed)?:
                    if let message = ProcessMessage(passed) { handler(message) } else { fallthrough }
                case .closed?, nil:
                    stopWatching()
                    handler(nil)
                }
            }
        }
        watching = reactor
    }

    /// Stops calling the handler.
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
