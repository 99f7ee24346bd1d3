import Glibc
import LinuxIO
import Wire

/// What became of a command to a running node.
enum RuntimeAnswer: Equatable {
    /// The node's text, without the blanks around it; empty when there is nothing to say.
    case text(String)
    /// No node listens there.
    case notRunning(SystemError)
    /// A node may run, but could not be asked.
    case failed(SystemError)
}

/// Gives one command to a running node through its runtime socket.
struct RuntimeClient {
    static let answerBytesMax = 1 << 20

    /// The socket's path.
    let path: String
    /// For the whole conversation.
    var timeout = Duration.seconds(10)

    /// Sends `command`, without its line feed, and waits for the answer.
    func ask(_ command: String) -> RuntimeAnswer {
        do throws(SystemError) {
            return .text(try converse(Array((command + "\n").utf8)))
        } catch {
            let isAbsent = error.call == "connect" && (error.isMissing || error.code == ECONNREFUSED)
            return isAbsent ? .notRunning(error) : .failed(error)
        }
    }

    private func converse(_ command: [UInt8]) throws(SystemError) -> String {
        let deadline = MonotonicClock.now().advanced(by: timeout)
        let address = SocketAddress.unix(path)
        let file = try Sockets.open(.stream, for: address)
        // A UNIX socket connects at once, or not: EAGAIN says that too many others wait.
        _ = try Sockets.connect(file.raw, to: address)
        var rest = command[...]
        while !rest.isEmpty {
            try wait(file.raw, Int16(POLLOUT), until: deadline)
            rest = rest.dropFirst(try Sockets.send(file.raw, rest))
        }
        var answer: [UInt8] = []
        while answer.count <= Self.answerBytesMax {
            try wait(file.raw, Int16(POLLIN), until: deadline)
            guard let bytes = try Sockets.receive(file.raw, upTo: 65_536) else { continue }
            if bytes.isEmpty { return Self.text(answer) }
            answer += bytes
        }
        throw SystemError("recv", code: EMSGSIZE)
    }

    private func wait(_ raw: Int32, _ events: Int16, until deadline: Instant) throws(SystemError) {
        let left = MonotonicClock.now().duration(to: deadline).wholeMilliseconds
        var descriptor = pollfd(fd: raw, events: events, revents: 0)
        let count = poll(&descriptor, 1, Int32(clamping: max(0, left)))
        guard count >= 0 || errno == EINTR else { throw .last("poll") }
        guard count != 0 else { throw SystemError("poll", code: ETIMEDOUT) }
    }

    private static func text(_ bytes: [UInt8]) -> String {
        let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }
        var rest = bytes.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return String(decoding: rest, as: UTF8.self)
    }
}
