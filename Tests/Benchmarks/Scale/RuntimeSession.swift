import Glibc
import LinuxIO
import Wire

/// A runtime socket connection that stays open: one question after the other.
final class RuntimeSession {
    private static let prompt = Array("\n> ".utf8)
    private static let readBytes = 1 << 16

    private let file: OpenFile

    /// Connects and turns the prompt on.
    init(_ path: String) throws {
        file = OpenFile(try Sockets.open(.stream, for: .unix(path)))
        _ = try Sockets.connect(file.raw, to: .unix(path))
        guard try ask("prompt", within: .seconds(2)) != nil else { throw RunError(message: "no prompt at \(path)") }
    }

    /// The answer to `command`, without the prompt and the empty line at its end. `nil` when it is not complete in time; then the session is unusable.
    func ask(_ command: String, within limit: Duration) throws -> String? {
        let end = MonotonicClock.now().advanced(by: limit)
        let line = Array((command + "\n").utf8)
        guard try Sockets.send(file.raw, line[...]) == line.count else { throw SystemError("send", code: EAGAIN) }
        var answer: [UInt8] = []
        while !answer.hasSuffix(Self.prompt) {
            let rest = MonotonicClock.now().duration(to: end).wholeMilliseconds
            guard rest > 0 else { return nil }
            var polled = pollfd(fd: file.raw, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, Int32(rest)) == 1 else {
                try Interruption.check()
                continue
            }
            guard let bytes = try Sockets.receive(file.raw, upTo: Self.readBytes) else { continue }
            guard !bytes.isEmpty else { throw RunError(message: "the runtime socket was closed after '\(command)'") }
            answer += bytes
        }
        let text = answer.dropLast(Self.prompt.count)
        return String(decoding: text.prefix(text.reversed().first == 10 ? text.count - 1 : text.count), as: UTF8.self)
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ bytes: [UInt8]) -> Bool { count >= bytes.count && self[(count - bytes.count)...].elementsEqual(bytes) }
}
