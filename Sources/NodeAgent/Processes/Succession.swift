import Glibc
import LinuxIO
import Proxy
import Wire

/// This process's end of a channel to its master, to the process before it, or to the one after it.
final class Succession {
    /// Who is at the other end.
    enum Other: Equatable {
        /// The master of this worker.
        case master
        /// The process that this one takes over from.
        case predecessor
        /// A process that takes over.
        case successor
    }

    /// How long a successor may take to read what it is handed.
    private static let patience = Duration.seconds(2)
    /// How long a successor may take to serve once it has the sockets. A master gives its workers the same time.
    static let takeoverPatience = Duration.seconds(60)
    /// Bytes of the longest reason for a failed reload.
    static let reasonBytesMax = 512
    /// Between two states that a master is told: at least, and at most.
    private static let statePauses = Duration.seconds(1)...Duration.seconds(5)

    private let channel: ProcessChannel
    private let other: Other
    private unowned let control: SuccessionControl
    private let ended: () -> Void
    /// When the master is to be told the next state.
    private var stateDue: Instant
    /// The state that is being composed for the master.
    private var pending: PendingState?
    /// The successor's place in `stats maxconn` until it serves, and its deadline.
    private var place: RuntimePlace?
    private var takeoverTimer: TimerToken?
    /// True once the other is gone.
    private(set) var isOver = false

    /// Listens on `channel`. `ended` is called once, when the other is gone.
    init(_ channel: ProcessChannel, to other: Other, of control: SuccessionControl, ended: @escaping () -> Void) throws(SystemError) {
        (self.channel, self.other, self.control, self.ended) = (channel, other, control, ended)
        stateDue = control.reactor.now
        try channel.watch(on: control.reactor) { [unowned self] in receive($0) }
    }

    /// A successor sends only that it serves, a predecessor only its last state; the other messages are the master's.
    private func receive(_ message: ProcessMessage?) {
        switch (message, other) {
        case (.lastState(let file)?, .master), (.lastState(let file)?, .predecessor): control.inherit(Inheritance.state(in: file))
        case (.report?, .master): push()
        case (.takenOver?, .master), (.takenOver?, .successor):
            settle()
            control.process.supersede { [weak self] in self?.sayLastWords() }
        case (.replaced?, .master):
            settle()
            control.process.supersede { [weak self, process = control.process] in
                self?.sayLastWords()
                process.end()
            }
        case (.runtime(let file)?, .master): control.process.serveRuntime(file)
        case (.reloadFailed(let file)?, .master):
            let reason = (try? MemoryFile.bytes(of: file, bytesMax: Self.reasonBytesMax)) ?? []
            control.log.write(.error, "Reload failed: \(String(decoding: reason, as: UTF8.self))")
        case (nil, _):
            settle()
            isOver = true
            ended()
        case (.some, _): break
        }
    }

    /// The successor serves, or has gone.
    private func settle() {
        if let takeoverTimer { control.reactor.cancel(takeoverTimer) }
        (takeoverTimer, place) = (nil, nil)
    }

    /// Sends the master this worker's state, and that it serves.
    func report() throws(SystemError) {
        try channel.send([.state(try wholeState()), .ready], patience: Self.patience)
    }

    /// Gives a successor all sockets and this process's state. It holds `place` until it serves, and must serve within `patience`.
    func handOver(sockets: [OpenFile], _ place: RuntimePlace, within patience: Duration) throws(SystemError) {
        let state = ProcessMessage.state(try wholeState())
        try channel.send(ProcessMessage.passing(sockets) + [state], patience: Self.patience)
        self.place = place
        takeoverTimer = control.reactor.setTimer(at: control.reactor.now.advanced(by: patience)) { [weak self] in
            guard let self else { return }
            takeoverTimer = nil
            control.log.write(
                .warning,
                "A process that has asked for the sockets does not come to serve within \(patience.wholeMilliseconds / 1_000)s: its connection is closed.")
            channel.stopWatching()
            receive(nil)
        }
    }

    /// Tells the process before this one that it serves no longer.
    func takeOver() throws(SystemError) { try channel.send([.takenOver], patience: Self.patience) }

    /// This process's state, composed in one piece.
    private func wholeState() throws(SystemError) -> OpenFile { try Self.file(control.process.stateText().whole()) }

    private static func file(_ text: String) throws(SystemError) -> OpenFile { try MemoryFile.holding(Array(text.utf8), name: "tsukada state") }

    /// Sends the master this process's state, composed over the next rounds: a worker that is started after a crash begins with it. A master that reads too slowly
    /// misses this one and gets the next.
    func tellState() {
        guard other == .master else { return }
        let isComposing = pending != nil
        pending = PendingState(rest: control.process.stateText(), began: control.reactor.now)
        if !isComposing { composePiece() }
    }

    /// The same in one piece, at once: the master waits for it.
    private func push() {
        pending = nil
        send(control.process.stateText().whole())
    }

    private func send(_ state: String) {
        guard let file = try? Self.file(state) else { return }
        try? channel.send(.state(file))
    }

    /// A state that is composed in pieces, so that thousands of servers do not delay the control thread.
    private struct PendingState {
        var rest: AnswerText
        /// The round in which it was begun: ticks are a second apart from round to round.
        let began: Instant
        var text = ""
        /// The time that composing the pieces has taken.
        var taken = Duration.zero
    }

    /// Composes a piece of the state in each round, and sends it after the last one.
    private func composePiece() {
        guard !isOver, var state = pending.take() else { return }
        let began = MonotonicClock.now()
        state.text += state.rest.next()
        if state.rest.isOver { send(state.text) }
        state.taken += began.duration(to: MonotonicClock.now())
        if state.rest.isOver {
            stateDue = state.began.advanced(by: Self.statePause(after: state.taken))
            return
        }
        pending = state
        control.reactor.inNextRound { [weak self] in self?.composePiece() }
    }

    /// Tells the master that this worker runs, and from time to time what it knows. To be called each second.
    func comeRound() {
        guard other == .master else { return }
        try? channel.send(.alive)
        guard pending == nil, stateDue <= control.reactor.now else { return }
        tellState()
    }

    /// How long after a state that took so long the next one is due: with many servers it must not cost more than a hundredth of a core.
    static func statePause(after taken: Duration) -> Duration { min(max(statePauses.lowerBound, taken * 100), statePauses.upperBound) }

    /// Tells the master that the node drains: nobody is to take this worker's place.
    func tellLeaving() {
        guard other == .master else { return }
        try? channel.send([.leaving], patience: Self.patience)
    }

    private func sayLastWords() {
        pending = nil
        guard !isOver, let file = try? wholeState() else { return }
        try? channel.send([.lastState(file)], patience: Self.patience)
    }
}
