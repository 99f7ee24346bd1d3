/// The values of `show info`.
struct ProcessStatistics: Equatable, Sendable {
    /// A rate and its highest value, both per second.
    struct Rate: Equatable, Sendable {
        /// Over the last second.
        var current = 0
        /// The highest.
        var peak = 0

        /// Nothing counted.
        init() {}
    }

    /// The number of forwarding threads.
    var threads = 1
    /// The process's identifier.
    var processIdentifier = 0
    /// Time since the start.
    var uptime = Duration.zero
    /// When the process started, in seconds since 1970.
    var startSeconds = 0
    /// The descriptor limit.
    var descriptorsMax = 0
    /// `maxconn` of the process.
    var connectionsMax = 0
    /// Open client connections, which are sessions.
    var connectionsCurrent = 0
    /// Client connections since the start.
    var connectionsTotal = 0
    /// `pipesMax`: the most pipes that streams may use; `pipesUsed`: the pipes in use.
    var pipesMax = 0
    /// See `pipesMax`.
    var pipesUsed = 0
    /// The rate of accepted connections.
    var connectionRate = Rate()
    /// `maxconnrate` and `maxsessrate`; 0 for no limit.
    var connectionRateLimit = 0
    /// See `connectionRateLimit`.
    var sessionRateLimit = 0
    /// This node's name.
    var node = ""
    /// `description`; `nil` leaves the line out.
    var description: String?
    /// Whether a stop has been requested.
    var isStopping = false
    /// The number of listeners, sessions and runtime connections.
    var jobs = 0
    /// The number of listening sockets.
    var listeners = 0
    /// Log lines that could not be delivered to any target.
    var logLinesDropped = 0
    /// Failed resolutions.
    var resolutionsFailed = 0
    /// Bytes forwarded in both directions.
    var bytesTotal = 0
    /// The part of `bytesTotal` that was spliced.
    var bytesSpliced = 0
    /// Bytes forwarded over the last second.
    var bytesRate = 0
    /// How often a connection had to wait for `maxconn`.
    var connectionsMaxReached = 0

    /// Nothing counted.
    init() {}

    /// The lines in the order of HAProxy 3.5, each with a newline. Features that tsukada does not have (TLS, compression, peers) or does not measure show 0,
    /// and 100% idle.
    var text: String {
        (identityLines + limitLines + rateLines + stateLines + traceLines).map { "\($0.0): \($0.1)\n" }.joined()
    }

    private typealias Line = (String, String)

    private static func zeros(_ names: String...) -> [Line] { names.map { ($0, "0") } }

    private var identityLines: [Line] {
        let seconds = uptime.wholeSeconds
        return [
            ("Name", "HAProxy"), ("Version", Release.reportedVersion), ("Release_date", Release.reportedDate), ("Nbthread", "\(threads)"), ("Nbproc", "1"),
            ("Process_num", "1"), ("Pid", "\(processIdentifier)"),
            ("Uptime", "\(seconds / 86400)d \(seconds / 3600 % 24)h\(Self.twoDigits(seconds / 60 % 60))m\(Self.twoDigits(seconds % 60))s"),
            ("Uptime_sec", "\(seconds)"),
        ]
    }

    private var limitLines: [Line] {
        [
            ("Memmax_MB", "0"), ("PoolAlloc_MB", "0"), ("PoolUsed_MB", "0"), ("PoolFailed", "0"),
            ("Ulimit-n", "\(descriptorsMax)"), ("Maxsock", "\(descriptorsMax)"), ("Maxconn", "\(connectionsMax)"),
            ("Hard_maxconn", "\(connectionsMax)"), ("CurrConns", "\(connectionsCurrent)"), ("CumConns", "\(connectionsTotal)"),
            ("CumReq", "\(connectionsTotal)"),
        ] + Self.zeros("MaxSslConns", "CurrSslConns", "CumSslConns")
            + [("Maxpipes", "\(pipesMax)"), ("PipesUsed", "\(pipesUsed)"), ("PipesFree", "0")]
    }

    private var rateLines: [Line] {
        [
            ("ConnRate", "\(connectionRate.current)"), ("ConnRateLimit", "\(connectionRateLimit)"), ("MaxConnRate", "\(connectionRate.peak)"),
            ("SessRate", "\(connectionRate.current)"), ("SessRateLimit", "\(sessionRateLimit)"), ("MaxSessRate", "\(connectionRate.peak)"),
        ]
            + Self.zeros(
                "SslRate", "SslRateLimit", "MaxSslRate", "SslFrontendKeyRate", "SslFrontendMaxKeyRate", "SslFrontendSessionReuse_pct",
                "SslBackendKeyRate", "SslBackendMaxKeyRate", "SslCacheLookups", "SslCacheMisses", "CompressBpsIn", "CompressBpsOut",
                "CompressBpsRateLim")
    }

    private var stateLines: [Line] {
        [("Tasks", "0"), ("Run_queue", "0"), ("Idle_pct", "100"), ("node", node)]
            + (description.map { [("description", $0)] } ?? [])
            + [
                ("Stopping", isStopping ? "1" : "0"), ("Jobs", "\(jobs)"), ("Unstoppable Jobs", "0"), ("Listeners", "\(listeners)"),
                ("ActivePeers", "0"), ("ConnectedPeers", "0"), ("DroppedLogs", "\(logLinesDropped)"), ("BusyPolling", "0"),
                ("FailedResolutions", "\(resolutionsFailed)"), ("TotalBytesOut", "\(bytesTotal)"), ("TotalSplicedBytesOut", "\(bytesSpliced)"),
                ("BytesOutRate", "\(bytesRate)"),
            ]
    }

    private var traceLines: [Line] {
        Self.zeros("DebugCommandsIssued", "CumRecvLogs")
            + [
                ("Build info", Release.reportedVersion), ("Memmax_bytes", "0"), ("PoolAlloc_bytes", "0"), ("PoolUsed_bytes", "0"),
                ("Start_time_sec", "\(startSeconds)"), ("Tainted", "0"), ("TotalWarnings", "0"),
                ("MaxconnReached", "\(connectionsMaxReached)"), ("BootTime_ms", "0"), ("Niced_tasks", "0"),
                ("CurrStreams", "\(connectionsCurrent)"), ("CumStreams", "\(connectionsTotal)"),
            ] + Self.zeros("BlockedTrafficWarnings", "PatternsAdded", "PatternsFreed") + [("NbThreadGroups", "1")]
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
