import Proxy
import Testing
import Wire

@testable import NodeAgent

/// One proxy with all its values.
struct ProxyStatistics {
    var name: String
    var identifier: Int
    var frontend: FrontendStatistics?
    var sockets: [SocketStatistics] = []
    var servers: [ServerStatistics] = []
    var backend: BackendStatistics?
    var isDisabled = false

    init(name: String, identifier: Int) { (self.name, self.identifier) = (name, identifier) }
}

/// Statistics with constant values.
struct StatisticsSnapshot: StatisticsSource {
    var process = ProcessStatistics()
    var proxies: [ProxyStatistics] = []

    var outlines: [ProxyOutline] {
        proxies.enumerated().map { place, proxy in
            var outline = ProxyOutline(name: proxy.name, identifier: proxy.identifier)
            if proxy.frontend != nil { outline.frontend = place }
            if proxy.backend != nil { outline.backend = place }
            (outline.socketsCount, outline.serversCount, outline.isDisabled) = (proxy.sockets.count, proxy.servers.count, proxy.isDisabled)
            return outline
        }
    }

    func processStatistics() -> ProcessStatistics { process }
    func frontendStatistics(_ frontend: Int) -> FrontendStatistics { proxies[frontend].frontend ?? FrontendStatistics() }
    func socketStatistics(_ bind: Int, of frontend: Int) -> SocketStatistics { proxies[frontend].sockets[bind] }
    func serverStatistics(_ server: ServerReference) -> ServerStatistics { proxies[server.backend].servers[server.server] }

    func backendStatistics(_ backend: Int) -> BackendStatistics {
        var row = proxies[backend].backend ?? BackendStatistics()
        row.serversRunning = proxies[backend].servers.count { $0.isRunning }
        row.serversCount = proxies[backend].servers.count
        return row
    }
}

/// A `listen mysql` with two servers, in the form of statistics.
func sampleSnapshot() -> StatisticsSnapshot {
    var frontend = FrontendStatistics()
    frontend.sessions.limit = 2000
    frontend.sessions.total = 3
    frontend.sessions.peak = 1
    frontend.sessions.bytesIn = 230
    frontend.sessions.bytesOut = 388
    frontend.sessions.ratePeak = 2
    var proxy = ProxyStatistics(name: "mysql", identifier: 2)
    proxy.frontend = frontend
    proxy.servers = [sampleServer("db1", 1, port: 13307), sampleServer("db2", 2, port: 13308)]
    proxy.backend = BackendStatistics()
    var snapshot = StatisticsSnapshot()
    snapshot.proxies = [proxy]
    snapshot.process.node = "tsukada01"
    snapshot.process.uptime = .seconds(90061)
    return snapshot
}

private func sampleServer(_ name: String, _ identifier: Int, port: UInt16) -> ServerStatistics {
    var server = ServerStatistics(name: name, identifier: identifier)
    var check = CheckStatistics()
    check.status = .layer7OK
    check.code = 0
    check.duration = .zero
    check.health = 4
    server.check = check
    server.status = "UP"
    server.address = .ip(.v4(0x7f00_0001), port: port)
    server.port = port
    server.serving.sinceChange = .seconds(52)
    return server
}

@Suite("Statistics")
struct StatisticsTests {
    @Test("have 3.5's header, and 2.6's 103 columns at its beginning")
    func header() {
        let expected =
            "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,agg_check_status,srid,sess_other,h1sess,h2sess,h3sess,req_other,h1req,h2req,h3req,proto,priv_idle_cur,reqbin,reqbout,resbin,resbout,cache_hint_hits,-,h2_headers_rcvd,h2_data_rcvd,h2_settings_rcvd,h2_rst_stream_rcvd,h2_goaway_rcvd,h2_detected_conn_protocol_errors,h2_detected_strm_protocol_errors,h2_rst_stream_resp,h2_goaway_resp,h2_open_connections,h2_backend_open_streams,h2_total_connections,h2_backend_total_streams,ssl_sess,ssl_reused_sess,ssl_failed_handshake,ssl_ocsp_staple,ssl_failed_ocsp_staple,h1_open_connections,h1_open_streams,h1_total_connections,h1_total_streams,h1_bytes_in,h1_bytes_out,h1_spliced_bytes_in,h1_spliced_bytes_out,"
        #expect(StatisticsTable.header == expected)
        #expect(StatisticsTable.columns.firstIndex { $0.name == "agg_check_status" } == 102)
        #expect(StatisticsTable.columns.firstIndex { $0.name == "-" } == 119)
    }

    @Test("show a frontend byte for byte as HAProxy 3.5 does")
    func frontendRow() {
        var snapshot = sampleSnapshot()
        snapshot.proxies[0].name = "mysql-in"
        let line = snapshot.csv().whole().split(separator: "\n")[1]
        #expect(
            line
                == "mysql-in,FRONTEND,,,0,1,2000,3,230,388,0,0,0,,,,,OPEN,,,,,,,,,1,2,0,,,,0,0,0,2,,,,,,,,,,,0,0,0,,,0,0,0,0,,,,,,,,,,,,,,,,,,,,,tcp,,0,2,3,,0,0,0,,,,,,,,,,,0,,,,,,,,,,3,0,0,0,0,0,0,0,,,230,230,388,388,,-,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
        )
    }

    @Test("show a checked server byte for byte as HAProxy 3.5 does")
    func serverRow() {
        var snapshot = sampleSnapshot()
        snapshot.proxies[0].identifier = 3
        snapshot.proxies[0].name = "my"
        let line = snapshot.csv().whole().split(separator: "\n")[3]
        #expect(
            line
                == "my,db2,0,0,0,0,,0,0,0,,0,,0,0,0,0,UP,1,1,0,0,0,52,0,,1,3,2,,0,,2,0,,0,L7OK,0,0,,,,,,,,,,,0,0,,,,,-1,,,0,0,0,0,,,,Layer7 check passed,,2,3,4,,,,127.0.0.1:13308,,tcp,,,,,,,,0,0,0,,,0,,0,0,0,0,0,0,0,0,0,1,,,,0,,,,,,,,,,0,0,0,0,0,,-,,,,,,,,,,,,,,0,0,0,0,0,,,,,,,,,"
        )
    }

    @Test("have as many fields in each row as in the header")
    func equalLengths() {
        let counts = Set(sampleSnapshot().csv().whole().split(separator: "\n").map { $0.filter { $0 == "," }.count })
        #expect(counts == [StatisticsTable.columns.count])
    }

    @Test("filter by proxy, kind, server and state")
    func filters() {
        var snapshot = sampleSnapshot()
        snapshot.proxies[0].servers[0].isRunning = false
        snapshot.proxies[0].servers[1].administration = .forcedMaintenance
        func names(_ filter: StatisticsFilter) -> [Substring] {
            snapshot.csv(filter).whole().split(separator: "\n").dropFirst().map { $0.split(separator: ",", omittingEmptySubsequences: false)[1] }
        }
        var filter = StatisticsFilter()
        filter.kinds = 4
        #expect(names(filter) == ["db1", "db2"])
        filter.server = 2
        #expect(names(filter) == ["db2"])
        filter = StatisticsFilter()
        filter.hidesDown = true
        #expect(names(filter) == ["FRONTEND", "BACKEND"])
        filter = StatisticsFilter()
        filter.hidesMaintenance = true
        #expect(names(filter) == ["FRONTEND", "db1", "BACKEND"])
        filter.proxies = .identifier(99)
        #expect(names(filter).isEmpty)
    }

    @Test("state in a backend's status how many servers run when rows are left out")
    func runningServers() {
        var snapshot = sampleSnapshot()
        snapshot.proxies[0].servers[0].isRunning = false
        var filter = StatisticsFilter()
        filter.kinds = 2
        #expect(snapshot.csv(filter).whole().contains(",UP,"))
        filter.hidesMaintenance = true
        #expect(snapshot.csv(filter).whole().contains(",UP (1/2),"))
    }

    @Test("show only the number of failed checks during a maintenance")
    func maintenance() {
        var snapshot = sampleSnapshot()
        snapshot.proxies[0].servers[0].administration = .forcedMaintenance
        snapshot.proxies[0].servers[0].status = "MAINT"
        let fields = snapshot.csv().whole().split(separator: "\n")[2].split(separator: ",", omittingEmptySubsequences: false)
        let named = Dictionary(zip(StatisticsTable.columns.map(\.name), fields), uniquingKeysWith: { first, _ in first })
        #expect(named["status"] == "MAINT" && named["chkfail"] == "0")
        for name in ["check_status", "check_code", "check_duration", "check_desc", "check_rise", "check_fall", "check_health", "last_chk"] {
            #expect(named[name]?.isEmpty == true, "\(name)")
        }
    }

    @Test("name the listening proxies first when they stop")
    func stoppingOrder() {
        var snapshot = sampleSnapshot()
        snapshot.proxies.insert(ProxyStatistics(name: "pool", identifier: 1), at: 0)
        #expect(snapshot.outlines.stoppingOrder.map(\.name) == ["mysql", "pool"])
    }

    @Test("leave out a disabled proxy, except for its servers' states")
    func disabledProxy() {
        var snapshot = sampleSnapshot()
        snapshot.proxies[0].isDisabled = true
        #expect(snapshot.csv().whole() == StatisticsTable.header + "\n")
        #expect(snapshot.outlines.stoppingOrder.isEmpty)
        #expect(snapshot.serversState(backend: "mysql")?.whole().contains("db1") == true)
    }

    @Test("quote fields that would break a line")
    func quoting() {
        #expect(StatisticsTable.quoted("a,b") == "\"a,b\"")
        #expect(StatisticsTable.quoted("say \"no\"\n") == "\"say \"\"no\"\" \"")
        #expect(StatisticsTable.quoted("plain") == "plain")
        #expect(StatisticsTable.quoted("a\u{1b}[31m <b>") == "a<1B>[31m <b>")
        #expect(StatisticsTable.quoted("a\r\nb, \u{9b}31m") == "\"a  b, <C2><9B>31m\"")
    }

    @Test("list the servers' states as HAProxy does")
    func serversState() throws {
        var snapshot = sampleSnapshot()
        snapshot.proxies[0].servers[1].address = nil
        snapshot.proxies[0].servers[1].hostName = "db2.example"
        snapshot.proxies[0].servers[1].administration = .resolutionMaintenance
        snapshot.proxies[0].servers[1].isRunning = false
        let lines = try #require(snapshot.serversState(backend: "mysql")?.whole()).split(separator: "\n")
        #expect(lines[0] == "1")
        #expect(lines[2] == "2 mysql 1 db1 127.0.0.1 2 0 1 1 52 15 3 4 6 0 0 0 - 13307 - 0 0 - - 0")
        #expect(lines[3] == "2 mysql 2 db2 - 0 32 1 1 52 15 3 4 14 0 0 0 db2.example 13308 - 0 0 - - 0")
        #expect(snapshot.serversState(backend: "nope")?.whole() == nil)
        snapshot.proxies[0].servers[0].check?.isRunning = true
        snapshot.proxies[0].servers[0].check?.port = 3307
        snapshot.proxies[0].servers[0].check?.address = .v4(0x0a00_0001)
        snapshot.proxies[0].servers[1].check = nil
        let others = try #require(snapshot.serversState(backend: "mysql")?.whole()).split(separator: "\n")
        #expect(others[2] == "2 mysql 1 db1 127.0.0.1 2 0 1 1 52 15 0 4 7 0 0 0 - 13307 - 0 3307 10.0.0.1 10.0.0.1 3307")
        #expect(others[3] == "2 mysql 2 db2 - 0 32 1 1 52 1 0 0 8 0 0 0 db2.example 13308 - 0 0 - - 0")
    }

    @Test("describe the process in lines with one colon up to the uptime")
    func processLines() {
        var process = sampleSnapshot().process
        process.description = "edge"
        let lines = process.text.split(separator: "\n")
        #expect(lines[0] == "Name: HAProxy")
        #expect(lines[7] == "Uptime: 1d 1h01m01s")
        #expect(lines[...8].allSatisfy { $0.filter { $0 == ":" }.count == 1 })
        #expect(lines.contains("description: edge"))
        let names = lines.filter { $0 != "description: edge" }.map { String($0.prefix { $0 != ":" }) }
        #expect(names == Self.processNames.split(separator: ",").map(String.init))
    }

    /// The names of `show info` as 3.5 prints them.
    private static let processNames =
        "Name,Version,Release_date,Nbthread,Nbproc,Process_num,Pid,Uptime,Uptime_sec,Memmax_MB,PoolAlloc_MB,PoolUsed_MB,"
        + "PoolFailed,Ulimit-n,Maxsock,Maxconn,Hard_maxconn,CurrConns,CumConns,CumReq,MaxSslConns,CurrSslConns,CumSslConns,"
        + "Maxpipes,PipesUsed,PipesFree,ConnRate,ConnRateLimit,MaxConnRate,SessRate,SessRateLimit,MaxSessRate,SslRate,SslRateLimit,"
        + "MaxSslRate,SslFrontendKeyRate,SslFrontendMaxKeyRate,SslFrontendSessionReuse_pct,SslBackendKeyRate,SslBackendMaxKeyRate,"
        + "SslCacheLookups,SslCacheMisses,CompressBpsIn,CompressBpsOut,CompressBpsRateLim,Tasks,Run_queue,Idle_pct,node,Stopping,"
        + "Jobs,Unstoppable Jobs,Listeners,ActivePeers,ConnectedPeers,DroppedLogs,BusyPolling,FailedResolutions,TotalBytesOut,"
        + "TotalSplicedBytesOut,BytesOutRate,DebugCommandsIssued,CumRecvLogs,Build info,Memmax_bytes,PoolAlloc_bytes,"
        + "PoolUsed_bytes,Start_time_sec,Tainted,TotalWarnings,MaxconnReached,BootTime_ms,Niced_tasks,CurrStreams,CumStreams,"
        + "BlockedTrafficWarnings,PatternsAdded,PatternsFreed,NbThreadGroups"
}
