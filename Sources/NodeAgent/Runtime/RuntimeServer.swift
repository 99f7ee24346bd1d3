import Glibc
import LinuxIO
import Wire

/// Serves the runtime sockets on the control thread's reactor.
///
/// In each round of the reactor's loop one connection composes one piece of an answer, in turn, so that clients cannot starve the other work of the
/// control thread. A connection holds at most `inputBytesMax` bytes of a line and one piece of an answer. The next piece is composed only when the client
/// has received the last one.
///
/// `stats maxconn` connections have a place. Up to `waitingMax` more connections to sockets of level admin are accepted without one: their urgent commands are
/// answered, everything else waits for a place. All others wait in the kernel's queue.
final class RuntimeServer {
    /// The longest line, in bytes.
    static let inputBytesMax = 16 * 1024
    /// The longest answer to a line, in bytes.
    static let outputBytesMax = 8 * 1024 * 1024
    /// The most connections of level admin that are accepted without a place.
    static let waitingMax = 16
    /// How long listeners rest when the process has no free descriptor.
    private static let exhaustionPause = Duration.milliseconds(100)
    /// The most connections that a listener accepts in one round.
    private static let acceptsMax = 16

    private struct Listener {
        let file: OpenFile
        let rights: RuntimeRights
        /// `maxconn` of its line; `nil` for `stats maxconn` alone.
        let connectionsMax: Int?
        var isWatched = false
    }

    private let reactor: Reactor
    private let interpreter: any LineInterpreter
    private let handOver: (OpenFile, RuntimePlace) -> Void
    private let connectionsMax: Int
    private let timeout: Duration
    private var listeners: [Listener] = []
    private var connections: [Int32: RuntimeConnection] = [:]
    /// The listener that each connection comes from, by its file; none for a connection from elsewhere.
    private var origins: [Int32: OpenFile] = [:]
    /// Connections without a place, the oldest first.
    private var waiting: [RuntimeConnection] = []
    /// Connections that have requested a turn, the next one first.
    private var turns: [RuntimeConnection] = []
    private var isTurnDue = false
    private var isAbandoned = false
    private var pause: TimerToken?

    /// A server without listeners.
    ///
    /// - Parameters:
    ///   - interpreter: runs the lines.
    ///   - connectionsMax: `stats maxconn`.
    ///   - timeout: `stats timeout`, until a connection sets its own.
    ///   - handOver: receives a connection whose other end takes over from this process, and its place.
    init(
        reactor: Reactor, interpreter: any LineInterpreter, connectionsMax: Int, timeout: Duration,
        handOver: @escaping (OpenFile, RuntimePlace) -> Void = { _, _ in }
    ) {
        self.reactor = reactor
        (self.interpreter, self.handOver) = (interpreter, handOver)
        self.connectionsMax = max(1, connectionsMax)
        self.timeout = timeout
    }

    /// The number of open connections, without those that were handed over.
    var connectionsCurrent: Int { connections.values.count { $0.isOpen } }

    /// Serves a listening, non-blocking socket.
    ///
    /// - Parameter connectionsMax: the most connections of this socket with a place; `nil` for no limit besides `stats maxconn`.
    func serve(_ file: OpenFile, rights: RuntimeRights, connectionsMax: Int? = nil) throws(SystemError) {
        listeners.append(Listener(file: file, rights: rights, connectionsMax: connectionsMax))
        try watchListeners()
    }

    /// Serves a connected, non-blocking socket, even beyond `connectionsMax`; closes it if it cannot be watched.
    func serve(connection file: OpenFile, rights: RuntimeRights) {
        do throws(SystemError) { try open(file, rights: rights, from: nil) } catch {}
    }

    /// Closes the listeners at network addresses. Those at UNIX paths stay open, and answer that another process may take the paths.
    func abandon() {
        isAbandoned = true
        for listener in listeners {
            guard case .ip? = Sockets.localAddress(listener.file.raw) else { continue }
            if listener.isWatched { reactor.unwatch(listener.file.raw) }
            listeners.removeAll { $0.file === listener.file }
        }
        // A new process asks for the path here, however many clients are connected.
        do throws(SystemError) { try watchListeners() } catch { pauseListeners() }
    }

    /// Closes every listener; connections continue.
    func stopListening() {
        if let pause { reactor.cancel(pause) }
        pause = nil
        for listener in listeners where listener.isWatched { reactor.unwatch(listener.file.raw) }
        listeners = []
    }

    /// Closes every listener and connection.
    func close() {
        stopListening()
        for connection in connections.values { connection.forget() }
        (connections, origins, waiting, turns) = ([:], [:], [], [])
    }

    // MARK: Places

    private var placesTaken: Int { connections.count - waiting.count }

    /// Whether a connection from this listener can have a place.
    private func hasRoom(_ listener: Listener) -> Bool {
        guard placesTaken < connectionsMax else { return false }
        guard let limit = listener.connectionsMax else { return true }
        return connections.count { $0.value.hasPlace && origins[$0.key] === listener.file } < limit
    }

    /// Whether a waiting connection can have a place. Its listener may have been closed.
    private func mayHavePlace(_ connection: RuntimeConnection) -> Bool {
        let origin = origins[connection.file.raw]
        return listeners.first { $0.file === origin }.map { hasRoom($0) } ?? (placesTaken < connectionsMax)
    }

    private func accepts(_ listener: Listener) -> Bool {
        guard pause == nil else { return false }
        return hasRoom(listener) || (listener.rights.level == .admin || isAbandoned) && waiting.count < Self.waitingMax
    }

    /// Watches only the listeners that may accept one more connection.
    private func watchListeners() throws(SystemError) {
        for index in listeners.indices {
            let (listener, file) = (listeners[index], listeners[index].file)
            let isWanted = accepts(listener)
            guard isWanted != listeners[index].isWatched else { continue }
            if isWanted {
                try reactor.watch(file.raw, for: .read) { [weak self] _ in self?.accept(from: listener) }
            } else {
                reactor.unwatch(file.raw)
            }
            listeners[index].isWatched = isWanted
        }
    }

    private func accept(from listener: Listener) {
        do throws(SystemError) {
            for _ in 0..<Self.acceptsMax where accepts(listener) {
                guard let descriptor = try Sockets.accept(listener.file.raw) else { break }
                try open(OpenFile(descriptor), rights: listener.rights, from: listener)
            }
            try watchListeners()
        } catch {
            pauseListeners()
        }
    }

    /// Serves a connection from `listener`, or, with `nil`, one from elsewhere, which always has a place.
    private func open(_ file: OpenFile, rights: RuntimeRights, from listener: Listener?) throws(SystemError) {
        let hasPlace = listener.map { hasRoom($0) } ?? true
        var session = RuntimeSession(level: rights.level, timeout: timeout)
        session.exposesListeners = rights.exposesListeners
        session.severityOutput = rights.severityOutput
        session.isAbandoned = isAbandoned
        let handlers = RuntimeConnection.Handlers(
            requestTurn: { [weak self] in self?.enqueue($0) }, handOver: handOver, ended: { [weak self] in self?.ended($0) })
        let connection = RuntimeConnection(
            file: file, session: session, hasPlace: hasPlace, reactor: reactor, interpreter: interpreter, handlers: handlers)
        try connection.start()
        connections[file.raw] = connection
        origins[file.raw] = listener?.file
        if !hasPlace { waiting.append(connection) }
    }

    private func ended(_ connection: RuntimeConnection) {
        guard connections[connection.file.raw] === connection else { return }
        (connections[connection.file.raw], origins[connection.file.raw]) = (nil, nil)
        waiting.removeAll { $0 === connection }
        if let next = waiting.firstIndex(where: { mayHavePlace($0) }) { waiting.remove(at: next).assignPlace() }
        do throws(SystemError) { try watchListeners() } catch { pauseListeners() }
    }

    /// Stops accepting for a while.
    private func pauseListeners() {
        for index in listeners.indices where listeners[index].isWatched {
            reactor.unwatch(listeners[index].file.raw)
            listeners[index].isWatched = false
        }
        guard pause == nil else { return }
        pause = reactor.setTimer(at: reactor.now.advanced(by: Self.exhaustionPause)) { [weak self] in
            guard let self else { return }
            pause = nil
            do throws(SystemError) { try watchListeners() } catch { pauseListeners() }
        }
    }

    // MARK: Turns

    private func enqueue(_ connection: RuntimeConnection) {
        // A line that is not urgent requests a turn again once the connection has a place.
        guard connection.mayTakeTurn else { return }
        turns.append(connection)
        scheduleTurn()
    }

    private func scheduleTurn() {
        guard !isTurnDue, !turns.isEmpty else { return }
        isTurnDue = true
        reactor.inNextRound { [weak self] in self?.runNextTurn() }
    }

    /// Makes the next connection compose one piece.
    private func runNextTurn() {
        isTurnDue = false
        while let connection = turns.first {
            turns.removeFirst()
            guard connection.isOpen else { continue }
            connection.takeTurn()
            break
        }
        scheduleTurn()
    }
}
