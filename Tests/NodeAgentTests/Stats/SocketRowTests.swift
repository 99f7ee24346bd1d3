import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("Rows of binds")
struct SocketRowTests {
    private static func snapshot() -> StatisticsSnapshot {
        var snapshot = sampleSnapshot()
        var socket = SocketStatistics(name: "sock-2", identifier: 2)
        socket.status = .full
        socket.sessions.current = 2
        socket.sessions.peak = 2
        socket.sessions.limit = 2
        socket.sessions.total = 4
        socket.sessions.bytesIn = 2
        socket.sessions.bytesOut = 388
        socket.address = "127.67.0.1:9121"
        snapshot.proxies[0].sockets = [SocketStatistics(name: "one", identifier: 77), socket]
        return snapshot
    }

    private func names(_ filter: StatisticsFilter = StatisticsFilter()) -> [Substring] {
        Self.snapshot().csv(filter).whole().split(separator: "\n").dropFirst().map { $0.split(separator: ",", omittingEmptySubsequences: false)[1] }
    }

    @Test("follow the frontend's, and have the fields of HAProxy 2.6")
    func row() {
        #expect(names() == ["FRONTEND", "one", "sock-2", "db1", "db2", "BACKEND"])
        let line = Self.snapshot().csv().whole().split(separator: "\n")[3]
        let fields = line.split(separator: ",", omittingEmptySubsequences: false)
        #expect(fields.count == StatisticsTable.columns.count + 1)
        let shown = zip(StatisticsTable.columns.map(\.name), fields).filter { !$1.isEmpty }.map { "\($0)=\($1)" }.joined(separator: " ")
        #expect(
            shown
                == "pxname=mysql svname=sock-2 scur=2 smax=2 slim=2 stot=4 bin=2 bout=388 dreq=0 dresp=0 ereq=0 status=FULL pid=1 iid=2 sid=2 type=3 "
                + "addr=127.67.0.1:9121 mode=tcp dcon=0 dses=0 wrew=0 eint=0 -=- ssl_sess=0 ssl_reused_sess=0 ssl_failed_handshake=0 ssl_ocsp_staple=0 "
                + "ssl_failed_ocsp_staple=0")
    }

    @Test("have type 3, are selected by bit 8 and by their number, and show no address at level user")
    func filters() {
        var filter = StatisticsFilter()
        filter.kinds = 8
        #expect(names(filter) == ["one", "sock-2"])
        filter.server = 77
        #expect(names(filter) == ["one"])
        filter.kinds = 4
        #expect(names(filter).isEmpty)
        #expect(!Self.snapshot().csv(showsAddresses: false).whole().contains("127.67.0.1:9121"))
        var unlimited = Self.snapshot()
        unlimited.proxies[0].sockets = [SocketStatistics(name: "one", identifier: 77)]
        #expect(unlimited.csv().whole().contains("mysql,one,,,0,0,0,0,0,0,0,0,0,"), "without its own limit, slim is 0")
    }

    @Test("exist for frontends with option socket-stats")
    func outlines() {
        let configuration = Configuration.read("listen a\n bind :1,:2\n option socket-stats\n server s 10.0.0.1:1\nlisten b\n bind :3\n").configuration
        let outlines = [ProxyOutline](configuration)
        #expect(outlines.map(\.socketsCount) == [2, 0] && outlines.map(\.partsCount) == [5, 2])
        let server = ServerReference(backend: 0, server: 0)
        #expect(
            (0..<5).map { outlines[0].part(at: $0) } == [
                .frontend(0), .socket(frontend: 0, bind: 0), .socket(frontend: 0, bind: 1), .server(server), .backend(0),
            ])
        #expect((0..<2).map { outlines[1].part(at: $0) } == [.frontend(1), .backend(1)])
    }

    @Test("a server's cookie and fixed number are shown as HAProxy shows them")
    func servers() throws {
        var snapshot = sampleSnapshot()
        snapshot.proxies[0].servers[0].cookie = "c"
        snapshot.proxies[0].servers[0].hasFixedIdentifier = true
        #expect(snapshot.csv().whole().contains(",127.0.0.1:13307,c,tcp,"))
        let lines = try #require(snapshot.serversState(backend: "mysql")?.whole()).split(separator: "\n")
        #expect(lines[2].contains(" 0 0 1 - 13307 "))
        #expect(lines[3].contains(" 0 0 0 - 13308 "))
    }
}
