import Proxy
import Wire

/// Session counts of frontends, servers and backends. A session is a client's connection; a frontend counts each one once.
struct SessionStatistics: Equatable, Sendable {
    /// `scur`: open sessions.
    var current = 0
    /// `smax`: the most open sessions.
    var peak = 0
    /// `slim`: the most sessions allowed at once (a frontend's or a server's `maxconn`, a backend's `fullconn`); `nil` for no limit.
    var limit: Int?
    /// `stot`: sessions since the start.
    var total = 0
    /// `bin`: bytes from clients.
    var bytesIn = 0
    /// `bout`: bytes to clients.
    var bytesOut = 0
    /// `rate`: new sessions a second.
    var rate = 0
    /// `rate_max`: the most new sessions in one second.
    var ratePeak = 0

    /// Nothing counted.
    init() {}

    /// Updates `rate` with `total`, and takes `rate` and `rate_max` from it.
    mutating func measure(_ rate: inout EventRate, now: Instant) {
        rate.count(total, now: now)
        (self.rate, ratePeak) = (rate.perSecond(now: now), rate.peak)
    }
}

/// Further counts of servers and backends.
struct ServingStatistics: Equatable, Sendable {
    /// `qcur`: waiting clients in the server's queue, or in the backend's, which has those that can use any server.
    var queued = 0
    /// `qmax`: the longest queue.
    var queuedPeak = 0
    /// `econ`: sessions that could not connect to a server.
    var connectErrors = 0
    /// `wretr`: retried connects.
    var retries = 0
    /// `wredis`: connects that were redispatched to another server.
    var redispatches = 0
    /// `chkdown`: the number of transitions to down; `nil` for a server without checks.
    var downs: Int? = 0
    /// `lastchg`: the time since the last transition to up or down.
    var sinceChange = Duration.zero
    /// `downtime`: the total time down; `nil` for a server without checks.
    var downtime: Duration? = .zero
    /// `lbtot`: how often load balancing selected it.
    var selections = 0
    /// `cli_abrt`: sessions that the client aborted.
    var clientAborts = 0
    /// `srv_abrt`: sessions that the server aborted.
    var serverAborts = 0
    /// `lastsess`: the time since the last session began; `nil` before the first.
    var sinceLastSession: Duration?
    /// `qtime`, `qtime_max`: the time in the queue.
    var queueTime = TimeStatistics()
    /// `ctime`, `ctime_max`: the time to connect.
    var connectTime = TimeStatistics()
    /// `ttime`, `ttime_max`: the time of whole sessions.
    var totalTime = TimeStatistics()
    /// `connect`: connect attempts.
    var connects = 0

    /// Nothing counted.
    init() {}
}

/// A mean and a maximum of times.
struct TimeStatistics: Equatable, Sendable {
    /// The mean over all sessions.
    var mean = Duration.zero
    /// The longest.
    var peak = Duration.zero

    /// Nothing measured.
    init() {}
}

/// The `FRONTEND` row.
struct FrontendStatistics: Equatable, Sendable {
    /// Values of `status`.
    enum Status: String, Sendable {
        /// At least one listener accepts.
        case open = "OPEN"
        /// No listener accepts.
        case stopped = "STOP"
    }

    /// `status`.
    var status = Status.open
    /// Sessions and bytes.
    var sessions = SessionStatistics()

    /// Nothing counted.
    init() {}
}

/// The row of a bind, with `option socket-stats`.
struct SocketStatistics: Equatable, Sendable {
    /// Values of `status`.
    enum Status: String, Sendable {
        /// It accepts.
        case open = "OPEN"
        /// It has reached its own `maxconn`.
        case full = "FULL"
        /// It does not accept.
        case waiting = "WAITING"
    }

    /// `svname`: `name` of the bind, or `sock-` and its number.
    var name: String
    /// `sid`: `id` of the bind, or its automatic number.
    var identifier: Int
    /// `status`.
    var status = Status.open
    /// Sessions and bytes; without rates.
    var sessions = SessionStatistics()
    /// `addr`: `unix` for a path.
    var address = ""

    /// Nothing counted.
    init(name: String, identifier: Int) { (self.name, self.identifier) = (name, identifier) }
}

/// The `BACKEND` row.
struct BackendStatistics: Equatable, Sendable {
    /// Values of `status`.
    enum Status: String, Sendable {
        /// At least one server is usable.
        case up = "UP"
        /// No server is usable.
        case down = "DOWN"
    }

    /// `status`.
    var status = Status.up
    /// Sessions and bytes.
    var sessions = SessionStatistics()
    /// Connects, queue and times.
    var serving = ServingStatistics()
    /// `uweight`: the sum of the usable servers' weights.
    var weight = 0
    /// `weight`: the sum of the usable servers' weights, where a warming server counts with its share.
    var effectiveWeight = 0
    /// `act`: usable servers that are not backups.
    var activeServers = 0
    /// `bck`: usable backups.
    var backupServers = 0
    /// The numbers of running servers and of all servers, for a status with counts.
    var serversRunning = 0
    var serversCount = 0
    /// `algo`: HAProxy's word for the algorithm of `balance`.
    var algorithm = "roundrobin"

    /// No counts and no servers.
    init() {}
}

/// One server's row.
struct ServerStatistics: Equatable, Sendable {
    /// `svname`.
    var name: String
    /// `sid`: from 1 within the backend, or `id` of its line.
    var identifier: Int
    /// Whether `identifier` is the `id` of its line.
    var hasFixedIdentifier = false
    /// `cookie` of its line.
    var cookie: String?
    /// `status`, such as "UP", "DOWN 1/2" or "MAINT".
    var status = "no check"
    /// Whether the server runs, regardless of whether it takes new sessions: if not, `srv_op_state` is 0.
    var isRunning = true
    /// Whether the server's database role and its checks allow new sessions: if not, `srv_op_state` of a running server is 3.
    var isFit = true
    /// `srv_admin_state`: why the server may not take sessions.
    var administration: AdministrativeFlags = []
    /// Sessions and bytes.
    var sessions = SessionStatistics()
    /// Connects, queue and times.
    var serving = ServingStatistics()
    /// `qlimit`: the most sessions that wait for this server only (`maxqueue`); `nil` for no limit.
    var queueMax: Int?
    /// `uweight`: the weight as last set.
    var weight = 1
    /// Whether the server warms up (`slowstart`): `srv_op_state` is then 1.
    var isWarming = false
    /// The part of `weight` in effect, in sixteenths.
    var share = SlowStart.fullShare
    /// The configured weight.
    var initialWeight = 1
    /// Whether the server is a backup, for `act` and `bck`.
    var isBackup = false
    /// `hanafail`: how often failed connects of its sessions had consequences; `nil` without `observe`.
    var observedFailures: Int?
    /// Statistics of its checks; `nil` without `check`.
    var check: CheckStatistics?
    /// Statistics of the questions to its agent; `nil` without `agent-check`.
    var agent: CheckStatistics?
    /// `tracked`: the server whose state it copies, "mysql/db1"; `nil` without `track`.
    var tracked: String?
    /// The destination of sessions; `nil` while the server's name has no address.
    var address: SocketAddress?
    /// The configured port, shown while there is no address.
    var port: UInt16 = 0
    /// The offset from the client's port; `nil` for a server with a fixed port.
    var portOffset: Int?
    /// The name that the address comes from; `nil` for a numeric address.
    var hostName: String?

    /// A server without known values.
    init(name: String, identifier: Int) {
        self.name = name
        self.identifier = identifier
    }
}
