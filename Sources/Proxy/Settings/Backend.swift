import Wire

/// How a backend chooses a server.
package enum BalanceAlgorithm: BitwiseCopyable, Sendable {
    /// By turns, in proportion to the weights.
    case roundRobin
    /// The one with the fewest sessions for its weight.
    case leastConnections
    /// By the client's address.
    case source

    /// HAProxy's keyword, as `show stat` has it.
    package var keyword: String {
        switch self {
        case .roundRobin: "roundrobin"
        case .leastConnections: "leastconn"
        case .source: "source"
        }
    }
}

/// Whether a failed connect may go to another server: `option redispatch`.
package enum Redispatch: Equatable, Sendable {
    /// At once, to any other usable server.
    case on
    /// `no option redispatch`: the same server only.
    case off
}

/// Which state file tells of a backend's servers at start.
package enum StateSource: Equatable, Sendable {
    /// None.
    case none
    /// The one of all backends.
    case global
    /// Its own.
    case local
}

/// A `backend`, or the serving half of a `listen` section.
package struct Backend: Equatable, Sendable {
    /// The section's name.
    package var name: String
    /// HAProxy's `iid`.
    package var identifier: Int
    /// True for the half of a `listen` section: log lines say `proxy` instead of `backend`.
    package var isListen = false
    /// Its servers, `server-template` slots included, in the order of the file.
    package var servers: [Server] = []
    /// `balance`.
    package var balance = BalanceAlgorithm.roundRobin
    /// What checks do.
    package var check = CheckKind.connect
    /// The `database` section of this proxy.
    package var database: DatabaseSettings?
    /// `option log-health-checks`.
    package var logsHealthChecks = false
    /// `retries`: connects after the first one.
    package var retriesMax = 3
    /// `option redispatch`.
    package var redispatch = Redispatch.on
    /// `timeout connect`; `nil` for ever.
    package var connectTimeout: Duration?
    /// `timeout server`: idle time of the server's side; `nil` for ever.
    package var serverTimeout: Duration?
    /// `timeout server-fin`: the same once the server's side is half-closed.
    package var serverFinTimeout: Duration?
    /// `timeout tunnel`: replaces both idle times once bytes have gone both ways.
    package var tunnelTimeout: Duration?
    /// `greeting-timeout`: how long a server that speaks first may be silent, from the connect on, while there are others.
    package var greetingTimeout = Duration.seconds(1)
    /// `option server-first`; `nil` where checks tell.
    package var isServerFirst: Bool?
    /// `option hedge-greetings`: a second server is asked when the first one's greeting is later than nearly all are.
    package var hedgesGreetings = false
    /// The share of the new sessions for which that is done, in percent.
    package static let hedgePercentMax = 5
    /// `retry-budget`: which share of the new sessions may leave servers that do not answer, in percent.
    package var retryBudgetPercent = 20
    /// `timeout queue`; `nil` for `connectTimeout`.
    package var queueTimeout: Duration?
    /// `timeout check`: what a check may take once it is connected; `nil` for the server's `inter`.
    package var checkTimeout: Duration?
    /// Keepalive toward servers.
    package var keepAlive = KeepAlive.servers
    /// `option shutdown-sessions-when-gone`: sessions of a server whose host has not answered for `rise` times `inter` are closed.
    package var closesSessionsOfGone = false
    /// `spill-over`: hundredths of the sessions that go to other zones while the own one has a usable server.
    package var spillOver = 0
    /// `fullconn`, shown as `slim`; `nil` for a tenth of the frontends' `maxconn`.
    package var fullConnections: Int?
    /// `load-server-state-from-file`.
    package var stateSource = StateSource.none
    /// `server-state-file-name`; `nil` for the section's name.
    package var stateFileName: String?
    /// `description`; nothing shows it yet.
    package var description: String?
    /// `disabled`.
    package var isDisabled = false
    /// Where state and check lines go.
    package var log = LogSettings()

    /// True when its checks go where its clients do.
    package func checksTraffic(of server: Server) -> Bool {
        guard let check = server.check else { return false }
        if case .unix = server.endpoint { return true }
        guard !check.isAtOtherHost else { return false }
        return check.port == nil || server.port == check.port.map { .fixed($0) }
    }

    /// A backend without servers.
    package init(name: String, identifier: Int) {
        self.name = name
        self.identifier = identifier
    }
}

/// The port that a server is connected to.
package enum PortRule: Equatable, Sendable {
    /// This one.
    case fixed(UInt16)
    /// The port that the client connected to, plus an offset.
    case client(offset: Int)
}

/// Where a server's address comes from at start: an element of `init-addr`.
package enum InitialAddress: Equatable, Sendable {
    /// The state file of an earlier run.
    case last
    /// The hosts file, then the machine's nameserver.
    case libc
    /// No address: the server waits in maintenance.
    case none
    /// This address.
    case ip(IPAddress)
}

/// Which records are asked for first: `resolve-prefer`.
package enum AddressFamily: Equatable, Sendable {
    case v4, v6
}

/// What happens to a server's sessions when it goes down: `on-marked-down`.
package enum OnMarkedDown: Equatable, Sendable {
    /// They go on.
    case none
    /// They are closed.
    case shutdownSessions
}

/// What happens to the backups' sessions when a server that is none comes up: `on-marked-up`.
package enum OnMarkedUp: Equatable, Sendable {
    /// They go on.
    case none
    /// They are closed.
    case shutdownBackupSessions
}

/// One server of a backend.
package struct Server: Equatable, Sendable {
    /// Its name: `read01`.
    package var name: String
    /// HAProxy's `sid`: from 1 within the backend.
    package var identifier: Int
    /// A numeric address, a host name or a UNIX path. The port in it is the one of `port` when that is fixed, else 0.
    package var endpoint: Endpoint
    /// The port sessions go to; meaningless for a UNIX path.
    package var port: PortRule
    /// `weight`, 0 to 256.
    package var weight = 1
    /// `backup`: used only while no other server is usable.
    package var isBackup = false
    /// `disabled`: starts in maintenance.
    package var isDisabled = false
    /// `maxconn`: sessions at once; 0 for no limit.
    package var connectionsMax = 0
    /// `check`, with its settings; `nil` without checks.
    package var check: CheckSettings?
    /// `resolvers`: the section that keeps the address current; `nil` for the start's address for ever.
    package var resolvers: String?
    /// `resolve-prefer`.
    package var preferredFamily = AddressFamily.v4
    /// `init-addr`, tried in this order.
    package var initialAddresses: [InitialAddress] = [.last, .libc]
    /// `send-proxy`, `send-proxy-v2`: the header that tells it the client's address; `nil` for none.
    package var proxyHeader: ProxyHeaderForm?
    /// `on-marked-down`.
    package var onMarkedDown = OnMarkedDown.none
    /// `on-marked-up`.
    package var onMarkedUp = OnMarkedUp.none
    /// `slowstart`, zero for none; `nil` where it is not written.
    package var slowStart: Duration?
    /// `observe layer4` with its `error-limit` and `on-error`; `nil` without it.
    package var observation: ConnectObservation?
    /// `tcp-ut`: how long what was sent may wait for its acknowledgement; `nil` for the system's time.
    package var userTimeout: Duration?
    /// `zone`; `nil` for a server that is near everywhere.
    package var zone: String?
    /// True in another zone than the node.
    package var isFar = false
    /// True when its name is a service's, whose records tell hosts, ports, weights and priorities: `_mysql._tcp.db.internal`.
    package var isOfService: Bool {
        guard resolvers != nil, case .name(let name, _) = endpoint else { return false }
        return DNSName(name)?.isOfService ?? false
    }

    /// True when a connect to it needs the client's addresses: for a PROXY header, or for a port relative to the client's.
    package var needsClient: Bool {
        if proxyHeader != nil { return true }
        if case .unix = endpoint { return false }
        return if case .client = port { true } else { false }
    }

    /// True for a slot of a `server-template`: slots of one name share its addresses, each a different one.
    package var isTemplateSlot = false
    /// True for a slot that another proxy's `discover` fills: its name is asked of nobody.
    package var isDiscovered = false
    /// Where the line stands.
    package var location: ConfigurationLocation

    /// A server with HAProxy's defaults.
    package init(name: String, identifier: Int, endpoint: Endpoint, port: PortRule, location: ConfigurationLocation) {
        self.name = name
        self.identifier = identifier
        self.endpoint = endpoint
        self.port = port
        self.location = location
    }
}

/// A server's place: which backend of the configuration, which server of the backend.
package struct ServerReference: Hashable, Comparable, Sendable {
    /// Index into the configuration's backends.
    package let backend: Int
    /// Index into that backend's servers.
    package let server: Int

    /// Server `server` of backend `backend`.
    package init(backend: Int, server: Int) {
        self.backend = backend
        self.server = server
    }

    /// In the order of the file.
    package static func < (left: ServerReference, right: ServerReference) -> Bool {
        (left.backend, left.server) < (right.backend, right.server)
    }
}
