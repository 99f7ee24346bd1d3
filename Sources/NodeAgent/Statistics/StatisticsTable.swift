import Proxy
import Wire

/// The columns of `show stat`, in HAProxy's order: the 103 of 2.6, sixteen more of 3.5, `-`, and the module fields of 3.5.
///
/// Header and rows both come from this table, so they cannot disagree. Most tools read columns by name; hatop and old exporters read them by position.
enum StatisticsTable {
    /// All columns.
    static let columns: [StatisticsColumn] =
        counterColumns + stateColumns + rateColumns + checkColumns + sessionColumns + timeColumns + connectionColumns + newerColumns + moduleColumns

    /// `# pxname,…,` without a newline.
    static let header = "# " + columns.map { $0.name + "," }.joined()

    /// The template of each kind of row.
    static let frontendLine = StatisticsLine(columns.map(\.frontend))
    static let backendLine = StatisticsLine(columns.map(\.backend))
    static let serverLine = StatisticsLine(columns.map(\.server))
    static let socketLine = StatisticsLine(columns.map(\.socket))

    /// The value of `weight` for a weight in sixteenths, rounded up.
    static func weight(sixteenths: Int) -> Int { (sixteenths + SlowStart.fullShare - 1) / SlowStart.fullShare }

    /// The percentage of its weight that a server in slow start has; 100 for a weight of 0; `nil` for any other server.
    static func throttle(_ server: ServerStatistics) -> Int? {
        guard server.isWarming, !server.administration.isDrain else { return nil }
        let full = SlowStart.fullShare * server.weight
        return full == 0 ? 100 : (100 * server.weight * server.share + SlowStart.fullShare - 1) / full
    }

    /// A backend's status, with counts if servers may have been left out.
    private static func status(_ row: StatisticsRow<BackendStatistics>) -> String {
        let (word, backend) = (row.values.status.rawValue, row.values)
        return row.countsServers ? "\(word) (\(backend.serversRunning)/\(backend.serversCount))" : word
    }

    private static func type<Values>(_ kind: StatisticsRowKind) -> StatisticsField<Values> { .constant(String(kind.rawValue)) }

    /// The destination of sessions as HAProxy writes it: `unix` for a path. A port relative to the client's appears as its offset.
    static func address(of server: ServerStatistics) -> String? {
        guard case .ip(let address, let port)? = server.address else { return server.address.map { _ in "unix" } }
        return "\(address.isV6 ? "[\(address)]" : "\(address)"):\(server.portOffset ?? Int(port))"
    }

    /// `pxname` to `wredis`.
    private static let counterColumns: [StatisticsColumn] = [
        .proxy("pxname") { $0.name },
        StatisticsColumn(
            "svname", frontend: .constant("FRONTEND"), backend: .constant("BACKEND"), server: .text { $0.values.name }, socket: .text { $0.values.name }),
        .serving("qcur") { $0.queued },
        .serving("qmax") { $0.queuedPeak },
        .sessions("scur", ofSocket: { $0.current }) { $0.current },
        .sessions("smax", ofSocket: { $0.peak }) { $0.peak },
        .sessions("slim", ofSocket: { $0.limit ?? 0 }) { $0.limit },
        .sessions("stot", ofSocket: { $0.total }) { $0.total },
        .sessions("bin", ofSocket: { $0.bytesIn }) { $0.bytesIn },
        .sessions("bout", ofSocket: { $0.bytesOut }) { $0.bytesOut },
        .zero("dreq", in: .frontend, .backend, .socket),
        .zero("dresp", in: .frontend, .backend, .server, .socket),
        .zero("ereq", in: .frontend, .socket),
        .serving("econ") { $0.connectErrors },
        .zero("eresp", in: .backend, .server),
        .serving("wretr") { $0.retries },
        .serving("wredis") { $0.redispatches },
    ]

    /// `status` to `type`.
    private static let stateColumns: [StatisticsColumn] = [
        StatisticsColumn(
            "status", frontend: .text { $0.values.status.rawValue }, backend: .text { status($0) }, server: .text { $0.values.status },
            socket: .text { $0.values.status.rawValue }),
        StatisticsColumn(
            "weight", backend: .number { $0.values.effectiveWeight }, server: .number { weight(sixteenths: $0.values.weight * $0.values.share) }),
        StatisticsColumn("act", backend: .number { $0.values.activeServers }, server: .number { $0.values.isBackup ? 0 : 1 }),
        StatisticsColumn("bck", backend: .number { $0.values.backupServers }, server: .number { $0.values.isBackup ? 1 : 0 }),
        StatisticsColumn("chkfail", server: .number { $0.values.check?.failures }),
        .serving("chkdown") { $0.downs },
        .serving("lastchg") { $0.sinceChange.wholeSeconds },
        .serving("downtime") { $0.downtime?.wholeSeconds },
        StatisticsColumn("qlimit", server: .number { $0.values.queueMax }),
        .constant("pid", "1"),
        .proxy("iid") { String($0.identifier) },
        StatisticsColumn(
            "sid", frontend: .constant("0"), backend: .constant("0"), server: .number { $0.values.identifier }, socket: .number { $0.values.identifier }),
        StatisticsColumn("throttle", server: .number { throttle($0.values) }),
        .serving("lbtot") { $0.selections },
        StatisticsColumn("tracked", server: .text { $0.values.tracked }),
        StatisticsColumn("type", frontend: type(.frontend), backend: type(.backend), server: type(.server), socket: type(.socket)),
    ]

    /// `rate` to `comp_rsp`.
    private static let rateColumns: [StatisticsColumn] =
        [
            .sessions("rate") { $0.rate },
            .zero("rate_lim", in: .frontend),
            .sessions("rate_max") { $0.ratePeak },
            .check("check_status", text: { ($0.isRunning ? "* " : "") + $0.status.name }),
            .check("check_code", number: { $0.code }),
            .check("check_duration", number: { $0.duration.map { Int($0.wholeMilliseconds) } }),
        ]
        + ["hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"].map { .empty($0) }
        + [StatisticsColumn("hanafail", server: .number { $0.values.observedFailures })]
        + ["req_rate", "req_rate_max", "req_tot"].map { .zero($0, in: .frontend) }
        + [.serving("cli_abrt") { $0.clientAborts }, .serving("srv_abrt") { $0.serverAborts }]
        + ["comp_in", "comp_out", "comp_byp", "comp_rsp"].map { .zero($0, in: .frontend, .backend) }

    /// `lastsess` to `agent_health`.
    private static let checkColumns: [StatisticsColumn] =
        [
            .serving("lastsess") { $0.sinceLastSession?.wholeSeconds ?? -1 },
            .check("last_chk", text: { $0.text }),
            .agent("last_agt", text: { $0.text }),
            .serving("qtime") { Int($0.queueTime.mean.wholeMilliseconds) },
            .serving("ctime") { Int($0.connectTime.mean.wholeMilliseconds) },
            .zero("rtime", in: .backend, .server),
            .serving("ttime") { Int($0.totalTime.mean.wholeMilliseconds) },
        ]
        + [
            .agent("agent_status", text: { ($0.isRunning ? "* " : "") + $0.status.name }),
            .agent("agent_code", number: { $0.code }),
            .agent("agent_duration", number: { $0.duration.map { Int($0.wholeMilliseconds) } }),
            .check("check_desc", text: { $0.status.text }),
            .agent("agent_desc", text: { $0.status.text }),
            .check("check_rise", number: { $0.rise }),
            .check("check_fall", number: { $0.fall }),
            .check("check_health", number: { $0.health }),
            .agent("agent_rise", number: { $0.rise }),
            .agent("agent_fall", number: { $0.fall }),
            .agent("agent_health", number: { $0.health }),
        ]

    /// `addr` to `dses`.
    private static let sessionColumns: [StatisticsColumn] = [
        StatisticsColumn(
            "addr", server: .text { $0.showsAddresses ? address(of: $0.values) : nil }, socket: .text { $0.showsAddresses ? $0.values.address : nil }),
        StatisticsColumn("cookie", server: .text { $0.values.cookie }),
        .constant("mode", "tcp"),
        StatisticsColumn("algo", backend: .text { $0.values.algorithm }),
        StatisticsColumn("conn_rate", frontend: .number { $0.values.sessions.rate }),
        StatisticsColumn("conn_rate_max", frontend: .number { $0.values.sessions.ratePeak }),
        StatisticsColumn("conn_tot", frontend: .number { $0.values.sessions.total }),
        .empty("intercepted"),
        .zero("dcon", in: .frontend, .socket),
        .zero("dses", in: .frontend, .socket),
    ]

    /// `wrew` to `ttime_max`.
    private static let timeColumns: [StatisticsColumn] = [
        .zero("wrew", in: .frontend, .backend, .server, .socket),
        .serving("connect") { $0.connects },
        .zero("reuse", in: .backend, .server),
        .empty("cache_lookups"),
        .empty("cache_hits"),
        .zero("srv_icur", in: .server),
        .empty("src_ilim"),
        .serving("qtime_max") { Int($0.queueTime.peak.wholeMilliseconds) },
        .serving("ctime_max") { Int($0.connectTime.peak.wholeMilliseconds) },
        .zero("rtime_max", in: .backend, .server),
        .serving("ttime_max") { Int($0.totalTime.peak.wholeMilliseconds) },
    ]

    /// `eint` to `agg_check_status`, the last column of 2.6.
    private static let connectionColumns: [StatisticsColumn] = [
        .zero("eint", in: .frontend, .backend, .server, .socket),
        .zero("idle_conn_cur", in: .server),
        .zero("safe_conn_cur", in: .server),
        StatisticsColumn("used_conn_cur", server: .number { $0.values.sessions.current }),
        StatisticsColumn("need_conn_est", server: .number { $0.values.sessions.current }),
        StatisticsColumn("uweight", backend: .number { $0.values.weight }, server: .number { $0.values.weight }),
        .zero("agg_server_status", in: .backend),
        .zero("agg_server_check_status", in: .backend),
        .zero("agg_check_status", in: .backend),
    ]

    /// Columns of 3.5 that follow those of 2.6.
    private static let newerColumns: [StatisticsColumn] =
        [.zero("srid", in: .server), StatisticsColumn("sess_other", frontend: .number { $0.values.sessions.total })]
        + ["h1sess", "h2sess", "h3sess", "req_other", "h1req", "h2req", "h3req"].map { .zero($0, in: .frontend) }
        + [
            .empty("proto"),
            .zero("priv_idle_cur", in: .server),
            .sessions("reqbin") { $0.bytesIn },
            .sessions("reqbout") { $0.bytesIn },
            .sessions("resbin") { $0.bytesOut },
            .sessions("resbout") { $0.bytesOut },
            .empty("cache_hint_hits"),
        ]

    /// The dash and the fields of modules, which are zeros because tsukada supports neither HTTP nor TLS.
    private static let moduleColumns: [StatisticsColumn] =
        [.constant("-", "-")]
        + [
            "h2_headers_rcvd", "h2_data_rcvd", "h2_settings_rcvd", "h2_rst_stream_rcvd", "h2_goaway_rcvd", "h2_detected_conn_protocol_errors",
            "h2_detected_strm_protocol_errors", "h2_rst_stream_resp", "h2_goaway_resp", "h2_open_connections", "h2_backend_open_streams",
            "h2_total_connections", "h2_backend_total_streams",
        ].map { .zero($0, in: .frontend, .backend) }
        + ["ssl_sess", "ssl_reused_sess", "ssl_failed_handshake", "ssl_ocsp_staple", "ssl_failed_ocsp_staple"].map {
            .zero($0, in: .frontend, .backend, .server, .socket)
        }
        + [
            "h1_open_connections", "h1_open_streams", "h1_total_connections", "h1_total_streams", "h1_bytes_in", "h1_bytes_out", "h1_spliced_bytes_in",
            "h1_spliced_bytes_out",
        ].map { .zero($0, in: .frontend, .backend) }
}
