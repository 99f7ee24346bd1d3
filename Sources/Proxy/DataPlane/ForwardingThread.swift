// The hot path: one thread's event loop over preallocated tables. Between accept and close nothing allocates, retains, releases or copies this struct.
// `HotPathTests` verifies that in the release build. ARCHITECTURE.md lists the rare sessions that are exempt.

import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

/// One thread's event loop with its listeners, sessions, timers and log.
///
/// A session stays on the thread that accepted it. Process-wide state is in `ForwardingState`.
struct ForwardingThread: ~Copyable {
    private static let eventsMax = 256
    /// The bytes that sessions of the ready list may move per round.
    private static let bytesPerRound = 1 << 21
    /// The minimum number of bytes that a turn is charged for. It limits the number of turns that move little.
    private static let bytesPerTurnMin = 1 << 14

    let index: Int
    let state: SharedAddresses
    let counters: CounterAddresses
    var poller: Poller
    var listeners: [Listener]
    /// The listeners' files, `nil` once closed. They are separate from `listeners` because only rare sessions need them.
    var listenerFiles: [OpenFile?]
    let listenerNames: [[UInt8]]
    let proxyHeaders: [ProxyHeaderRule]
    var sessions: SessionTable
    var wheel: TimerWheel
    var relay: Relay
    var log: LogSender
    var line = LineBuilder(capacity: 2048)
    var stamp = LogStamp()
    /// How long servers take to greet, by backend. Filled only with `option hedge-greetings`.
    var greetingTimes: [GreetingTimes]
    /// By session: the authority in the client's PROXY header. Filled only if a server gets it.
    var authorities: [Int: [UInt8]] = [:]
    /// Milliseconds of the monotonic clock, read once per wake-up.
    var now: Int64
    /// The wall clock, read at most once per wake-up.
    var wall: WallTime?
    var isStopped = false
    /// Accepting is paused until this time because the system ran out of descriptors, and sessions wait for one.
    var noDescriptorsUntil = Int64.min
    /// Set when a listener has used its turn up and may have more connections.
    var hasMoreToAccept = false
    private var hasMail = false
    private var readyHead = UInt32.max
    private var readyTail = UInt32.max
    private let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: eventsMax)

    /// The part of a listener that each accept needs.
    struct Listener: BitwiseCopyable {
        /// -1 once it is closed.
        var descriptor: Int32
        let frontend: Int
        /// The bound address; none for a wildcard address.
        let address: KernelAddress
        /// True when a PROXY header may come first.
        let mayHaveHeader: Bool
        /// Index into the flat table of all binds; `Session.noBind` unless the bind has its own limit or statistics.
        let bind: UInt32
        /// True while epoll reports the listener. Polling is level-triggered: a frontend at its limit is not polled, or it would keep the thread busy.
        var isPolled = true
        /// True when the listener closes as soon as its accept queue is empty.
        var isClosing = false
        /// The most connections that the next turn accepts.
        var quota = 1
        /// The number of turns in a row that used their quota up, and the round of the last one.
        var fullTurns = 0
        var lastRound: UInt64 = 0
    }

    init(index: Int, state: ForwardingState, listeners: [ThreadListener]) throws(SystemError) {
        let now = MonotonicClock.now().nanoseconds / 1_000_000
        let poller = try Poller()
        let log = try LogSender(destinations: state.destinations, process: state.process, sendBytes: state.tuning.logSendBytes)
        try poller.add(state.mailboxes[index].pointee.wakeUp.raw, events: EPOLLIN.rawValue, token: SessionToken(.wakeUp, index: 0).raw)
        for (number, listener) in listeners.enumerated() {
            try poller.add(listener.file.raw, events: EPOLLIN.rawValue, token: SessionToken(.listener, index: number).raw)
        }
        self.index = index
        self.state = SharedAddresses(state)
        relay = Relay(pipesMax: state.pipesPerThread, heldBytesMax: state.tuning.bufferBytes)
        self.now = now
        self.poller = poller
        self.log = log
        self.listeners = listeners.map { listener in
            let bind = listener.bind.flatMap { state.trackedBind($0, of: listener.frontend) }
            return Listener(
                descriptor: listener.file.raw, frontend: listener.frontend,
                address: listener.address.map { KernelAddress(RawSocketAddress($0)) } ?? KernelAddress(), mayHaveHeader: listener.proxyHeader != .none,
                bind: bind.map { UInt32($0) } ?? Session.noBind)
        }
        listenerFiles = listeners.map { $0.file }
        listenerNames = listeners.map { Array($0.name.utf8) }
        proxyHeaders = listeners.map(\.proxyHeader)
        counters = state.counters[index].addresses
        // A slot whose session has ended may stay in the ready list until the end of the wake-up. The table has room for a new session nevertheless.
        sessions = SessionTable(capacity: state.sessionsMax * 2)
        wheel = TimerWheel(capacity: sessions.capacity + listeners.count, now: now)
        for entry in 0..<listeners.count { wheel.prepare(sessions.capacity + entry) }
        greetingTimes = state.backends.map { _ in GreetingTimes() }
    }

    deinit { events.deallocate() }

    /// Runs until it receives `stop`.
    mutating func run() {
        while !isStopped { runOnce() }
        closeAll()
        report()
        log.flush()
    }

    private mutating func runOnce() {
        setActivity(.logging)
        log.flush()
        setActivity(.waiting)
        let count = poller.wait(events, milliseconds: waitTime())
        now = MonotonicClock.now().nanoseconds / 1_000_000
        wall = nil
        counters.own[0].pointee.rounds.add()
        state.signalAwaitedWork()
        setActivity(.sessions)
        for activity in 0..<count { handle(events[activity]) }
        setActivity(.mail)
        if hasMail { readMail() }
        setActivity(.accepting)
        if hasMoreToAccept {
            hasMoreToAccept = false
            acceptPending()
        }
        setActivity(.timeouts)
        while let entry = wheel.next(now: now) {
            if entry >= sessions.capacity { accept(entry - sessions.capacity) } else { timeOut(entry) }
        }
        setActivity(.sessions)
        runReady()
        report()
    }

    /// Publishes the activity of this thread for the watchdog.
    private func setActivity(_ activity: ThreadActivity) { counters.own[0].pointee.activity.set(activity.rawValue) }

    /// Publishes the resources in use.
    private func report() {
        counters.own[0].pointee.splicedBytes.set(relay.splicedBytes)
        counters.own[0].pointee.sessionsNow.set(UInt64(sessions.count))
        counters.own[0].pointee.buffersNow.set(UInt64(relay.lentBuffers))
        counters.own[0].pointee.pipesNow.set(UInt64(relay.lentPipes))
    }

    private func waitTime() -> Int32 {
        if readyHead != .max || hasMoreToAccept { return 0 }
        guard let wakeUp = wheel.wakeUp else { return -1 }
        return Int32(clamping: max(0, wakeUp - now))
    }

    private mutating func handle(_ event: epoll_event) {
        let token = SessionToken(raw: event.data.u64)
        switch token.kind {
        case .client:
            if let session = sessions.session(at: token.index, generation: token.generation) { clientReady(token.index, session, event.events) }
        case .server, .second:
            guard let session = sessions.session(at: token.index, generation: token.generation) else { return }
            if token.kind == session.pointee.serverKind {
                serverReady(token.index, session, event.events)
            } else {
                secondReady(token.index, session, event.events)
            }
        case .listener:
            accept(token.index)
        case .wakeUp: hasMail = true
        }
    }

    /// Handles messages, after the events: a message may replace a session's server, and events of the old descriptor must not be applied to the new one.
    private mutating func readMail() {
        hasMail = false
        state.mailboxes[index].pointee.wakeUp.clear()
        let messages = state.mailboxes[index].pointee.takeAll()
        for message in messages { receive(message) }
        acceptPending()
    }

    private mutating func receive(_ message: ThreadMessage) {
        switch message {
        case .granted(let raw, let server): granted(SessionToken(raw: raw), server: server)
        case .shutdownSessions(let server, let reason): shutdownSessions(of: server, because: reason)
        case .stopListening: stopListening()
        case .closeListeners: closeListeners()
        case .close(let count): endSessions(count)
        case .findOldest: findOldest()
        case .stop: isStopped = true
        }
    }

    // MARK: The ready list

    /// Appends a session that has more to move.
    mutating func enqueue(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        guard !session.pointee.isReady else { return }
        session.pointee.isReady = true
        session.pointee.nextReady = .max
        if readyTail == .max { readyHead = UInt32(index) } else { sessions[Int(readyTail)].pointee.nextReady = UInt32(index) }
        readyTail = UInt32(index)
    }

    /// Gives turns to the sessions in the list until they have moved `bytesPerRound`. The others continue in the next round, which starts with events, so that
    /// a session with little to move does not wait for all streams.
    private mutating func runReady() {
        var budget = Self.bytesPerRound
        while readyHead != .max, budget > 0 {
            let current = Int(readyHead)
            let session = sessions[current]
            if readyHead == readyTail { (readyHead, readyTail) = (.max, .max) } else { readyHead = session.pointee.nextReady }
            session.pointee.isReady = false
            guard session.pointee.state != .ended else {
                sessions.release(current)
                continue
            }
            let before = relay.movedBytes
            transfer(current, session)
            budget -= max(Self.bytesPerTurnMin, Int(relay.movedBytes &- before))
        }
    }

    // MARK: Sides and timers

    /// Sets a side's flags from epoll events.
    func setFlags(_ events: UInt32, on side: inout Side) {
        if events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { side.flags.insert(.readable) }
        if events & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { side.flags.insert(.hungUp) }
        if events & EPOLLERR.rawValue != 0 { side.flags.insert(.failed) }
        if events & (EPOLLOUT.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { side.flags.insert(.writable) }
    }

    /// Registers a session's descriptor, edge-triggered, for its whole life.
    func register(_ descriptor: Int32, as token: SessionToken) -> Bool {
        let interest = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        do throws(SystemError) {
            try poller.add(descriptor, events: interest, token: token.raw)
            return true
        } catch {
            return false
        }
    }

    /// The wall clock of this wake-up.
    mutating func wallNow() -> WallTime {
        if let wall { return wall }
        let time = WallTime.now()
        wall = time
        return time
    }

    private mutating func closeAll() {
        for index in 0..<sessions.used {
            let session = sessions[index]
            guard session.pointee.state != .free, session.pointee.state != .ended else { continue }
            if session.pointee.termination.isNormal { session.pointee.termination = Termination("K", "C") }
            end(index, session)
        }
        while readyHead != .max {
            let index = Int(readyHead)
            readyHead = sessions[index].pointee.nextReady
            if sessions[index].pointee.state == .ended { sessions.release(index) }
        }
        for number in listeners.indices { listenerFiles[number] = nil }
    }
}
