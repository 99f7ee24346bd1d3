import Glibc
import LinuxIO
import Proxy
import Support
import Testing
import Wire

/// A server on loopback that treats every connection in the same way.
final class CheckedServer {
    enum Behaviour {
        /// Sends a greeting, and answers the first bytes with the reply, if it has one.
        case greeting([UInt8], reply: [UInt8]?)
        /// Accepts and sends nothing.
        case silent
        /// Accepts and closes.
        case closing
        /// Accepts and resets.
        case resetting
    }

    let address: SocketAddress
    /// What each connection has sent, and how it ended: "FIN", "RST".
    private(set) var received: [[UInt8]] = []
    private(set) var ends: [String] = []
    /// The port that each connection came from.
    private(set) var sourcePorts: [UInt16] = []

    private let reactor: Reactor
    private let behaviour: Behaviour
    private let listener: OpenFile
    private var connections: [OpenFile] = []

    init(_ behaviour: Behaviour, on reactor: Reactor) throws {
        self.reactor = reactor
        self.behaviour = behaviour
        let any = SocketAddress.ip(.v4(0x7f00_0001), port: 0)
        listener = OpenFile(try Sockets.open(.stream, for: any))
        try Sockets.bind(listener.raw, to: any)
        try Sockets.listen(listener.raw, backlog: 16)
        address = try #require(Sockets.localAddress(listener.raw))
        try reactor.watch(listener.raw, for: .read) { [unowned self] _ in self.accept() }
    }

    func close() {
        reactor.unwatch(listener.raw)
        for connection in connections { reactor.unwatch(connection.raw) }
        connections = []
    }

    private func accept() {
        var source: SocketAddress?
        guard let descriptor = try? Sockets.accept(listener.raw, from: &source) else { return }
        let connection = OpenFile(descriptor)
        sourcePorts.append(source?.port ?? 0)
        let index = received.count
        received.append([])
        if case .closing = behaviour { return }
        if case .resetting = behaviour {
            var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
            setsockopt(connection.raw, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
            return
        }
        connections.append(connection)
        if case .greeting(let bytes, _) = behaviour { _ = try? Sockets.send(connection.raw, bytes[...]) }
        try? reactor.watch(connection.raw, for: .read) { [unowned self] _ in self.read(connection, index) }
    }

    private func read(_ connection: OpenFile, _ index: Int) {
        do {
            guard let bytes = try Sockets.receive(connection.raw, upTo: 4096) else { return }
            guard !bytes.isEmpty else { return end(connection, "FIN") }
            if received[index].isEmpty, case .greeting(_, let reply?) = behaviour { _ = try Sockets.send(connection.raw, reply[...]) }
            received[index] += bytes
        } catch {
            end(connection, "RST")
        }
    }

    private func end(_ connection: OpenFile, _ how: String) {
        ends.append(how)
        reactor.unwatch(connection.raw)
    }
}

/// A check runner for one server, with everything else that a test needs on one loop.
final class CheckBench {
    let reactor: Reactor
    var results: [CheckResult] = []
    var pace = CheckPace.steadyUp
    /// The error of opening a socket, and the number of failed attempts.
    var shortage: SystemError?
    private(set) var shortages = 0
    private(set) var runner: CheckRunner?

    init() throws { reactor = try Reactor() }

    func start(
        _ kind: CheckKind, at address: SocketAddress?, interval: Duration = .seconds(60), access: DatabaseAccess? = nil, source: CheckSource = CheckSource(),
        adjust: (inout Backend) -> Void = { _ in }
    ) {
        start(at: address, interval: interval, kind, source: source) { limits in
            access.map { CheckPlan($0, limits: limits) { _ in } } ?? CheckPlan(kind, limits: limits)
        } adjust: {
            adjust(&$0)
        }
    }

    func start(
        at address: SocketAddress?, interval: Duration = .seconds(60), _ kind: CheckKind = .connect,
        settings checkSettings: (Server) -> CheckSettings? = { $0.check }, source: CheckSource = CheckSource(), plan: @escaping (CheckLimits) -> CheckPlan,
        adjust: (inout Backend) -> Void = { _ in }
    ) {
        var backend = Backend(name: "b", identifier: 2)
        backend.check = kind
        backend.connectTimeout = .seconds(5)
        let location = ConfigurationLocation(file: "t", line: 1)
        var server = Server(name: "s", identifier: 1, endpoint: .name("s", port: 1), port: .fixed(1), location: location)
        var settings = CheckSettings()
        settings.interval = interval
        settings.fastInterval = .milliseconds(1)
        server.check = settings
        backend.servers = [server]
        adjust(&backend)
        let runner = CheckRunner(
            reactor: reactor, backends: [backend], settings: checkSettings, random: SplitMix64(seed: 1), plan: { plan($1) }, initialAddress: { _ in address },
            openSocket: { [unowned self] address, _ throws(SystemError) in
                guard let shortage else { return try Sockets.open(.stream, for: address) }
                shortages += 1
                throw shortage
            },
            source: source
        ) { [unowned self] _, result in
            results.append(result)
            return pace
        }
        runner.start()
        self.runner = runner
    }

    /// Runs the loop until `condition` holds.
    func run(until condition: () -> Bool) {
        let holds = reactor.run(until: condition)
        #expect(holds, "the condition was not reached")
    }
}
