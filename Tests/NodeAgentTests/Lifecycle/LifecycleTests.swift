import Glibc
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The command line")
struct CommandLineTests {
    @Test("takes HAProxy's options in any order")
    func options() throws {
        let options = try CommandLineOptions.parse(["-f", "a.cfg", "-cV", "-f", "dir", "-p", "/run/x.pid", "-L", "node1", "--", "b.cfg", "-c"])
        #expect(options.configurations == ["a.cfg", "dir", "b.cfg", "-c"])
        #expect(options.action == .check && options.isVerbose && options.pidFile == "/run/x.pid" && options.localName == "node1")
        #expect(!options.refusesWarnings && options.validText(hasWarnings: false, isQuiet: options.isQuiet) == "Configuration file is valid\n")
        #expect(try CommandLineOptions.parse(["-dW", "-f", "x"]).refusesWarnings)
        #expect(try CommandLineOptions.parse(["-v"]).action == .version)
        #expect(try CommandLineOptions.parse(["-vv"]).action == .build)
    }

    @Test("stays in the foreground with -db or -d, regardless of the file")
    func foreground() throws {
        #expect(try CommandLineOptions.parse(["-D", "-f", "x"]).runsAsDaemon(configured: false))
        #expect(try CommandLineOptions.parse(["-f", "x"]).runsAsDaemon(configured: true))
        #expect(try !CommandLineOptions.parse(["-D", "-db", "-f", "x"]).runsAsDaemon(configured: true))
        #expect(try !CommandLineOptions.parse(["-d", "-f", "x"]).runsAsDaemon(configured: true))
    }

    @Test(
        "fails with -c when a user, a group or a name does not exist",
        arguments: [
            "", "user no-such-name", "group no-such-name", "stats socket /nonexistent/s user no-such-name", "log a..b local2",
        ])
    func checksSurroundings(global: String) throws {
        let path = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).cfg"
        defer { unlink(path) }
        let file = try #require(fopen(path, "w"))
        fputs("global\n \(global)\ndefaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n", file)
        fputs("listen a\n bind 127.0.0.1:9\n server s 127.0.0.1:9\n", file)
        fclose(file)
        #expect(Startup.run(arguments: ["-c", "-q", "-f", path], environment: [:]) == (global.isEmpty ? 0 : 1))
    }

    @Test("reports wrong arguments")
    func errors() {
        #expect(throws: CommandLineError.noConfiguration) { try CommandLineOptions.parse([]) }
        #expect(throws: CommandLineError.unknownOption("-zz")) { try CommandLineOptions.parse(["-zz"]) }
        #expect(throws: CommandLineError.unknownOption("-dD")) { try CommandLineOptions.parse(["-dD", "-f", "x"]) }
        #expect(throws: CommandLineError.missingValue("-f")) { try CommandLineOptions.parse(["-f"]) }
        #expect(throws: CommandLineError.unexpected("x.cfg")) { try CommandLineOptions.parse(["-c", "x.cfg"]) }
    }
}

@Suite("The check of a configuration")
struct ConfigurationCheckTests {
    private static let timeouts = " timeout connect 1s\n timeout client 1s\n timeout server 1s\n"

    @Test(
        "ends with HAProxy's exit codes",
        arguments: [
            ("listen a\n bind 127.0.0.1:1\n" + timeouts, 0), ("listen a\n bnd 127.0.0.1:1\n" + timeouts, 1), ("backend a\n" + timeouts, 0),
            ("global\n user no-such-user\nlisten a\n bind 127.0.0.1:1\n" + timeouts, 1),
            ("global\n group no-such-group\nlisten a\n bind 127.0.0.1:1\n" + timeouts, 1),
        ] as [(String, Int32)])
    func exitCodes(text: String, code: Int32) throws {
        #expect(Startup.run(arguments: ["-h"], environment: [:]) == 1)
        #expect(Startup.run(arguments: ["keys", "-h"], environment: [:]) == 0)
        let path = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).cfg"
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
        defer { remove(path) }
        #expect(Startup.run(arguments: ["-c", "-q", "-f", path], environment: [:]) == code)
        #expect(Startup.run(arguments: ["-c", "-q", "-f", path + ".missing"], environment: [:]) == 1)
    }
}

@Suite("The folders that a start needs")
struct StartFoldersTests {
    @Test("are named with their line when they do not exist")
    func namesMissing() {
        let text = """
            global
                chroot /nonexistent/root
                pidfile /nonexistent/run/t.pid
                stats socket /nonexistent/stats level admin
                stats socket /tmp/t.stats
                stats socket 127.0.0.1:9999
            listen a
                bind /nonexistent/a,/tmp/b,:1
            listen b
                disabled
                bind /nonexistent/b

            """
        let missing = StartFolders(Configuration.read(text).configuration).missing
        #expect(
            missing == [
                "global: 'chroot /nonexistent/root': folder /nonexistent/root does not exist; create it before the start",
                "global: 'pidfile /nonexistent/run/t.pid': folder /nonexistent/run does not exist; create it before the start",
                "t.cfg:4: 'stats socket /nonexistent/stats': folder /nonexistent does not exist; create it before the start",
                "t.cfg:8: 'bind /nonexistent/a': folder /nonexistent does not exist; create it before the start",
            ])
        #expect(StartFolders(Configuration.read("global\n pidfile /nonexistent/x\n").configuration, pidFile: "/x").missing.isEmpty)
    }

    @Test("may be links, but not files")
    func wantsFolders() {
        #expect(StartFolders(Configuration.read("global\n chroot /proc/self/cwd\n").configuration).missing.isEmpty)
        #expect(StartFolders(Configuration.read("global\n chroot /proc/self/exe\n").configuration).missing.count == 1)
    }
}

@Suite("Listening sockets")
struct ListeningSocketsTests {
    private func request(_ address: SocketAddress, _ endpoint: String = "x:1") -> ListenRequest {
        ListenRequest(address: address, endpoint: endpoint, owner: "listen mysql", location: ConfigurationLocation(file: "haproxy.cfg", line: 27))
    }

    @Test("share one port between threads and hand their options to accepted sockets")
    func sharedPort() throws {
        var request = request(.ip(.v4(0x7f00_0001), port: 0))
        request.keepAlive = KeepAlive(idleSeconds: 200, intervalSeconds: 20, probes: 9)
        request.userTimeout = 12_345
        let files = try ListeningSockets.open(request, count: 3)
        #expect(Set(files.map { Sockets.localAddress($0.raw)?.port }).count == 1)
        let first = try #require(try ListeningSockets.open(request, count: 1).first)
        let client = try Client(to: try #require(Sockets.localAddress(first.raw)))
        var descriptor = try Sockets.accept(first.raw)
        if let accepted = descriptor.take() {
            #expect(socketOption(Int32(IPPROTO_TCP), TCP_NODELAY, accepted.raw) == 1)
            #expect(socketOption(SOL_SOCKET, SO_KEEPALIVE, accepted.raw) == 1)
            #expect(socketOption(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, accepted.raw) == 12_345)
            #expect(socketOption(Int32(IPPROTO_TCP), TCP_KEEPIDLE, accepted.raw) == 200)
            #expect(socketOption(Int32(IPPROTO_TCP), TCP_KEEPINTVL, accepted.raw) == 20)
            #expect(socketOption(Int32(IPPROTO_TCP), TCP_KEEPCNT, accepted.raw) == 9)
        } else {
            Issue.record("accept returned no connection")
        }
        client.halfClose()
        request.keepAlive = .off
        try ListeningSockets.adopt(first, for: request)
        #expect(socketOption(SOL_SOCKET, SO_KEEPALIVE, first.raw) == 0, "a reload turns it off")
    }

    @Test("report the line, the address and the reason when the address is taken")
    func taken() throws {
        let file = try listenOnLoopback()
        let address = try #require(Sockets.localAddress(file.raw))
        let error = #expect(throws: ListenError.self) { try ListeningSockets.open(request(address, "tsukada01:3306"), count: 1) }
        #expect(error?.description.hasPrefix("haproxy.cfg:27: cannot bind 'tsukada01:3306' of 'listen mysql': Address already in use; ") == true)
    }

    @Test("replace a dead process's UNIX socket, with their own mode, but no other file")
    func unixPath() throws {
        let path = "/tmp/tsukada-test-\(getpid()).sock"
        defer { unlink(path) }
        var request = request(.unix(path), path)
        request.permissions = 0o600
        _ = try ListeningSockets.open(request, count: 1)
        let files = try ListeningSockets.open(request, count: 1)
        let client = try Client(to: .unix(path))
        client.halfClose()
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600 && files.count == 1)
        let taken = #expect(throws: ListenError.self, "it belongs to a living process") { try ListeningSockets.open(request, count: 1) }
        #expect(taken?.problem == .answered)
        request.replacesOthers = true
        _ = try ListeningSockets.open(request, count: 1)
        unlink(path)
        close(creat(path, 0o600))
        #expect(throws: ListenError.self) { try ListeningSockets.open(request, count: 1) }
        request.address = .unix(String(repeating: "x", count: 105))
        let error = #expect(throws: ListenError.self) { try ListeningSockets.open(request, count: 1) }
        #expect(error?.problem == .pathTooLong)
    }

    @Test("take over an inherited descriptor only when it listens")
    func inherited() throws {
        let file = try listenOnLoopback()
        let request = request(.ip(.anyV4, port: 0), "fd@9")
        let taken = try ListeningSockets.inherit(dup(file.raw), for: request)
        #expect(Sockets.localAddress(taken.raw) == Sockets.localAddress(file.raw))
        for number in [try Sockets.open(.stream, for: request.address).release(), 0x7fff, -1] {
            #expect(throws: ListenError.self) { try ListeningSockets.inherit(number, for: request) }
            if number > 2, number != 0x7fff { close(number) }
        }
    }
}

@Suite("The process")
struct ProcessTests {
    @Test("computes maxconn from the descriptor limit, and back")
    func limits() throws {
        var needs = Limits.Needs()
        needs.fixed = 100
        let roomy = Limits.Plan(descriptors: 20000, wanted: 1_000_000, pipesWanted: 512, needs: needs)
        #expect(roomy.sessionsMax == 9438 && roomy.pipesMax == 512 && roomy.reserve == 100)
        let tight = Limits.Plan(descriptors: 64, wanted: 4000, pipesWanted: 512, needs: needs)
        #expect(tight.sessionsMax == 4 && tight.pipesMax == 4)
        #expect(Limits.Plan(descriptors: 3, wanted: 10, pipesWanted: 512, needs: needs).sessionsMax == 1)
        needs.perHundredSessions = 205
        (needs.questions, needs.resolvers) = (Limits.Demand(512, least: 80), 2)
        for sessions in [1, 50, 4096, 1_000_000] {
            let needed = Limits.descriptorsNeeded(sessions: sessions, pipes: 512, needs: needs, socketsPerBind: 1)
            let plan = Limits.Plan(descriptors: needed, wanted: sessions, pipesWanted: 512, needs: needs)
            #expect(plan.sessionsMax == sessions && plan.pipesMax == 512 && plan.questionsPerSection == 256, "\(sessions)")
        }
        let now = try Limits.descriptors()
        #expect(try Limits.raiseDescriptors(to: now.soft - 1) == now.soft)
    }

    /// A configuration with everything that opens descriptors: two resolvers, a probe, checks, handshakes, a database, gossip, logs.
    private static let hungry = """
        global
            log 127.0.0.1:514 local0
            stats socket /run/a level admin
        resolvers one
            nameserver a 10.0.0.2:53
        resolvers two
            nameserver a 10.0.0.2:53
        listen b
            mode tcp
            bind 127.0.0.1:3306-3309
            option mysql-check user check
            option hedge-greetings
            server-template s 20 a.test:3306 check resolvers one
            server-template t 20 b.test:3306 check resolvers two
        probe p
            bind 127.0.0.1:3390
        gossip g
            node one 127.0.0.1:7946
            node two 127.0.0.2:7946

        """

    @Test("plans every descriptor beside sessions, and each part stays within its share", arguments: [300, 1_024, 20_000, 200_000])
    func plan(descriptors: Int) throws {
        let (configuration, diagnostics) = Configuration.read(Self.hungry)
        #expect(Configuration.alerts(diagnostics).isEmpty)
        let needs = Limits.Needs(configuration, threads: 2, sessions: Limits.sessionsMax)
        #expect(needs.resolvers == 3 && needs.handshakeServers == 40 && needs.perHundredSessions == 205)
        let plan = Limits.Plan(descriptors: descriptors, wanted: Limits.sessionsMax, pipesWanted: 512, needs: needs)
        let reserve =
            needs.fixed + needs.checks.least + needs.resolvers * plan.questionsPerSection + plan.probeConnectionsMax
            + needs.handshakeServers * plan.handshakesPerServer
        #expect(reserve <= plan.reserve)
        #expect(plan.reserve + 2 * plan.pipesMax + plan.sessionsMax * 205 / 100 <= descriptors)
        #expect(plan.sessionsMax > descriptors / 12)
        #expect(plan.questionsPerSection >= Limits.Needs.questionsMin && plan.questionsPerSection <= ResolverSettings.questionsMaxDefault)
        #expect((descriptors >= 200_000) == (plan.handshakesPerServer == 1_024 && plan.questionsPerSection == 256))
    }

    @Test(
        "plans one listening socket for each bind and thread up to a quarter of the descriptors, fewer where sessions need them, at least one for each bind",
        arguments: [(64_000, 16), (63_999, 15), (20_000, 5), (9_000, 2), (8_000, 1), (7_532, 1), (7_450, 1), (3_000, 1), (900, 1)])
    func listeners(descriptors: Int, each: Int) {
        var needs = Limits.Needs()
        (needs.threads, needs.groupBinds) = (16, 1_000)
        let plan = Limits.Plan(descriptors: descriptors, wanted: 3_000, pipesWanted: 256, needs: needs)
        #expect(plan.socketsPerBind == each && plan.listeners == each * 1_000)
        #expect(plan.reserve == plan.listeners + needs.fixed)
        #expect(plan.sessionsMax == 1 || plan.reserve + 2 * plan.pipesMax + 2 * plan.sessionsMax <= descriptors)
        #expect((plan.sessionsMax == 3_000) == (descriptors > 7_500))
        let wanted = Limits.descriptorsNeeded(sessions: 3_000, pipes: 256, needs: needs, socketsPerBind: each)
        #expect(Limits.Plan(descriptors: max(wanted, descriptors), wanted: 3_000, pipesWanted: 256, needs: needs).sessionsMax == 3_000)
    }

    @Test("counts binds that have one socket for all threads, and the sockets of an earlier process")
    func singleListeners() {
        let text = "listen a\n bind 127.0.0.1:3306-3309\n bind /run/a\n bind localhost:3310\nlisten b\n disabled\n bind 127.0.0.1:3311\n"
        let configuration = Configuration.read(text).configuration
        var needs = Limits.Needs(configuration, threads: 8, sessions: 100)
        #expect(needs.listeners(each: 8) == 5 * 8 + 1 && needs.listeners(each: 1) == 6)
        #expect(needs.fixed == Limits.Needs(configuration, threads: 8, sessions: 100, inherited: 999).fixed)
        needs = Limits.Needs(configuration, threads: 8, sessions: 100, inherited: 999)
        let plan = Limits.Plan(descriptors: 1_400, wanted: 1_000, pipesWanted: 0, needs: needs)
        #expect(plan.listeners == 999 && plan.reserve + 2 * plan.sessionsMax <= 1_400)
    }

    @Test("plans less for a configuration with fewer parts")
    func smallPlan() {
        let (configuration, _) = Configuration.read(
            "resolvers r\n nameserver a 10.0.0.2:53\nlisten b\n bind 127.0.0.1:3306\n server s a.test:3306 check resolvers r\n")
        let needs = Limits.Needs(configuration, threads: 1, sessions: 1_000)
        #expect(needs.probes.wanted == 0 && needs.handshakes.wanted == 0 && needs.resolvers == 1)
        let plan = Limits.Plan(descriptors: 300, wanted: 1_000, pipesWanted: 256, needs: needs)
        #expect(plan.reserve + 2 * plan.pipesMax + 2 * plan.sessionsMax <= 300 && plan.sessionsMax >= 80)
        #expect(plan.questionsPerSection < ResolverSettings.questionsMaxDefault)
    }

    @Test("writes its number to the pid file, or reports why it cannot")
    func pidFile() throws {
        let path = "/tmp/tsukada-test-\(getpid()).pid"
        defer { unlink(path) }
        func text() throws -> String { String(decoding: try Files.read(path, bytesMax: 16), as: UTF8.self) }
        try PIDFile(path).write(4711)
        let other = try PIDFile(path)
        #expect(try text() == "4711\n", "a process that does not serve yet keeps the serving process's number")
        try other.write(42)
        #expect(try text() == "42\n")
        let error = #expect(throws: PIDFileError.self) { try PIDFile("/nonexistent/x.pid") }
        #expect(error?.description.hasPrefix("cannot write the pid file '/nonexistent/x.pid' (open: No such file or directory); ") == true)
    }

    @Test("reports how to repair a failing chroot")
    func privileges() {
        var privileges = Privileges()
        privileges.directory = "/nonexistent"
        let error = #expect(throws: PrivilegeError.self) { try privileges.apply() }
        #expect(error?.description.hasPrefix("global: cannot change the root to '/nonexistent' (chroot: ") == true)
    }

    @Test("hands its signals to the reactor")
    func signals() throws {
        let reactor = try Reactor()
        var requests: [SignalRequest] = []
        let signals = try Signals(reactor: reactor) { requests.append($0) }
        for number in [SIGUSR1, SIGTERM, SIGUSR2, SIGHUP, SIGTTOU, SIGTTIN] { pthread_kill(pthread_self(), number) }
        reactor.runOnce(waitingAtMost: .seconds(1))
        // A program that another test runs may end meanwhile.
        #expect(Set(requests.map { "\($0)" }).subtracting(["childEnded"]) == ["softStop", "terminate", "reload", "report"])
        withExtendedLifetime(signals) {}
    }
}
