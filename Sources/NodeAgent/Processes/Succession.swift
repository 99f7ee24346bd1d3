import Glibc
import LinuxIO
import Proxy
import Wire

/// This process's end of a channel to its master, its predecessor or its successor.
final class Succession {
    /// The process at the other end.
    enum Other: Equatable {
        /// The master of this worker.
        case master
        /// The process that this one replaces.
        case predecessor
        /// The process that replaces this one.
        case successor
    }

    /// How long the other end may take to read messages.
    private static let timeout = Duration.seconds(2)
    /// How long a successor may take until it serves once it has the sockets. A master allows its workers the same time.
    static let takeoverTimeout = Duration.seconds(60)
    /// The longest reason for a failed reload, in bytes.
    static let reasonBytesMax = 512
    /// The range of pauses between two states that are sent to the master.
    private static let statePauses = Duration.seconds(1)...Duration.seconds(5)

    private let channel: ProcessChannel
    private let other: Other
    private unowned let control: SuccessionControl
    private let ended: () -> Void
    /// When the next state for the master is due.
    private var nextStateAt: Instant
    /// The state that is being composed for the master.
    private var pending: PendingState?
    /// The successor's place among `stats maxconn` until it serves, and the timer of its deadline.
    private var place: RuntimePlace?
    private var takeoverTimer: TimerToken?
    /// Whether the other end is gone.
    private(set) var isOver = false

    /// Receives on `channel`. `ended` is called once, when the other end is gone.
    init(_ channel: ProcessChannel, to other: Other, of control: SuccessionControl, ended: @escaping () -> Void) throws(SystemError) {
        (self.channel, self.other, self.control, self.ended) = (channel, other, control, ended)
        nextStateAt = control.reactor.now
        try channel.watch(on: control.reactor) { [unowned self] in receive($0) }
    }

    /// Handles a message. A successor sends only `takenOver`, a predecessor only its last state; all other messages are a master's.
    private func receive(_ message: ProcessMessage?) {
        switch (message, other) {
        case (.lastState(let file)?, .master), (.lastState(let file)?, .predecessor): control.inherit(Inheritance.state(in: file))
        case (.report?, .master): push()
        case (.takenOver?, .master), (.takenOver?, .successor):
            releasePlace()
            control.process.supersede { [weak self] in self?.sendFinalState() }
        case (.replaced?, .master):
            releasePlace()
            control.process.supersede { [weak self, process = control.process] in
                self?.sendFinalState()
                process.end()
            }
        case (.runtime(let file)?, .master): control.process.serveRuntime(file)
        case (.reloadFailed(let file)?, .master):
            let reason = (try? MemoryFile.bytes(of: file, bytesMax: Self.reasonBytesMax)) ?? []
            control.log.write(.error, "Reload failed: \(String(decoding: reason, as: UTF8.self))")
        case (nil, _):
            releasePlace()
            isOver = true
            ended()
        case (.some, _): break
        }
    }

    /// Releases the successor's place and timer: it serves, or is gone.
    private func releasePlace() {
        if let takeoverTimer { control.reactor.cancel(takeoverTimer) }
        (takeoverTimer, place) = (nil, nil)
    }

    /// Sends the master this worker's state, and that it serves.
    func report() throws(SystemError) {
        try channel.send([.state(try encodedState()), .ready], timeout: Self.timeout)
    }

    /// Sends a successor all sockets and this process's state. The successor keeps `place` until it serves, and must serve within `timeout`.
    func handOver(sockets: [OpenFile], _ place: RuntimePlace, within timeout: Duration) throws(SystemError) {
        let state = ProcessMessage.state(try encodedState())
        try channel.send(ProcessMessage.passing(sockets) + [state], timeout: Self.timeout)
        self.place = place
        takeoverTimer = control.reactor.setTimer(at: control.reactor.now.advanced(by: timeout)) { [weak self] in
            guard let self else { return }
            takeoverTimer = nil
            control.log.write(
                .warning,
                "Takeover failed: the new process was not ready within \(timeout.wholeMilliseconds / 1_000)s; its connection is closed.")
            channel.stopWatching()
            receive(nil)
        }
    }

    /// Notifies the predecessor that this process serves in its place.
    func takeOver() throws(SystemError) { try channel.send([.takenOver], timeout: Self.timeout) }

    /// This process's state, composed at once.
    private func encodedState() throws(SystemError) -> OpenFile { try Self.file(control.process.stateText().whole()) }

    private static func file(_ text: String) throws(SystemError) -> OpenFile { try MemoryFile.containing(Array(text.utf8), name: "tsukada state") }

    /// Sends the master this process's state, composed over the next rounds: a worker that is started after a crash begins with it. A master that reads too
    /// slowly misses this state and gets the next.
    func reportState() {
        guard other == .master else { return }
        let isComposing = pending != nil
        pending = PendingState(rest: control.process.stateText(), began: control.reactor.now)
        if !isComposing { composePiece() }
    }

    /// Sends the master this process's state at once, because the master waits for it.
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
        /// When it was begun. The next state's due time counts from here, in step with the ticks, which are a second apart.
        let began: Instant
        var text = ""
        /// The time spent composing so far.
        var taken = Duration.zero
    }

    /// Composes a piece of the state per round, and sends the state after the last piece.
    private func composePiece() {
        guard !isOver, var state = pending.take() else { return }
        let began = MonotonicClock.now()
        state.text += state.rest.next()
        if state.rest.isOver { send(state.text) }
        state.taken += began.duration(to: MonotonicClock.now())
        if state.rest.isOver {
            nextStateAt = state.began.advanced(by: Self.statePause(after: state.taken))
            return
        }
        pending = state
        control.reactor.inNextRound { [weak self] in self?.composePiece() }
    }

    /// Sends the master a sign of life, and the state if it is due. Call it each second.
    func tick() {
        guard other == .master else { return }
        try? channel.send(.alive)
        guard pending == nil, nextStateAt <= control.reactor.now else { return }
        reportState()
    }

    /// The pause after a state that took `taken` to compose: states must not cost more than a hundredth of a core.
    static func statePause(after taken: Duration) -> Duration { min(max(statePauses.lowerBound, taken * 100), statePauses.upperBound) }

    /// Notifies the master that the node drains, so that it starts no other worker.
    func reportDraining() {
        guard other == .master else { return }
        try? channel.send([.draining], timeout: Self.timeout)
    }

    private func sendFinalState() {
        pending = nil
        guard !isOver, let file = try? encodedState() else { return }
        try? channel.send([.lastState(file)], timeout: Self.timeout)
    }
}
