import Glibc
import LinuxIO
import Wire

/// One client of a runtime socket.
///
///     reading a line -> waiting for a turn -> sending a piece of the answer -> waiting for the next turn -> ...
///                    -> reading the next line (after `prompt`, in a payload, or if it has already arrived) -> ... -> closed
///
/// It composes one piece per turn, and requests the next turn when the client has received that piece. A half-close is not a hang-up: earlier lines
/// are still answered. After a full close, lines are not run.
final class RuntimeConnection {
    /// Notifications to the owner.
    struct Handlers {
        /// The connection has an answer to compose: call `takeTurn`.
        var requestTurn: (RuntimeConnection) -> Void
        /// The socket now belongs to a succession; it counts as a connection until its place is released.
        var handOver: (OpenFile, RuntimePlace) -> Void
        /// The connection has closed itself, or its handed-over place is free.
        var ended: (RuntimeConnection) -> Void
    }

    private typealias Composer = (inout RuntimeSession) -> LinePiece?

    /// The rest of the answer to the last line.
    private enum Answer {
        case none
        case pieces(Composer)
        /// The next piece is not available yet: nothing is read or composed until it is. `cancel` cancels it.
        case later(Composer, cancel: () -> Void)
    }

    private static let readBytes = 4096
    private static let tooLong = "The answer is longer than \(RuntimeServer.outputBytesMax) bytes and cut off here: ask for less.\n"
    private static let lineTooLong = "The line is longer than \(RuntimeServer.inputBytesMax) bytes: split it into several.\n\n"

    /// The socket.
    let file: OpenFile
    /// False for a connection beyond `stats maxconn`: only its urgent lines run, and the others wait.
    private(set) var hasPlace: Bool
    /// False once the connection is closed or handed over.
    private(set) var isOpen = true
    private let reactor: Reactor
    private let interpreter: any LineInterpreter
    private let handlers: Handlers
    private var session: RuntimeSession
    private var input: [UInt8] = []
    private var answer = Answer.none
    /// Bytes composed for the last line.
    private var answerBytes = 0
    private var output: [UInt8] = []
    private var outputSent = 0
    private var hasReadAll = false
    private var isEnding = false
    /// Whether it has requested a turn, or would if it had a place.
    private var isWaitingForTurn = false
    private var interest = Interest.read
    private var timer: TimerToken?
    private var lastActivity: Instant

    /// A connection that is served after `start`.
    init(file: OpenFile, session: RuntimeSession, hasPlace: Bool, reactor: Reactor, interpreter: any LineInterpreter, handlers: Handlers) {
        self.file = file
        self.session = session
        self.hasPlace = hasPlace
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

    /// Closes without notifying the owner.
    func forget() {
        guard isOpen else { return }
        isOpen = false
        if let timer { reactor.cancel(timer) }
        reactor.unwatch(file.raw)
        if case .later(_, let cancel) = answer { cancel() }
        answer = .none
    }

    private func end() {
        guard isOpen else { return }
        forget()
        handlers.ended(self)
    }

    private func handle(_ ready: Interest) {
        // The client has closed both directions: no answer would reach it, so its lines are not run.
        guard ready.isDisjoint(with: .hangUp) else { return end() }
        step { () throws(SystemError) in
            if !ready.isDisjoint(with: .write) { try flush() }
            if !ready.isDisjoint(with: .read), interest == .read, !hasReadAll { try read() }
        }
    }

    /// Runs `body`, then waits for the next event: a turn, bytes, or room to send.
    private func step(_ body: () throws(SystemError) -> Void) {
        do throws(SystemError) {
            try body()
            try wait()
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

    private func wait() throws(SystemError) {
        guard isOpen else { return }
        var wanted: Interest = []
        if !output.isEmpty {
            wanted = .write
        } else if hasWork {
            if !isWaitingForTurn {
                isWaitingForTurn = true
                handlers.requestTurn(self)
            }
        } else if case .none = answer {
            if !isEnding, input.count > RuntimeServer.inputBytesMax {
                refuseLine()
                return try wait()
            }
            if isEnding || hasReadAll {
                // Unread bytes would turn the close into a reset, which can overtake the answer.
                _ = try Sockets.receive(file.raw, upTo: RuntimeServer.inputBytesMax)
                return end()
            }
            wanted = .read
        }
        if wanted != interest { try reactor.rewatch(file.raw, for: wanted) }
        interest = wanted
    }

    /// Whether a turn would make progress.
    private var hasWork: Bool {
        switch answer {
        case .pieces: true
        case .later: false
        case .none: !isEnding && input.contains(UInt8(ascii: "\n"))
        }
    }

    // MARK: Turns

    /// Gives the connection a place, so that its waiting lines are answered.
    func assignPlace() {
        hasPlace = true
        if isWaitingForTurn { handlers.requestTurn(self) }
    }

    /// Whether it may take a turn: it has a place, or its line needs none.
    var mayTakeTurn: Bool {
        guard !hasPlace, case .none = answer else { return true }
        guard let newline = input.firstIndex(of: UInt8(ascii: "\n")), newline <= RuntimeServer.inputBytesMax else { return true }
        return interpreter.isUrgent(input[..<newline], session)
    }

    /// Composes one piece: of the last answer's rest, or of the next answer.
    func takeTurn() {
        // A place that became free may have caused a duplicate turn.
        guard isOpen, isWaitingForTurn else { return }
        isWaitingForTurn = false
        step { () throws(SystemError) in
            if case .none = answer { beginLine() }
            if case .pieces(let next) = answer { compose(next) }
            try flush()
        }
    }

    private func beginLine() {
        guard let newline = input.firstIndex(of: UInt8(ascii: "\n")) else { return }
        guard newline <= RuntimeServer.inputBytesMax else { return refuseLine() }
        let line = input[..<newline]
        input.removeFirst(newline + 1)
        answerBytes = 0
        switch interpreter.answer(to: line, session: &session) {
        case .bytes(let bytes): finishAnswer(bytes)
        case .pieces(let next): answer = .pieces(next)
        case .handOver:
            forget()
            handlers.handOver(file, RuntimePlace { [handlers, self] in handlers.ended(self) })
        }
    }

    /// Ends the connection after the answer, since the beginning of the next line is unknown.
    private func refuseLine() {
        input = []
        finishAnswer(Array(Self.lineTooLong.utf8))
        isEnding = true
    }

    private func compose(_ next: @escaping Composer) {
        switch next(&session) {
        case nil: finishAnswer([])
        case .bytes(let piece)?: sendPiece(piece)
        case .later(let begin)?:
            answer = .later(next, cancel: {})
            let cancel = begin { [weak self] in self?.receiveDeferred($0) }
            // `begin` may have delivered it already.
            if case .later = answer { answer = .later(next, cancel: cancel) }
        }
    }

    private func sendPiece(_ piece: [UInt8]) {
        answerBytes += piece.count
        if answerBytes <= RuntimeServer.outputBytesMax {
            output = piece
        } else {
            finishAnswer(Array((Self.tooLong + (session.isInteractive ? "\n> " : "\n")).utf8))
        }
    }

    private func receiveDeferred(_ bytes: [UInt8]) {
        guard isOpen, case .later(let next, _) = answer else { return }
        step { () throws(SystemError) in
            // A deferred answer has its own limit.
            (output, answer) = (bytes, .pieces(next))
            try flush()
        }
    }

    /// Ends the line's answer with `bytes`.
    private func finishAnswer(_ bytes: [UInt8]) {
        output = bytes
        answer = .none
        let hasAnotherLine = input.contains(UInt8(ascii: "\n"))
        if session.isClosing || !session.isInteractive && session.payloadEnd == nil && !hasAnotherLine { isEnding = true }
        armTimer()
    }

    /// Sends as many bytes as the kernel accepts.
    private func flush() throws(SystemError) {
        guard isOpen, outputSent < output.count else { return }
        let sent = try Sockets.send(file.raw, output[outputSent...])
        outputSent += sent
        if sent > 0 { lastActivity = reactor.now }
        if outputSent == output.count { (output, outputSent) = ([], 0) }
    }

    /// Arms the one timer, which compares the last activity when it fires. A client that waits for its turn or answer is not idle.
    private func armTimer() {
        if let timer { reactor.cancel(timer) }
        timer = reactor.setTimer(at: lastActivity.advanced(by: session.timeout)) { [weak self] in
            guard let self else { return }
            timer = nil
            if isWaitingForTurn { lastActivity = reactor.now }
            if case .later = answer { lastActivity = reactor.now }
            if lastActivity.advanced(by: session.timeout) <= reactor.now { end() } else { armTimer() }
        }
    }
}

/// A handed-over connection's place among `stats maxconn`. Releasing this value frees the place.
final class RuntimePlace {
    private let free: () -> Void

    /// Calls `free` on release.
    init(_ free: @escaping () -> Void) { self.free = free }

    deinit { free() }
}
