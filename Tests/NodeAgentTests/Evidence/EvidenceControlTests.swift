import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The handling of sessions' evidence")
struct EvidenceControlTests {
    private let log = RecordedLog()
    private let servers: ServerControl
    private let control: EvidenceControl
    private let server = ServerReference(backend: 0, server: 0)

    init() throws {
        let text = """
            defaults
             timeout connect 1s
             timeout client 1s
             timeout server 1s
            backend mysql
             option mysql-check user probe
             server db1 127.0.0.1:1 check observe layer4 error-limit 2 on-error mark-down
             server db2 127.0.0.1:2 check

            """
        let (configuration, diagnostics) = Configuration.read(text)
        try #require(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        let reactor = try Reactor()
        let registry = ServerRegistry(backends: configuration.backends, now: reactor.now) { .ip(.v4(0x7f00_0001), port: UInt16($0.server + 1)) }
        let state = try ForwardingState(
            frontends: [], backends: configuration.backends, routes: registry.routes, sessionsMax: 10, threads: 1, destinations: [], frontendLogs: [])
        servers = ServerControl(registry, now: { reactor.now }, load: { _ in ServerLoad() })
        control = EvidenceControl(state, servers: servers, reactor: reactor, log: log)
    }

    @Test("skips a silent server, checks it soon, and resolves its name")
    func silence() {
        var done: [String] = []
        control.handlers = EvidenceControl.Handlers(
            checkSoon: { done.append("check \($0.server)") }, checkNow: { _ in done.append("now") }, resolveSoon: { done.append("resolve \($0.server)") })
        control.applyReasons(server, RetryReasons(.silent), consecutive: 0)
        #expect(done == ["check 0", "resolve 0"])
        #expect(servers.status(of: server).skip != nil && servers.status(of: ServerReference(backend: 0, server: 1)).skip == nil)
        control.checkFinished(server, CheckResult(status: .layer7OK, duration: .milliseconds(1)))
        #expect(servers.status(of: server).skip == nil, "a check has passed")
    }

    @Test("takes no action against a server that sessions stayed with")
    func overBudget() {
        var done = 0
        control.handlers = EvidenceControl.Handlers(checkSoon: { _ in done += 1 }, checkNow: { _ in done += 1 }, resolveSoon: { _ in done += 1 })
        control.applyReasons(server, RetryReasons(.overBudget), consecutive: 0)
        #expect(done == 0 && servers.status(of: server).skip == nil)
    }

    @Test("counts failed connects in the registry")
    func failures() {
        control.applyReasons(server, RetryReasons(.refused), consecutive: 2)
        #expect(!servers.status(of: server).isRunning)
    }

    @Test("checks a server after failed handshakes at most once a second")
    func handshakes() {
        var checked: [Int] = []
        control.handlers.checkNow = { checked.append($0.server) }
        for _ in 0..<3 { control.handshakeFailed(server) }
        control.handshakeFailed(ServerReference(backend: 0, server: 1))
        #expect(checked == [0, 1])
    }

    @Test("words a row of 'show retries' and a log line")
    func words() throws {
        let backend = servers.registry.backends[0]
        let row = RetryText.tableRow("mysql/db1") { $0 == .silent ? 3 : $0.error == 1_040 ? 2 : 0 }
        #expect(row == ["mysql/db1", "0", "0", "3", "0", "0", "0", "0", "1040:2"])
        #expect(RetryText.tableRow("mysql/db1") { _ in 0 } == ["mysql/db1", "0", "0", "0", "0", "0", "0", "0", "-"])
        #expect(RetryText.sentence(.closed, count: 1, backend) == "1 session left it: closed without a greeting")
        #expect(RetryText.sentence(.overBudget, count: 2, backend)?.hasPrefix("2 sessions stayed with it: retry-budget ") == true)
        #expect(RetryText.sentence(.refused, count: 2, backend) == nil, "the sessions' own lines report it")
    }
}
