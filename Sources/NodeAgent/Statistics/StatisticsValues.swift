import Proxy
import Wire

/// What frontends, servers and backends all count of their sessions. A session is a connection here: a frontend's are counted once.
struct SessionStatistics: Equatable, Sendable {
    /// `scur`: sessions open now.
    var current = 0
    /// `smax`: the most at once.
    var peak = 0
    /// `slim`: how many may be open at once (a frontend's or a server's `maxconn`, a backend's `fullconn`); `nil` for no limit.
    var limit: Int?
    /// `stot`: sessions since the start.
    var total = 0
    /// `bin`: bytes from clients.
    var bytesIn = 0
    /// `bout`: bytes to clients.
    var bytesOut = 0
    /// `rate`: new sessions a second.
    var rate = 0
    /// `rate_max`: the most of one second.
    var ratePeak = 0

    /// Nothing counted.
    init() {}

    /// Takes `rate` and `rate_max` from `rate`, which gets `total`.
    mutating func measure(_ rate: inout EventRate, now: Instant) {
        rate.count(total, now: now)
        (self.rate, ratePeak) = (rate.perSecond(now: now), rate.peak)
    }
}

/// What servers and backends count beyond their sessions.
struct ServingStatistics: Equatable, Sendable {
    /// `qcur`: clients that wait in the queue now.
    var queued = 0
    /// `qmax`: the longest queue.
    var queuedPeak = 0
    /// `econ`: sessions that found no connection to a server.
    var connectErrors = 0
    /// `wretr`: connects tried again.
    var retries = 0
    /// `wredis`: connects that went on to another server.
    var redispatches = 0
    /// `chkdown`: how often it went down; `nil` for a server without checks.
    var downs: Int? = 0
    /// `lastchg`: since it last went up or down.
    var sinceChange = Duration.zero
    /// `downtime`: how long it has been down altogether; `nil` for a server without checks.
    var downtime: Duration? = .zero
    /// `lbtot`: how often balancing chose it.
    var selections = 0
    /// `cli_abrt`: sessions that the client broke.
    var clientAborts = 0
    /// `srv_abrt`: sessions that the server broke.
    var serverAborts = 0
    /// `lastsess`: since the last session began; `nil` before the first.
    var sinceLastSession: Duration?
    /// `qtime`, `qtime_max`: in the queue.
    var queueTime = TimeStatistics()
    /// `ctime`, `ctime_max`: connecting.
    var connectTime = TimeStatistics()
    /// `ttime`, `ttime_max`: whole sessions.
    var totalTime = TimeStatistics()
    /// `connect`: connects begun.
    var connects = 0

    /// Nothing counted.
    init() {}
}

/// A mean and a maximum.
struct TimeStatistics: Equatable, Sendable {
    /// The mean of all sessions.
    var mean = Duration.zero
    /// The longest.
    var peak = Duration.zero

    /// Nothing measured.
    init() {}
}

/// The `FRONTEND` row.
struct FrontendStatistics: Equatable, Sendable {
    /// What the row's `status` says.
    enum Status: String, Sendable {
        /// At least one listener accepts.
        case open = "OPEN"
        /// None does.
        case stopped = "STOP"
    }

    /// `status`.
    var status = Status.open
    /// Sessions and bytes.
    var sessions = SessionStatistics()

    /// Nothing counted.
    init() {}
}

/// The `BACKEND` row.
struct BackendStatistics: Equatable, Sendable {
    /// What the row's `status` says.
    enum Status: String, Sendable {
        /// A server is usable.
        case up = "UP"
        /// None is.
        case down = "DOWN"
    }

    /// `status`.
    var status = Status.up
    /// Sessions and bytes.
    var sessions = SessionStatistics()
    /// Connects, queue and times.
    var serving = ServingStatistics()
    /// `uweight`: the usable servers' weights.
    var weight = 0
    /// `weight`: the same, with what servers that are being warmed have of theirs.
    var effectiveWeight = 0
    /// `act`: usable servers that are no backups.
    var activeServers = 0
    /// `bck`: usable backups.
    var backupServers = 0
    /// Running servers, and all servers: a status with counts shows both.
    var serversRunning = 0
    var serversCount = 0
    /// `algo`: the keyword of `balance`.
    var algorithm = "roundrobin"

    /// Nothing counted, no server.
    init() {}
}

/// One server's row.
struct ServerStatistics: Equatable, Sendable {
    /// `svname`.
    var name: String
    /// `sid`: from 1 within the backend.
    var identifier: Int
    /// `status`: "UP", "DOWN 1/2", "MAINT".
    var status = "no check"
    /// It runs, whether or not it takes new sessions: `srv_op_state` is 0 otherwise.
    var isRunning = true
    /// It would take new sessions as far as its role goes; `srv_op_state` of one that runs is 3 otherwise.
    var isFit = true
    /// Why it may not take sessions: `srv_admin_state`.
    var administration: AdministrativeFlags = []
    /// Sessions and bytes.
    var sessions = SessionStatistics()
    /// Connects, queue and times.
    var serving = ServingStatistics()
    /// `uweight`: the weight as it was last set.
    var weight = 1
    /// It is being warmed, `slowstart`: `srv_op_state` is 1 then.
    var isWarming = false
    /// The sixteenths of `weight` that count.
    var share = SlowStart.fullShare
    /// The weight in the configuration.
    var initialWeight = 1
    /// `act` and `bck`.
    var isBackup = false
    /// `hanafail`: how often its sessions' failed connects had consequences; `nil` without `observe`.
    var observedFailures: Int?
    /// Its checks; `nil` without `check`.
    var check: CheckStatistics?
    /// Where sessions go; `nil` while its name has no address.
    var address: SocketAddress?
    /// The port in the configuration, shown while there is no address.
    var port: UInt16 = 0
    /// The offset from the client's port; `nil` for a server with a port of its own.
    var portOffset: Int?
    /// The name that its address comes from; `nil` for a numeric address.
    var hostName: String?

    /// A server that nothing is known of.
    init(name: String, identifier: Int) {
        self.name = name
        self.identifier = identifier
    }
}
