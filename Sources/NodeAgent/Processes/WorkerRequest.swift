import Glibc
import LinuxIO
import Wire

/// One line that a worker runs for the master, over a connection of the worker's runtime socket that is made for it.
final class WorkerRequest {
    /// The answer in place of a worker that does not respond.
    static let noAnswer = Array("The worker does not answer.\n\n".utf8)
    /// How long the worker may take for the next piece of its answer.
    private static let timeout = Duration.seconds(10)
    /// The longest answer: the worker's own limit, and the sentence that reports it.
    private static let answerBytesMax = RuntimeServer.outputBytesMax + 4096
    private static let readBytes = 65_536

    private let file: OpenFile
    private let reactor: Reactor
    private let answer: ([UInt8]) -> Void
    private var received: [UInt8] = []
    private var timer: TimerToken?
    private var isOver = false

    /// Sends `line` to the worker at the other end of `channel`.
    init(_ line: String, over channel: ProcessChannel, on reactor: Reactor, _ answer: @escaping ([UInt8]) -> Void) throws(SystemError) {
        let (own, other) = try DescriptorPassing.pair()
        (file, self.reactor, self.answer) = (own, reactor, answer)
        let bytes = Array((line + "\n").utf8)
        guard try Sockets.send(own.raw, bytes[...]) == bytes.count else { throw SystemError("send", code: EAGAIN) }
        try channel.send(.runtime(other))
    }

    /// Waits for the answer, which ends with the connection. The object keeps itself alive until then.
    func start() {
        do throws(SystemError) {
            try reactor.watch(file.raw, for: .read) { [self] _ in read() }
        } catch {
            isOver = true
            return answer(Array("\(error)\n\n".utf8))
        }
        armTimer()
    }

    /// Closes the connection: the worker does not run a line that it has not begun, and `answer` is not called.
    func cancel() {
        guard !isOver else { return }
        isOver = true
        if let timer { reactor.cancel(timer) }
        shutdown(file.raw, Int32(SHUT_RDWR))
        reactor.unwatch(file.raw)
    }

    private func armTimer() {
        if let timer { reactor.cancel(timer) }
        timer = reactor.setTimer(at: reactor.now.advanced(by: Self.timeout)) { [self] in end(with: Self.noAnswer) }
    }

    /// Reads once per round, since the master has other work.
    private func read() {
        do throws(SystemError) {
            guard let bytes = try Sockets.receive(file.raw, upTo: Self.readBytes) else { return }
            received += bytes
            if bytes.isEmpty || received.count > Self.answerBytesMax { end(with: received) } else { armTimer() }
        } catch {
            end(with: received)
        }
    }

    private func end(with bytes: [UInt8]) {
        cancel()
        answer(bytes)
    }
}
