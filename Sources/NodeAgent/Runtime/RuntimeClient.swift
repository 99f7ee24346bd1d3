import Glibc
import LinuxIO
import Wire

/// The result of a command to a running node.
enum RuntimeAnswer: Equatable {
    /// The node's text, without surrounding white space; may be empty.
    case text(String)
    /// No node listens at the socket.
    case notRunning(SystemError)
    /// A node may run, but the exchange failed.
    case failed(SystemError)
}

/// Sends one command to a running node through its runtime socket.
struct RuntimeClient {
    static let answerBytesMax = 1 << 20

    /// The socket's path.
    let path: String
    /// The time limit for the whole exchange.
    var timeout = Duration.seconds(10)
    /// The time after which `report` gives the user the reason for the wait.
    var quietMax = Duration.seconds(1)
    /// Writes a line to the user.
    var report: (String) -> Void = { Terminal.report(.notice, $0) }

    /// A client for the node of a configuration: uses the first `stats socket` that is a path and has level admin.
    static func administrator(of configuration: AgentConfiguration) throws(StartError) -> RuntimeClient {
        let sockets = configuration.global.statsSockets
        for socket in sockets where socket.rights.level == .admin {
            if case .unix(let path) = socket.endpoint { return RuntimeClient(path: path) }
        }
        let paths = sockets.compactMap { socket in if case .unix(let path) = socket.endpoint { (socket, path) } else { nil } }
        if let (socket, path) = paths.first {
            throw StartError(
                "\(socket.location): this command needs level admin, but 'stats socket \(path)' has level \(socket.rights.level): "
                    + "write 'level admin' on this line and reload the node")
        }
        throw StartError("no runtime socket to reach the node: add 'stats socket /var/run/tsukada.sock level admin' to 'global' and restart it")
    }

    /// Sends `command`, without its line feed, and waits for the answer.
    func ask(_ command: String) -> RuntimeAnswer {
        do throws(SystemError) {
            return .text(try exchange(Array((command + "\n").utf8)))
        } catch {
            let isAbsent = error.call == "connect" && (error.isMissing || error.code == ECONNREFUSED)
            return isAbsent ? .notRunning(error) : .failed(error)
        }
    }

    private func exchange(_ command: [UInt8]) throws(SystemError) -> String {
        let start = MonotonicClock.now()
        let deadline = start.advanced(by: timeout)
        let address = SocketAddress.unix(path)
        let file = try Sockets.open(.stream, for: address)
        // A UNIX socket connects immediately or fails: EAGAIN means that its queue is full.
        _ = try Sockets.connect(file.raw, to: address)
        var rest = command[...]
        while !rest.isEmpty {
            try wait(file.raw, Int16(POLLOUT), until: deadline)
            rest = rest.dropFirst(try Sockets.send(file.raw, rest))
        }
        var answer: [UInt8] = []
        if try !isReady(file.raw, Int16(POLLIN), until: min(deadline, start.advanced(by: quietMax))) {
            let limit = "waiting up to \(timeout.wholeMilliseconds / 1_000)s"
            report("the node at \(path) has not answered yet: all its runtime connections are in use ('stats maxconn'), or it is busy; \(limit)")
        }
        while answer.count <= Self.answerBytesMax {
            try wait(file.raw, Int16(POLLIN), until: deadline)
            guard let bytes = try Sockets.receive(file.raw, upTo: 65_536) else { continue }
            if bytes.isEmpty { return Self.text(answer) }
            answer += bytes
        }
        throw SystemError("recv", code: EMSGSIZE)
    }

    private func wait(_ raw: Int32, _ events: Int16, until deadline: Instant) throws(SystemError) {
        guard try isReady(raw, events, until: deadline) else { throw SystemError("poll", code: ETIMEDOUT) }
    }

    /// Returns false if nothing has happened by `deadline`.
    private func isReady(_ raw: Int32, _ events: Int16, until deadline: Instant) throws(SystemError) -> Bool {
        let left = MonotonicClock.now().duration(to: deadline).wholeMilliseconds
        var descriptor = pollfd(fd: raw, events: events, revents: 0)
        let count = poll(&descriptor, 1, Int32(clamping: max(0, left)))
        guard count >= 0 || errno == EINTR else { throw .last("poll") }
        return count != 0
    }

    private static func text(_ bytes: [UInt8]) -> String {
        let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }
        var rest = bytes.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return String(decoding: rest, as: UTF8.self)
    }
}
