import Glibc
import LinuxIO
import Synchronization
import Wire

/// One `probe` section and its listening sockets.
struct ProbePort: Sendable {
    /// The section's index in the configuration.
    var index = 0
    /// The section.
    let settings: ProbeSettings
    /// Its sockets, bound and listening. Ports are fixed numbers: a port that the kernel chose for port 0 would be lost at `shutdown()`.
    let listeners: [OpenFile]
}

/// The thread that answers load balancers. It reads atomics only, so that work of other threads cannot delay an answer.
struct ProbeResponder: ~Copyable {
    private let thread: LinuxIO.Thread
    private let stop: Stop

    fileprivate final class Stop: Sendable {
        let isRequested = Atomic<Bool>(false)
        let isHandedOver = Atomic<Bool>(false)
    }

    private let sharedState: ProbeSharedState

    /// Starts the thread, which owns `ports`.
    init(ports: [ProbePort], sharedState: ProbeSharedState, limits: ProbeLimits = ProbeLimits(), log: @escaping @Sendable (String) -> Void) throws(SystemError)
    {
        let stop = Stop()
        self.stop = stop
        self.sharedState = sharedState
        thread = try LinuxIO.Thread(named: "probe") {
            do throws(SystemError) {
                let loop = try ProbeLoop(ports: ports, sharedState: sharedState, limits: limits, stop: stop)
                loop.run()
            } catch {
                log("the probe cannot answer: \(error)")
            }
        }
    }

    /// Leaves the ports to another process: this one accepts no further connections, and sends one last answer on each open connection. The ports stay open.
    borrowing func handOver() {
        stop.isHandedOver.store(true, ordering: .releasing)
        sharedState.recordSignOfLife(at: Instant(nanoseconds: .max))
        sharedState.change.signal()
    }

    /// Ends the thread and closes the ports.
    consuming func end() {
        stop.isRequested.store(true, ordering: .releasing)
        sharedState.change.signal()
        thread.join()
    }
}

/// The state of the probe's thread.
private final class ProbeLoop {
    private static let backlog: Int32 = 128
    private static let exhaustionPause = Duration.milliseconds(100)

    private final class Port {
        let index: Int
        let mode: ProbeSettings.Mode
        let file: OpenFile
        var isOpen = false

        init(_ port: ProbePort, file: OpenFile) {
            (index, mode) = (port.index, port.settings.mode)
            self.file = file
        }
    }

    private let reactor: Reactor
    private let sharedState: ProbeSharedState
    private let limits: ProbeLimits
    private let stop: ProbeResponder.Stop
    private var isHandedOver = false
    private var ports: [Port] = []
    private var connections: [Int32: (connection: ProbeConnection, timer: TimerToken)] = [:]
    private var running: WakeUpMonitor

    init(ports: [ProbePort], sharedState: ProbeSharedState, limits: ProbeLimits, stop: ProbeResponder.Stop) throws(SystemError) {
        reactor = try Reactor()
        self.sharedState = sharedState
        self.limits = limits
        self.stop = stop
        running = WakeUpMonitor(now: reactor.now)
        for port in ports { self.ports += port.listeners.map { Port(port, file: $0) } }
        try reactor.watch(sharedState.change.raw, for: .read) { [weak self] _ in self?.applyAnswers() }
    }

    func run() {
        tick()
        reactor.run()
    }

    /// Reads the answers periodically, because a stalled control thread sends no signal.
    private func tick() {
        applyAnswers()
        reactor.setTimer(at: reactor.now.advanced(by: min(WakeUpMonitor.interval, limits.stalledAfter))) { [weak self] in self?.tick() }
    }

    private func answer(of index: Int) -> ProbeAnswer {
        running.recordWakeUp(now: reactor.now)
        return sharedState.answer(of: index, ranSince: running.start, stalledAfter: limits.stalledAfter, now: reactor.now)
    }

    private func applyAnswers() {
        sharedState.change.clear()
        guard !stop.isRequested.load(ordering: .acquiring) else { return reactor.stop() }
        if stop.isHandedOver.load(ordering: .acquiring), !isHandedOver { releasePorts() }
        for port in ports { toggle(port) }
    }

    /// Opens or closes a port. A TCP probe is closed by `shutdown()`: the socket stays bound, so that no other process can take the address, and
    /// `listen()` opens it again.
    private func toggle(_ port: Port) {
        let shouldBeOpen = port.mode == .http || answer(of: port.index).isPassing
        do throws(SystemError) {
            // A predecessor or successor may share the socket and have changed it, so the state is set each time.
            if shouldBeOpen { try Sockets.listen(port.file.raw, backlog: Self.backlog) } else { shutdown(port.file.raw, Int32(SHUT_RD)) }
            guard shouldBeOpen != port.isOpen else { return }
            if shouldBeOpen {
                try reactor.watch(port.file.raw, for: .read) { [weak self, weak port] _ in
                    if let port { self?.accept(from: port) }
                }
            } else {
                reactor.unwatch(port.file.raw)
            }
            port.isOpen = shouldBeOpen
        } catch {
            reactor.setTimer(at: reactor.now.advanced(by: Self.exhaustionPause)) { [weak self] in self?.applyAnswers() }
        }
    }

    private func releasePorts() {
        isHandedOver = true
        for port in ports where port.isOpen { reactor.unwatch(port.file.raw) }
        ports = []
        sharedState.setOpen(connections: connections.count)
    }

    private func accept(from port: Port) {
        do throws(SystemError) {
            var source: SocketAddress?
            while port.isOpen, let descriptor = try Sockets.accept(port.file.raw, from: &source) {
                if connections.count >= limits.connectionsMax { closeOldest { !$0.isReading } }
                try open(OpenFile(descriptor), from: source?.address, port: port)
            }
        } catch {
            // The connection waits in the kernel's queue, or another process has shut the socket down: without a pause epoll would report it endlessly.
            if error.isShortage { closeOldest { !$0.isReading } }
            reactor.unwatch(port.file.raw)
            port.isOpen = false
            reactor.setTimer(at: reactor.now.advanced(by: Self.exhaustionPause)) { [weak self] in self?.applyAnswers() }
        }
    }

    private func open(_ file: OpenFile, from source: IPAddress?, port: Port) throws(SystemError) {
        let connection =
            switch port.mode {
            case .tcp: ProbeConnection(tcp: file, limits: limits, now: reactor.now)
            case .http: ProbeConnection(http: file, limits: limits, now: reactor.now)
            }
        let (raw, index) = (file.raw, port.index)
        if port.mode == .tcp { sharedState.recordRequest(index, from: source, now: reactor.now) }
        try reactor.watch(raw, for: .read) { [weak self] _ in self?.advance(raw, index, source) }
        connections[raw] = (connection, setTimer(raw, at: connection.deadline))
        sharedState.setOpen(connections: connections.count)
        // Read a request that has already arrived, so that it does not count as silence while many connections are accepted.
        if port.mode == .http { advance(raw, index, source) }
    }

    private func advance(_ raw: Int32, _ index: Int, _ source: IPAddress?) {
        guard var entry = connections[raw] else { return }
        let (before, wasReading) = (entry.connection.deadline, entry.connection.isReading)
        let step = entry.connection.advance(now: reactor.now) { reply(to: $0, index, source) }
        if entry.connection.deadline != before {
            reactor.cancel(entry.timer)
            entry.timer = setTimer(raw, at: entry.connection.deadline)
        }
        connections[raw] = entry
        if step == .close { return close(raw) }
        guard entry.connection.isReading, !wasReading else { return }
        if connections.values.count(where: \.connection.isReading) > limits.openRequestsMax { closeOldest(where: \.isReading) }
    }

    private func reply(to request: HTTPRequestHead, _ index: Int, _ source: IPAddress?) -> ProbeReply {
        sharedState.recordRequest(index, from: source, now: reactor.now)
        let answer = answer(of: index)
        let body = answer.json(sharedState.requirements(of: index), sharedState.counts(of: index))
        var reply = ProbeReply.refusal(of: request) ?? ProbeReply(answer, body: body)
        reply.isLast = isHandedOver
        return reply
    }

    private func setTimer(_ raw: Int32, at deadline: Instant) -> TimerToken {
        reactor.setTimer(at: deadline) { [weak self] in self?.close(raw) }
    }

    private func close(_ raw: Int32) {
        guard let entry = connections.removeValue(forKey: raw) else { return }
        reactor.cancel(entry.timer)
        reactor.unwatch(raw)
        sharedState.setOpen(connections: connections.count)
    }

    /// Closes the connection with the longest wait among those for which `isCandidate` is true.
    private func closeOldest(where isCandidate: (ProbeConnection) -> Bool) {
        let candidates = connections.filter { isCandidate($0.value.connection) }
        guard let raw = candidates.min(by: { ($0.value.connection.since, $0.key) < ($1.value.connection.since, $1.key) })?.key else { return }
        close(raw)
    }
}
