import Proxy
import Wire

/// Advice that `-c` gives on a valid configuration whose times or zones contradict each other.
struct ConfigurationAdvice {
    /// The default idle time after which AWS's Network Load Balancer forgets a connection.
    static let balancerIdle = Duration.seconds(350)
    /// The time that a session may be silent before a server without keepalive is worth a warning.
    static let unwatchedSilence = Duration.seconds(60)

    private let configuration: AgentConfiguration
    private(set) var diagnostics: [Diagnostic] = []

    /// Computes the advice on `configuration`.
    init(_ configuration: AgentConfiguration) {
        self.configuration = configuration
        adviseOnRuntimeConnections()
        for frontend in configuration.frontends where !frontend.isDisabled {
            adviseOnSilence(frontend)
            adviseOnServers(frontend)
        }
        for backend in configuration.backends where !backend.isDisabled {
            adviseOnChecks(backend)
            adviseOnZones(backend)
        }
    }

    private mutating func warn(_ problem: String, _ advice: String, at location: ConfigurationLocation, in section: String) {
        diagnostics.append(Diagnostic(severity: .warning, location: location, section: section, problem: .custom(problem, advice: advice)))
    }

    private mutating func adviseOnRuntimeConnections() {
        guard configuration.global.statsConnectionsMax == 1, let location = configuration.global.statsConnectionsLocation else { return }
        warn(
            "'stats maxconn 1'", "a tool that stays connected, such as hatop, blocks all others: write 10, HAProxy's default",
            at: location, in: "global")
    }

    // MARK: Silence

    private mutating func adviseOnSilence(_ frontend: Frontend) {
        guard let location = frontend.binds.first?.location else { return }
        let section = Self.section(frontend)
        let backend = frontend.backend.map { configuration.backends[$0] }
        let times = [frontend.clientTimeout, backend?.serverTimeout].compactMap { $0 }
        // The shorter time ends a silent session, unless 'timeout tunnel' replaces both.
        let silence = backend?.tunnelTimeout ?? times.min()
        let text = silence.map { "may be silent for \(Self.text($0))" } ?? "may be silent forever"
        adviseOnKeepAlive(frontend.keepAlive, isSilent: silence ?? .seconds(Int64.max) > Self.balancerIdle, text, at: location, in: section)
        if let backend, !backend.keepAlive.isOn, silence ?? .seconds(Int64.max) > Self.unwatchedSilence {
            warn(
                "a session \(text), and this node does not notice that its server has vanished",
                "remove 'no option srvtcpka', so that keepalive notices it within \(backend.keepAlive.secondsToDetect)s", at: location, in: section)
        }
        if let client = frontend.clientTimeout, let connect = backend?.connectTimeout, connect >= client {
            warn(
                "'timeout connect \(Self.text(connect))' is not shorter than 'timeout client \(Self.text(client))'",
                "write a 'timeout connect' of a few seconds: clients do not wait longer", at: location, in: section)
        }
        if let client = frontend.clientTimeout, let server = backend?.serverTimeout, client != server, backend?.tunnelTimeout == nil {
            warn(
                "'timeout client \(Self.text(client))' and 'timeout server \(Self.text(server))' differ, and the shorter one ends every silent session",
                "write '\(Self.text(max(client, server)))' or '\(Self.text(min(client, server)))' for both", at: location, in: section)
        }
    }

    /// Warns of sessions without keepalive that may be silent for longer than the load balancer remembers them.
    private mutating func adviseOnKeepAlive(
        _ keepAlive: KeepAlive, isSilent: Bool, _ text: String, at location: ConfigurationLocation, in section: String
    ) {
        guard isSilent, !keepAlive.isOn || .seconds(keepAlive.idleSeconds) >= Self.balancerIdle else { return }
        let advice = keepAlive.isOn ? "write 'clitcpka-idle 120s'" : "remove 'no option clitcpka'"
        warn(
            "a session \(text), but AWS's load balancer forgets it after 350s",
            "\(advice), so that keepalive keeps it alive, or write 'timeout client 340s'", at: location, in: section)
    }

    /// Warns of a port without servers, where every session ends at once. It usually belonged to a statistics page whose lines were removed.
    private mutating func adviseOnServers(_ frontend: Frontend) {
        guard let location = frontend.binds.first?.location, let backend = frontend.backend.map({ configuration.backends[$0] }), backend.servers.isEmpty else {
            return
        }
        let section = Self.section(frontend)
        warn(
            "'\(backend.name)' has no servers: every session of this port ends at once",
            "remove the section, or keep HAProxy for it if it served a statistics page; otherwise add its 'server' lines", at: location, in: section)
    }

    // MARK: Checks

    private mutating func adviseOnChecks(_ backend: Backend) {
        let section = Self.section(backend)
        let checked = backend.servers.compactMap { server in server.check.map { (server, $0) } }
        // A program's time is at most `inter`, whatever `timeout check` is.
        if let limit = backend.checkTimeout, backend.check != .external, let (server, check) = checked.first(where: { limit > $0.1.interval }) {
            let worst = (limit + (check.fastInterval ?? check.interval)) * check.fall
            let interval = Self.interval(check, of: backend)
            warn(
                "'timeout check \(Self.text(limit))' is longer than \(interval): a hanging server is detected only after up to \(Self.text(worst))",
                "write 'timeout check \(Self.text(check.interval))'", at: server.location, in: section)
        }
        if let (server, check) = checked.first(where: { $0.1.fastInterval ?? .zero > $0.1.interval }), let fast = check.fastInterval {
            warn(
                "'fastinter \(Self.text(fast))' is longer than \(Self.interval(check, of: backend))",
                "write 'fastinter \(Self.text(check.interval))' or less", at: server.location, in: section)
        }
        if backend.closesSessionsOfUnreachable, checked.isEmpty, let server = backend.servers.first {
            warn(
                "'option shutdown-sessions-when-gone' without a 'check' has no effect", "add 'check' to the servers", at: server.location, in: section)
        }
    }

    /// The keyword and time of a server's check interval; a `database` section has its own keyword.
    private static func interval(_ check: CheckSettings, of backend: Backend) -> String {
        backend.database == nil ? "'inter \(text(check.interval))'" : "'interval \(text(check.interval))' of its section 'database'"
    }

    // MARK: Zones

    private mutating func adviseOnZones(_ backend: Backend) {
        let section = Self.section(backend)
        guard let zoned = backend.servers.first(where: { $0.zone != nil }), let zone = zoned.zone else {
            if backend.spillOver > 0, let server = backend.servers.first {
                warn("'spill-over \(backend.spillOver)%' without zones has no effect", "add 'zone NAME' to the servers", at: server.location, in: section)
            }
            return
        }
        guard let own = configuration.global.zone else {
            let advice = "write 'zone NAME' with this node's zone in section 'global'"
            return warn("'zone \(zone)' of a server has no effect: this node has no zone", advice, at: zoned.location, in: section)
        }
        if let server = backend.servers.first(where: { $0.zone == nil }) {
            warn("server '\(server.name)' has no zone and counts as near, though others have one", "add 'zone NAME' to it", at: server.location, in: section)
        } else if !backend.servers.contains(where: { $0.zone == own }) {
            warn(
                "no server is in zone '\(own)' of this node: all servers count alike", "correct the zones' names, or leave them out",
                at: zoned.location, in: section)
        }
    }

    private static func section(_ frontend: Frontend) -> String { "\(frontend.isListen ? "listen" : "frontend") \(frontend.name)" }

    private static func section(_ backend: Backend) -> String { "\(backend.isListen ? "listen" : "backend") \(backend.name)" }

    private static func text(_ time: Duration) -> String { ConfigurationValue.text(of: time) }
}
