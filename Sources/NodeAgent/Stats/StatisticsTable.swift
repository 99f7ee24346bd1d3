import Proxy
import Wire

/// The columns of `show stat`, in HAProxy's order: 2.6's 103, 3.5's sixteen, `-`, and the modules' fields of 3.5.
///
/// Header and rows are both made from this table, so they cannot disagree. Tools read by name, hatop and old exporters by position.
enum StatisticsTable {
    /// All of them.
    static let columns: [StatisticsColumn] =
        counterColumns + stateColumns + rateColumns + checkColumns + sessionColumns + timeColumns + connectionColumns + newerColumns + moduleColumns

    /// `# pxname,…,` without a line's end.
    static let header = "# " + columns.map { $0.name + "," }.joined()

    /// What `weight` shows of a weight in sixteenths: rounded up.
    static func weight(sixteenths: Int) -> Int { (sixteenths + SlowStart.fullShare - 1) / SlowStart.fullShare }

    /// The hundredths of its weight that a server has; all of none.
    private static func throttle(_ server: ServerStatistics) -> Int {
        let full = SlowStart.fullShare * server.weight
        return full == 0 ? 100 : (100 * server.weight * server.share + SlowStart.fullShare - 1) / full
    }

    /// The destination of sessions, as HAProxy writes it: `unix` for a path; a port relative to the client's shows as its offset.
    static func address(of server: ServerStatistics) -> String? {
        guard case .ip(let address, let port)? = server.address else { return server.address.map { _ in "unix" } }
        return "\(address.isV6 ? "[\(address)]" : "\(address)"):\(server.portOffset ?? Int(port))"
    }

    /// `pxname` to `wredis`.
    private static let counterColumns: [StatisticsColumn] = [
        .all("pxname") { $0.proxy.name },
        .all("svname") { $0.name },
        .serving("qcur") { $0.queued },
        .serving("qmax") { $0.queuedPeak },
        .sessions("scur", \.current),
        .sessions("smax", \.peak),
        .all("slim") { $0.sessions.limit.map(String.init) },
        .sessions("stot", \.total),
        .sessions("bin", \.bytesIn),
        .sessions("bout", \.bytesOut),
        .zero("dreq", in: .frontend, .backend),
        .zero("dresp", in: .frontend, .backend, .server),
        .zero("ereq", in: .frontend),
        .serving("econ") { $0.connectErrors },
        .zero("eresp", in: .backend, .server),
        .serving("wretr") { $0.retries },
        .serving("wredis") { $0.redispatches },
    ]

    /// `status` to `type`.
    private static let stateColumns: [StatisticsColumn] = [
        .all("status") { $0.status },
        .pair("weight", backend: { $0.effectiveWeight }, server: { weight(sixteenths: $0.weight * $0.share) }),
        .pair("act", backend: { $0.activeServers }, server: { $0.isBackup ? 0 : 1 }),
        .pair("bck", backend: { $0.backupServers }, server: { $0.isBackup ? 1 : 0 }),
        .server("chkfail") { $0.check.map { String($0.failures) } },
        .serving("chkdown") { $0.downs },
        .serving("lastchg") { $0.sinceChange.wholeSeconds },
        .serving("downtime") { $0.downtime?.wholeSeconds },
        .empty("qlimit"),
        .all("pid") { _ in "1" },
        .all("iid") { String($0.proxy.identifier) },
        .all("sid") { String($0.identifier) },
        .server("throttle") { $0.isWarming && !$0.administration.isDrain ? String(throttle($0)) : nil },
        .serving("lbtot") { $0.selections },
        .empty("tracked"),
        .all("type") { String($0.kind.rawValue) },
    ]

    /// `rate` to `comp_rsp`.
    private static let rateColumns: [StatisticsColumn] =
        [
            .sessions("rate", \.rate),
            .zero("rate_lim", in: .frontend),
            .sessions("rate_max", \.ratePeak),
            .check("check_status") { ($0.isRunning ? "* " : "") + $0.status.name },
            .check("check_code") { $0.code.map(String.init) },
            .check("check_duration") { $0.duration.map { String($0.wholeMilliseconds) } },
        ]
        + ["hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"].map { .empty($0) }
        + [.server("hanafail") { $0.observedFailures.map(String.init) }]
        + ["req_rate", "req_rate_max", "req_tot"].map { .zero($0, in: .frontend) }
        + [.serving("cli_abrt") { $0.clientAborts }, .serving("srv_abrt") { $0.serverAborts }]
        + ["comp_in", "comp_out", "comp_byp", "comp_rsp"].map { .zero($0, in: .frontend, .backend) }

    /// `lastsess` to `agent_health`.
    private static let checkColumns: [StatisticsColumn] =
        [
            .serving("lastsess") { $0.sinceLastSession?.wholeSeconds ?? -1 },
            .check("last_chk") { $0.text },
            .empty("last_agt"),
            .serving("qtime") { Int($0.queueTime.mean.wholeMilliseconds) },
            .serving("ctime") { Int($0.connectTime.mean.wholeMilliseconds) },
            .zero("rtime", in: .backend, .server),
            .serving("ttime") { Int($0.totalTime.mean.wholeMilliseconds) },
        ]
        + ["agent_status", "agent_code", "agent_duration"].map { .empty($0) }
        + [
            .check("check_desc") { $0.status.text },
            .empty("agent_desc"),
            .check("check_rise") { String($0.rise) },
            .check("check_fall") { String($0.fall) },
            .check("check_health") { String($0.health) },
        ]
        + ["agent_rise", "agent_fall", "agent_health"].map { .empty($0) }

    /// `addr` to `dses`.
    private static let sessionColumns: [StatisticsColumn] = [
        .all("addr") { row in
            guard case .server(let server) = row.subject, row.showsAddresses else { return nil }
            return address(of: server)
        },
        .empty("cookie"),
        .all("mode") { _ in "tcp" },
        .backend("algo") { $0.algorithm },
        .frontend("conn_rate") { $0.sessions.rate },
        .frontend("conn_rate_max") { $0.sessions.ratePeak },
        .frontend("conn_tot") { $0.sessions.total },
        .empty("intercepted"),
        .zero("dcon", in: .frontend),
        .zero("dses", in: .frontend),
    ]

    /// `wrew` to `ttime_max`.
    private static let timeColumns: [StatisticsColumn] = [
        .zero("wrew", in: .frontend, .backend, .server),
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

    /// `eint` to `agg_check_status`, the last one of 2.6.
    private static let connectionColumns: [StatisticsColumn] = [
        .zero("eint", in: .frontend, .backend, .server),
        .zero("idle_conn_cur", in: .server),
        .zero("safe_conn_cur", in: .server),
        .server("used_conn_cur") { String($0.sessions.current) },
        .server("need_conn_est") { String($0.sessions.current) },
        .pair("uweight", backend: { $0.weight }, server: { $0.weight }),
        .zero("agg_server_status", in: .backend),
        .zero("agg_server_check_status", in: .backend),
        .zero("agg_check_status", in: .backend),
    ]

    /// What 3.5 has after 2.6's columns.
    private static let newerColumns: [StatisticsColumn] =
        [.zero("srid", in: .server), .frontend("sess_other") { $0.sessions.total }]
        + ["h1sess", "h2sess", "h3sess", "req_other", "h1req", "h2req", "h3req"].map { .zero($0, in: .frontend) }
        + [
            .empty("proto"),
            .zero("priv_idle_cur", in: .server),
            .sessions("reqbin", \.bytesIn),
            .sessions("reqbout", \.bytesIn),
            .sessions("resbin", \.bytesOut),
            .sessions("resbout", \.bytesOut),
            .empty("cache_hint_hits"),
        ]

    /// The dash and the modules' fields: no HTTP and no TLS is spoken here, so they are zeros.
    private static let moduleColumns: [StatisticsColumn] =
        [.all("-") { _ in "-" }]
        + [
            "h2_headers_rcvd", "h2_data_rcvd", "h2_settings_rcvd", "h2_rst_stream_rcvd", "h2_goaway_rcvd", "h2_detected_conn_protocol_errors",
            "h2_detected_strm_protocol_errors", "h2_rst_stream_resp", "h2_goaway_resp", "h2_open_connections", "h2_backend_open_streams",
            "h2_total_connections", "h2_backend_total_streams",
        ].map { .zero($0, in: .frontend, .backend) }
        + ["ssl_sess", "ssl_reused_sess", "ssl_failed_handshake", "ssl_ocsp_staple", "ssl_failed_ocsp_staple"].map {
            .zero($0, in: .frontend, .backend, .server)
        }
        + [
            "h1_open_connections", "h1_open_streams", "h1_total_connections", "h1_total_streams", "h1_bytes_in", "h1_bytes_out", "h1_spliced_bytes_in",
            "h1_spliced_bytes_out",
        ].map { .zero($0, in: .frontend, .backend) }
}
