/// `balance`: how a backend chooses a server.
package enum BalanceAlgorithm: BitwiseCopyable, Equatable, Sendable {
    /// The number of draws of `balance random` without a number.
    package static let drawsDefault = 2

    /// In turn, in proportion to the weights.
    case roundRobin
    /// In turn, in proportion to weights that cannot change.
    case staticRoundRobin
    /// The server with the fewest sessions for its weight.
    case leastConnections
    /// By a hash of the client's address.
    case source
    /// By a hash of the value of an expression (`Backend.hashExpression`).
    case hash
    /// The server with the lowest `id` that has room.
    case first
    /// The server with the fewest sessions for its weight, among the servers of some random draws, at least one.
    case random(draws: Int)

    /// HAProxy's word in `show stat`, which has none for `random`.
    package var statisticsWord: String {
        switch self {
        case .roundRobin: "roundrobin"
        case .staticRoundRobin: "static-rr"
        case .leastConnections: "leastconn"
        case .source: "source"
        case .hash: "hash"
        case .first: "first"
        case .random: "unknown"
        }
    }

    /// True for algorithms that select the server by a hash.
    package var isHashed: Bool { self == .source || self == .hash }
}

/// Whether a session may move to another server after a failed connect: `option redispatch`.
package enum Redispatch: Equatable, Sendable {
    /// Immediately, to any other usable server.
    case on
    /// `no option redispatch`: the same server only.
    case off
    /// `option redispatch N`: after every N-th failed connect; if N is negative, N connects before the last one; never if it is 0. As in HAProxy, N matters only
    /// where a hash selects a certain server (`balance source`, `balance hash`); otherwise the session moves immediately.
    case every(Int)
}

/// The state file that a backend's servers are restored from at the start.
package enum StateSource: Equatable, Sendable {
    /// None.
    case none
    /// The file for all backends.
    case global
    /// The backend's own file.
    case local
}

/// A `backend`, or the serving half of a `listen` section.
package struct Backend: Equatable, Sendable {
    /// The section's name.
    package var name: String
    /// HAProxy's `iid`.
    package var identifier: Int
    /// True for the half of a `listen` section: log lines name it `proxy` instead of `backend`.
    package var isListen = false
    /// The servers, including `server-template` slots, in the order of the file.
    package var servers: [Server] = []
    /// `balance`.
    package var balance = BalanceAlgorithm.roundRobin
    /// The expression of `balance hash`; empty for other algorithms.
    package var hashExpression = ""
    /// `hash-type`, `hash-balance-factor`.
    package var hashing = HashSettings()
    /// The kind of check.
    package var check = CheckKind.connect
    /// The program of `option external-check`; `nil` for another kind of check.
    package var externalProgram: ExternalProgram?
    /// The `database` section of this proxy.
    package var database: DatabaseSettings?
    /// `option log-health-checks`.
    package var logsHealthChecks = false
    /// `retries`: connects after the first one.
    package var retriesMax = 3
    /// `retry-on`: whether failed connects are retried at all.
    package var retriesConnects = true
    /// `option redispatch`.
    package var redispatch = Redispatch.on
    /// `option allbackups`: whether all usable backups share the sessions when no other server is usable; otherwise the first one takes them.
    package var usesAllBackups = false
    /// `timeout connect`; `nil` for no limit.
    package var connectTimeout: Duration?
    /// `timeout server`: the idle time of the server's side; `nil` for no limit.
    package var serverTimeout: Duration?
    /// `timeout server-fin`: the idle time once the server's side is half-closed.
    package var serverFinTimeout: Duration?
    /// `timeout tunnel`: replaces both idle times once bytes have been sent in both directions.
    package var tunnelTimeout: Duration?
    /// `greeting-timeout`: how long a server that speaks first may be silent, from the connect on, while there are other servers.
    package var greetingTimeout = Duration.seconds(1)
    /// `option server-first`; `nil` to derive it from the checks.
    package var isServerFirst: Bool?
    /// `option hedge-greetings`: asks a second server when the first one's greeting is slower than the 99th percentile.
    package var hedgesGreetings = false
    /// The share of new sessions that may ask a second server early, in percent.
    package static let hedgePercentMax = 5
    /// `retry-budget`: the share of new sessions that may leave servers that do not respond, in percent.
    package var retryBudgetPercent = 20
    /// `timeout queue`; `nil` for `connectTimeout`.
    package var queueTimeout: Duration?
    /// `timeout check`: the time for a check once it is connected; `nil` for the server's `inter`.
    package var checkTimeout: Duration?
    /// `source`: the local address of connections to servers without their own `source`.
    package var source: SourceSettings?
    /// `option nolinger`: a client's end of stream ends the session, and connections to servers are reset.
    package var resetsServers = false
    /// `option abortonclose`: a client that ends its stream ends a session that has no server yet, even if the client has sent bytes.
    package var abortsOnClose = false
    /// `option independent-streams`: only bytes from the server count against `serverTimeout`, and not those that it receives.
    package var hasIndependentTimeout = false
    /// `option tcp-smart-connect`: if bytes wait for the server, they are sent with the last packet of the connect.
    package var delaysAcknowledgements = false
    /// Keepalive toward servers.
    package var keepAlive = KeepAlive.servers
    /// `option shutdown-sessions-when-gone`: closes the sessions of a server whose host has not responded for `rise` times `inter`.
    package var closesSessionsOfUnreachable = false
    /// `spill-over`: the percentage of sessions for servers in other zones while the node's zone has a usable server.
    package var spillOver = 0
    /// `fullconn`, shown as `slim`: the sessions at which servers with `minconn` reach their `maxconn`; `nil` for a tenth of the frontends' `maxconn`.
    package var fullConnections: Int?
    /// `load-server-state-from-file`.
    package var stateSource = StateSource.none
    /// `server-state-file-name`; `nil` for the section's name.
    package var stateFileName: String?
    /// `description`; not shown anywhere.
    package var description: String?
    /// `disabled`.
    package var isDisabled = false
    /// The targets of lines about states and checks.
    package var log = LogSettings()

    /// The `fullconn` of each of `backends`. As in HAProxy, the default is a tenth (rounded up) of the sum of `maxconn` over all frontends that name the backend,
    /// at least 1. A frontend without `maxconn` counts with `sessionsMax`.
    package static func fullConnections(of backends: [Backend], frontends: [Frontend], sessionsMax: Int) -> [Int] {
        var sums = Array(repeating: 0, count: backends.count)
        for frontend in frontends where !frontend.isDisabled {
            for backend in frontend.namedBackends { sums[backend] += frontend.connectionsMax ?? sessionsMax }
        }
        return zip(backends, sums).map { $0.fullConnections ?? max(1, ($1 + 9) / 10) }
    }

    /// The number of failed connects after which a session leaves a server: 1 for each of them, 0 for none.
    package var redispatchInterval: Int {
        switch redispatch {
        case .on: 1
        case .off: 0
        case .every where !balance.isHashed: 1
        case .every(let number): number >= 0 ? number : max(1, retriesMax + 1 + number)
        }
    }

    /// True if the algorithm has a map of the servers, which is made for the configured weights: operators cannot change them, and a server that comes back has
    /// its full weight at once.
    package var hasFixedWeights: Bool { balance == .staticRoundRobin || balance.isHashed && hashing.method == .mapBased }

    /// True when checks of `server` connect to the same address and port as its clients. What an external check does is unknown.
    package func checksTraffic(of server: Server) -> Bool {
        // A session's address may be that of its client's connection.
        guard let check = server.check, self.check != .external, !server.hasClientAddress else { return false }
        if case .script(let script) = self.check, script.connectsElsewhere { return false }
        if case .unix = server.endpoint { return true }
        guard !check.isAtOtherHost else { return false }
        return check.fixedPort == nil || server.port == check.fixedPort.map { .fixed($0) }
    }

    /// The local address of connections to `server`; `nil` for the kernel's choice.
    package func source(of server: Server) -> SourceSettings? { server.source ?? source }

    /// True when a connect to `server` needs the client's addresses.
    package func needsClient(_ server: Server) -> Bool { server.needsClient || source(of: server)?.needsClient ?? false }

    /// True when the first checks are not spread over an interval, because writes wait until the writer is known.
    package var checksAtOnce: Bool { database?.role == .primary }

    /// Gives each server its `identifier`: the `id` of its line, or HAProxy's automatic number.
    package mutating func numberServers() {
        for (place, number) in AutomaticNumbers.assign(fixed: servers.map { $0.hasFixedIdentifier ? $0.identifier : nil }).enumerated() {
            servers[place].identifier = number
        }
    }

    /// Creates a backend without servers.
    package init(name: String, identifier: Int) {
        self.name = name
        self.identifier = identifier
    }
}
