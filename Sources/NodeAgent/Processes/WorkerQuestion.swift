import Glibc
import LinuxIO
import Wire

/// One line that the master has a worker answer: over a connection of the worker's runtime socket that is made for it.
final class WorkerQuestion {
    private static let patience = Duration.seconds(10)

    private let file: OpenFile
    private let reactor: Reactor
    private let answer: ([UInt8]) -> Void
    private var received: [UInt8] = []
    private var timer: TimerToken?
    /// Itself, until the answer has come.
    private var kept: WorkerQuestion?

    /// Asks over a channel to a worker.
    init(_ line: String, over channel: ProcessChannel, on reactor: Reactor, _ answer: @escaping ([UInt8]) -> Void) throws(SystemError) {
        let (own, other) = try DescriptorPassing.pair()
        (file, self.reactor, self.answer) = (own, reactor, answer)
        let bytes = Array((line + "\n").utf8)
        guard try Sockets.send(own.raw, bytes[...]) == bytes.count else { throw SystemError("send", code: EAGAIN) }
        try channel.send(.runtime(other))
    }

    /// Waits for the answer, which is the connection's bytes up to its end.
    func start() {
        kept = self
        do throws(SystemError) {
            try reactor.watch(file.raw, for: .read) { [unowned self] _ in read() }
        } catch {
            kept = nil
            return answer(Array("\(error)\n\n".utf8))
        }
        timer = reactor.setTimer(at: reactor.now.advanced(by: Self.patience)) { [unowned self] in
            received = Array("The worker does not answer.\n\n".utf8)
            end()
        }
    }

    private func read() {
        do throws(SystemError) {
            while let bytes = try Sockets.receive(file.raw, upTo: 65_536) {
                received += bytes
                if bytes.isEmpty || received.count > RuntimeServer.outputBytesMax { return end() }
            }
        } catch {
            end()
        }
    }

    private func end() {
        reactor.unwatch(file.raw)
        if let timer { reactor.cancel(timer) }
        answer(received)
        kept = nil
    }
}
