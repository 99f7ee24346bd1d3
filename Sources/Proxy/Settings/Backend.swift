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

    /// True when the first checks are not spread over time: nobody writes before the writer is known.
    package var checksAtOnce: Bool { database?.role == .primary }

    /// A backend without servers.
    package init(name: String, identifier: Int) {
        self.name = name
        self.identifier = identifier
    }
}
