import Glibc
import LinuxIO
import Wire

/// One client of a runtime socket.
///
///     reading a line -> its answer is sent -> reading the next (after `prompt`, in a payload, or when it has come already) -> ... -> closed
///
/// A half-close is no hang-up: lines that came before it are answered.
final class RuntimeConnection {
    /// What the owner is told.
    struct Handlers {
        /// The socket now belongs to a succession; `ended` follows.
        var handOver: (OpenFile) -> Void
        /// It has closed itself, or given its socket away: the descriptor's number.
        var ended: (Int32) -> Void
    }

    private static let readBytes = 4096

    private let file: OpenFile
    private let reactor: Reactor
    private let interpreter: any LineInterpreter
    private let handlers: Handlers
    private var session: RuntimeSession
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var outputSent = 0
    private var hasReadAll = false
    private var isEnding = false
    /// True while an answer is being waited for: nothing is read until it has come.
    private var isWaiting = false
    private var isOpen = true
    private var interest = Interest.read
    private var timer: TimerToken?
    private var lastActivity: Instant

    /// A connection that `start` begins to serve.
    init(file: OpenFile, session: RuntimeSession, reactor: Reactor, interpreter: any LineInterpreter, handlers: Handlers) {
        self.file = file
        self.session = session
        self.reactor = reactor
        self.interpreter = interpreter
        self.handlers = handlers
        lastActivity = reactor.now
    }

    /// Watches the socket.
    func start() throws(SystemError) {
        try reactor.watch(file.raw, for: interest) { [weak self] ready in self?.handle(ready) }
        armTimer()
    }

    /// Closes without a word to the owner.
    func forget() {
        guard isOpen else { return }
        isOpen = false
        if let timer { reactor.cancel(timer) }
        reactor.unwatch(file.raw)
    }

    private func end() {
        guard isOpen else { return }
        forget()
        handlers.ended(file.raw)
    }

    private func handle(_ ready: Interest) {
        // Only a client that has gone is told of while an answer is waited for.
        guard !isWaiting else { return end() }
        do throws(SystemError) {
            if !ready.isDisjoint(with: .write), outputSent < output.count { try flush() }
            if !ready.isDisjoint(with: .read), output.isEmpty, !hasReadAll { try read() }
            try work()
        } catch {
            end()
        }
    }

    private func read() throws(SystemError) {
        guard let bytes = try Sockets.receive(file.raw, upTo: Self.readBytes) else { return }
        lastActivity = reactor.now
        if bytes.isEmpty { hasReadAll = true }
        input += bytes
    }

    /// Runs lines while their answers are taken, then waits for whichever is due: bytes, or room to send.
    private func work() throws(SystemError) {
        while isOpen, !isWaiting, output.isEmpty, !isEnding, let newline = input.firstIndex(of: UInt8(ascii: "\n")) {
            guard newline <= RuntimeServer.inputBytesMax else { return end() }
            let line = input[..<newline]
            input.removeFirst(newline + 1)
            answer(line)
            try flush()
        }
        guard isOpen else { return }
        if output.isEmpty, !isWaiting, isEnding || hasReadAll || input.count > RuntimeServer.inputBytesMax {
            // Unread bytes would turn the close into a reset, which can overtake the answer.
            _ = try Sockets.receive(file.raw, upTo: RuntimeServer.inputBytesMax)
            return end()
        }
        let wanted = isWaiting ? [] : output.isEmpty ? Interest.read : .write
        if wanted != interest { try reactor.rewatch(file.raw, for: wanted) }
        interest = wanted
    }

    private func answer(_ line: ArraySlice<UInt8>) {
        switch interpreter.answer(to: line, session: &session) {
        case .bytes(let bytes): take(bytes)
        case .later(let begin):
            isWaiting = true
            begin { [weak self] in self?.takeLater($0) }
        case .handOver:
            forget()
            handlers.handOver(file)
            handlers.ended(file.raw)
        }
    }

    private func takeLater(_ bytes: [UInt8]) {
        guard isOpen, isWaiting else { return }
        isWaiting = false
        take(bytes)
        do throws(SystemError) {
            try flush()
            try work()
        } catch {
            end()
        }
    }

    private func take(_ bytes: [UInt8]) {
        if bytes.count <= RuntimeServer.outputBytesMax {
            output = bytes
        } else {
            output = Array("The answer is over \(RuntimeServer.outputBytesMax) bytes; ask for less.\n\n".utf8)
        }
        let hasAnotherLine = input.contains(UInt8(ascii: "\n"))
        if session.isClosing || !session.isInteractive && session.payloadEnd == nil && !hasAnotherLine { isEnding = true }
        armTimer()
    }

    private func flush() throws(SystemError) {
        while outputSent < output.count {
            let sent = try Sockets.send(file.raw, output[outputSent...])
            guard sent > 0 else { return }
            outputSent += sent
            lastActivity = reactor.now
        }
        output = []
        outputSent = 0
    }

    /// One timer, which looks at the last activity when it fires.
    private func armTimer() {
        if let timer { reactor.cancel(timer) }
        timer = reactor.setTimer(at: lastActivity.advanced(by: session.timeout)) { [weak self] in
            guard let self else { return }
            timer = nil
            guard !isWaiting else {
                lastActivity = reactor.now
                return armTimer()
            }
            if lastActivity.advanced(by: session.timeout) <= reactor.now { end() } else { armTimer() }
        }
    }
}
