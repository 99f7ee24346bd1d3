import Glibc
import LinuxIO
import Wire

/// Serves the runtime sockets on the control thread's reactor.
///
/// A connection has at most `inputBytesMax` bytes of a line and `outputBytesMax` bytes of an answer; the next line is read only when the
/// last answer has been taken. A connection beyond `connectionsMax` waits in the kernel's queue.
final class RuntimeServer {
    /// The longest line, in bytes.
    static let inputBytesMax = 16 * 1024
    /// The longest answer, in bytes.
    static let outputBytesMax = 8 * 1024 * 1024
    /// How long a listener rests when the process has no descriptor left.
    private static let exhaustionPause = Duration.milliseconds(100)

    private struct Listener {
        let file: OpenFile
        let rights: RuntimeRights
    }

    private let reactor: Reactor
    private let interpreter: any LineInterpreter
    private let handOver: (OpenFile) -> Void
    private let connectionsMax: Int
    private let timeout: Duration
    private var listeners: [Listener] = []
    private var connections: [Int32: RuntimeConnection] = [:]
    private var isAccepting = true
    private var pause: TimerToken?

    /// A server without listeners.
    ///
    /// - Parameters:
    ///   - interpreter: runs the lines.
    ///   - connectionsMax: `stats maxconn`.
    ///   - timeout: `stats timeout`, until a connection sets its own.
    ///   - handOver: gets a connection whose other end takes over from this process.
    init(
        reactor: Reactor, interpreter: any LineInterpreter, connectionsMax: Int, timeout: Duration, handOver: @escaping (OpenFile) -> Void = { _ in }
    ) {
        self.reactor = reactor
        (self.interpreter, self.handOver) = (interpreter, handOver)
        self.connectionsMax = max(1, connectionsMax)
        self.timeout = timeout
    }

    /// How many connections are open.
    var connectionsCurrent: Int { connections.count }

    /// Serves a listening, non-blocking socket.
    func serve(_ file: OpenFile, rights: RuntimeRights) throws(SystemError) {
        let listener = Listener(file: file, rights: rights)
        if isAccepting { try watch(listener) }
        listeners.append(listener)
    }

    /// Serves a connected, non-blocking socket beyond `connectionsMax`; one that cannot be watched is closed.
    func serve(connection file: OpenFile, rights: RuntimeRights) {
        do throws(SystemError) { try open(file, rights: rights) } catch {}
    }

    /// Closes every listener; connections go on.
    func stopListening() {
        if let pause { reactor.cancel(pause) }
        pause = nil
        if isAccepting { for listener in listeners { reactor.unwatch(listener.file.raw) } }
        listeners = []
    }

    /// Closes every listener and connection.
    func close() {
        stopListening()
        for connection in connections.values { connection.forget() }
        connections = [:]
    }

    private func watch(_ listener: Listener) throws(SystemError) {
        try reactor.watch(listener.file.raw, for: .read) { [weak self] _ in self?.accept(from: listener) }
    }

    private func accept(from listener: Listener) {
        while isAccepting {
            do throws(SystemError) {
                guard let descriptor = try Sockets.accept(listener.file.raw) else { return }
                try open(OpenFile(descriptor), rights: listener.rights)
            } catch {
                rest(until: Self.exhaustionPause)
                return
            }
            if connections.count >= connectionsMax { rest(until: nil) }
        }
    }

    private func open(_ file: OpenFile, rights: RuntimeRights) throws(SystemError) {
        var session = RuntimeSession(level: rights.level, timeout: timeout)
        session.exposesListeners = rights.exposesListeners
        let handlers = RuntimeConnection.Handlers(handOver: handOver) { [weak self] raw in self?.ended(raw) }
        let connection = RuntimeConnection(file: file, session: session, reactor: reactor, interpreter: interpreter, handlers: handlers)
        try connection.start()
        connections[file.raw] = connection
    }

    private func ended(_ raw: Int32) {
        connections[raw] = nil
        if pause == nil { resume() }
    }

    /// Stops accepting: for `duration`, or until a connection ends.
    private func rest(until duration: Duration?) {
        if isAccepting { for listener in listeners { reactor.unwatch(listener.file.raw) } }
        isAccepting = false
        guard let duration, pause == nil else { return }
        pause = reactor.setTimer(at: reactor.now.advanced(by: duration)) { [weak self] in
            self?.pause = nil
            self?.resume()
        }
    }

    private func resume() {
        guard !isAccepting, connections.count < connectionsMax else { return }
        isAccepting = true
        do throws(SystemError) {
            for listener in listeners { try watch(listener) }
        } catch {
            rest(until: Self.exhaustionPause)
        }
    }
}
