import CLinux
import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import Proxy

/// A real `Forwarder` on a loopback port, in front of one backend, with a receiver for its log lines.
final class ForwardingHarness {
    /// The settings that a test may change before the start.
    struct Settings {
        var threads = 2
        /// The maximum number of listening sockets; more threads than this share them.
        var sockets = Int.max
        var sessionsMax = 2000
        var listen = SocketAddress.ip(.v4(0x7f00_0001), port: 0)
        var frontend = Frontend(name: "front", identifier: 2)
        var backend = Backend(name: "back", identifier: 3)
        var sessionLog = SessionLog.tcp
        var hidesEmptySessions = false
        var logOptions: SessionLogOptions = []
        var weights: [Int]?
        var proxyHeader = ProxyHeaderRule.none
        /// Servers that are down at the start.
        var down: Set<Int> = []
        var tuning = Tuning()
        var namespaces = NetworkNamespaces()
        /// Log targets in addition to the receiver.
        var otherDestination: LogDestination.Place?

        init() {
            frontend.backend = 0
            backend.connectTimeout = .seconds(5)
            // Longer than any test waits: a sanitizer can block all threads while it looks up symbols.
            backend.serverTimeout = .seconds(600)
            frontend.clientTimeout = .seconds(600)
        }
    }

    let forwarder: Forwarder
    /// Connects to it are refused when the forwarder has stopped listening.
    let address: SocketAddress
    private let port: HeldPort?
    let log: LogReceiver
    private(set) var routes: [ServerRoute]
    var state: ForwardingState { forwarder.state }

    /// Starts threads in front of servers at `servers`.
    init(_ servers: [SocketAddress], _ edit: (inout Settings) -> Void = { _ in }) throws {
        var settings = Settings()
        let location = ConfigurationLocation(file: "test", line: 1)
        for (index, address) in servers.enumerated() {
            let server = Server(name: "s\(index + 1)", identifier: index + 1, endpoint: .unix(""), port: .fixed(address.port ?? 0), location: location)
            settings.backend.servers.append(server)
        }
        edit(&settings)
        log = LogReceiver()
        let target = LogTarget(endpoint: .unix(""), facility: 16, location: location)
        var destinations = [LogDestination(target, place: .datagram(log.address))]
        if let other = settings.otherDestination { destinations.append(LogDestination(target, place: other)) }
        let proxyLog = ProxyLog(
            targets: Array(destinations.indices), tag: Array("haproxy".utf8), sessions: settings.sessionLog, hidesEmptySessions: settings.hidesEmptySessions,
            options: settings.logOptions)
        routes = servers.enumerated().map { ServerRoute(address: $1, isUsable: !settings.down.contains($0), weight: settings.weights?[$0] ?? 1) }
        let state = try ForwardingState(
            frontends: [settings.frontend], backends: [settings.backend], routes: [routes], sessionsMax: settings.sessionsMax, threads: settings.threads,
            destinations: destinations, frontendLogs: [proxyLog], tuning: settings.tuning, namespaces: settings.namespaces)
        port = TestServer.held(settings.listen)
        let address = port?.address ?? settings.listen
        var listeners: [[ThreadListener]] = []
        for _ in 0..<settings.threads {
            let isPath = if case .unix = address { true } else { false }
            if isPath || listeners.count >= settings.sockets, !listeners.isEmpty {
                listeners.append(listeners[isPath ? 0 : listeners.count % settings.sockets])
                continue
            }
            let isIP = address.port != nil
            let socket = TestServer.listen(address, sharesPort: isIP)
            let raw = dup(socket.raw)
            _ = fcntl(raw, F_SETFL, O_NONBLOCK)
            listeners.append([
                ThreadListener(
                    file: OpenFile(FileDescriptor(owning: raw)), frontend: 0, address: address, proxyHeader: settings.proxyHeader,
                    bind: settings.frontend.binds.isEmpty ? nil : 0)
            ])
        }
        self.address = address
        forwarder = try Forwarder(state: state, listeners: listeners)
    }

    deinit { forwarder.stop() }

    /// A new client.
    func connect(receiveBuffer: Int32? = nil) throws -> TestSocket {
        try #require(TestSocket(to: address, receiveBuffer: receiveBuffer), "connect: errno \(errno)")
    }

    /// Changes one server's route.
    func route(_ server: Int, _ edit: (inout ServerRoute) -> Void) {
        edit(&routes[server])
        state.setRoute(routes[server], of: ServerReference(backend: 0, server: server))
    }

    /// Sessions of the process, and places held at each server.
    var sessionCount: Int { state.process[0].pointee.sessions.value }
    func held(_ server: Int) -> Int { state.serverCells[server].pointee.sessions.value }

    func hasConnectFailed(_ server: Int) -> Bool { state.serverCells[server].pointee.retryReasons.load(ordering: .relaxed) != 0 }
    var pauses: UInt64 { state.process[0].pointee.pauses.load(ordering: .relaxed) }
    var droppedLogs: UInt64 { state.process[0].pointee.droppedLogs.load(ordering: .relaxed) }

    /// The buffers and pipes that the threads have lent, and their sessions, in total.
    var inUse: (sessions: UInt64, buffers: UInt64, pipes: UInt64) {
        state.counters.reduce(into: (0, 0, 0)) {
            $0.sessions += $1.own.sessionsNow.value
            $0.buffers += $1.own.buffersNow.value
            $0.pipes += $1.own.pipesNow.value
        }
    }

    /// True once no session exists and every lent buffer and pipe has been returned.
    func isEmptyEventually() -> Bool {
        eventually { sessionCount == 0 && inUse == (0, 0, 0) && state.backendCells[0].pointee.sessions.value == 0 }
    }

    /// The sum of a counter over threads and servers.
    func sum(_ counter: (borrowing ServerCounters) -> UInt64) -> UInt64 {
        state.counters.reduce(0) { sum, thread in (0..<thread.servers.count).reduce(sum) { $0 + counter(thread.servers[$1].pointee) } }
    }
}

/// A UDP socket that receives log lines.
final class LogReceiver {
    let address: SocketAddress
    private let socket: TestSocket

    init() {
        let any = SocketAddress.ip(.v4(0x7f00_0001), port: 0)
        guard let descriptor = try? Sockets.open(.datagram, for: any) else { fatalError("no socket") }
        socket = TestSocket(owning: descriptor.release())
        try? Sockets.bind(socket.raw, to: any)
        try? Sockets.set(SO_RCVBUF, at: SOL_SOCKET, to: 1 << 22, on: socket.raw)
        address = Sockets.localAddress(socket.raw) ?? any
    }

    /// The next line with its frame; empty when none arrives in time.
    func line() -> String { socket.receive(upTo: 4096).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    /// The next line of `option tcplog`, in its parts.
    func session() throws -> LoggedSession { try LoggedSession(line()) }

    /// The two letters of the next session's end.
    func flags() throws -> String { try session().flags }

    /// True when no line waits.
    func isSilent() -> Bool {
        var poll = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) == 0
    }
}
