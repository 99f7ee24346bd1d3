import CLinux
import Glibc
import LinuxIO
import Proxy
import Support
import Testing
import Wire

@Suite("The check runner")
struct CheckRunnerTests {
    private static let version = "10.11.19-MariaDB"
    private let place = ServerReference(backend: 0, server: 0)
    private let greeting = MySQLPacket(
        sequence: 0,
        payload: MySQLGreeting(
            serverVersion: version, connectionIdentifier: 8, seed: Array(65..<85), capabilities: [.protocol41, .secureConnection]
        ).payload
    ).bytes
    private let ok = MySQLPacket(sequence: 2, payload: [0, 0, 0, 2, 0, 0, 0]).bytes

    private var mysql: CheckKind {
        var settings = MySQLCheckSettings()
        settings.user = "haproxy_check"
        return .mysql(settings)
    }

    @Test("passes a server that accepts, and resets the connection before the server's process sees it")
    func connect() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.silent, on: bench.reactor)
        defer { stub.close() }
        bench.start(.connect, at: stub.address)
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.status) == [.layer4OK])
        for _ in 0..<3 { bench.reactor.runOnce(waitingAtMost: .zero) }
        #expect(stub.received.isEmpty)
    }

    @Test("plans a server's checks again when its address changes, and for a trial: findings at one address do not apply to another")
    func plans() throws {
        let bench = try CheckBench()
        var plans = 0
        bench.start(at: TestServer.refusing()) { limits in
            plans += 1
            return CheckPlan(.connect, limits: limits)
        }
        bench.run { bench.results.count == 1 }
        bench.runner?.resume(place)
        #expect(plans == 1)
        bench.runner?.setAddress(of: place, TestServer.refusing())
        #expect(plans == 2)
        var answers: [Bool] = []
        bench.runner?.runTrial(place, at: TestServer.refusing()) { answers.append($0) }
        bench.run { answers == [false] }
        #expect(plans == 3)
    }

    @Test("logs in to MySQL, quits, and closes in order")
    func mysqlCheck() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.greeting(greeting, reply: ok), on: bench.reactor)
        defer { stub.close() }
        bench.start(mysql, at: stub.address)
        bench.run { stub.ends.count == 1 && bench.results.count == 1 }
        #expect(bench.results.map(\.status) == [.layer7OK])
        #expect(bench.results.map(\.info) == [Self.version])
        #expect(stub.received == [MySQLLogin.since41(user: "haproxy_check").bytes + MySQLPacket.quit.bytes])
        #expect(stub.ends == ["FIN"])
    }

    @Test(
        "sends a header first, if the server expects one: with its own addresses in version 1, and with none in version 2",
        arguments: [ProxyHeaderForm.text, .binary(.checksum)])
    func proxyHeader(form: ProxyHeaderForm) throws {
        let bench = try CheckBench()
        for kind in [mysql, .connect] {
            let stub = try CheckedServer(kind == .connect ? .silent : .greeting(greeting, reply: ok), on: bench.reactor)
            defer { stub.close() }
            bench.start(kind, at: stub.address) { $0.servers[0].check?.proxyHeader = form }
            bench.run { stub.ends.count == 1 && !bench.results.isEmpty }
            #expect(bench.results.map(\.status.isPass) == [true])
            #expect(stub.received.count == 1)
            let received = stub.received.first ?? []
            let port = try #require(stub.sourcePorts.first)
            let own = ProxyHeader.Addresses(
                source: .v4(0x7f00_0001), sourcePort: port, destination: .v4(0x7f00_0001), destinationPort: try #require(stub.address.port))
            let header = form.bytes(ProxyHeader(form == .text ? own : nil))
            #expect(received == (kind == .connect ? header : header + MySQLLogin.since41(user: "haproxy_check").bytes + MySQLPacket.quit.bytes))
            bench.results = []
        }
    }

    @Test("reports the error with which a server refuses a login")
    func denied() throws {
        let bench = try CheckBench()
        let error = MySQLPacket(sequence: 2, payload: MySQLErrorPacket(code: 1045, sqlState: "28000", message: "Access denied").payload)
        let stub = try CheckedServer(.greeting(greeting, reply: error.bytes), on: bench.reactor)
        defer { stub.close() }
        bench.start(mysql, at: stub.address)
        bench.run { bench.results.count == 1 }
        #expect(bench.results.first?.status == .layer7WrongStatus)
        #expect(bench.results.first?.code == 1045)
        #expect(bench.results.first?.info == "#28000Access denied")
    }

    @Test("reports no result while this machine cannot open a socket", arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
    func shortage(code: Int32) throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.silent, on: bench.reactor)
        defer { stub.close() }
        bench.shortage = SystemError("socket", code: code)
        bench.start(.connect, at: stub.address)
        bench.run { bench.shortages >= 5 }
        #expect(bench.results.isEmpty)
        bench.shortage = nil
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.status) == [.layer4OK])
    }

    @Test("reports a refused connect in the kernel's words")
    func refused() throws {
        let bench = try CheckBench()
        bench.start(.connect, at: TestServer.refusing())
        bench.run { bench.results.count == 1 }
        #expect(bench.results.first?.status == .layer4ConnectionProblem)
        #expect(bench.results.first?.info == "ECONNREFUSED returned by OS (Connection refused)")
    }

    @Test("distinguishes a local lack of ports from a server's failure")
    func noPort() throws {
        let bench = try CheckBench()
        bench.start(.connect, at: .ip(.v4(0x7f00_0001), port: 0))
        bench.run { bench.results.count == 1 }
        #expect(bench.results.first?.status == .socketError)
    }

    @Test("checks at the address of 'addr', and fails without a connect while its name has none")
    func otherHost() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.silent, on: bench.reactor)
        defer { stub.close() }
        bench.start(.connect, at: .ip(.v4(0x7f00_0002), port: try #require(stub.address.port))) { backend in
            backend.servers[0].check?.addressName = "checks.test"
            backend.servers[0].check?.address = stub.address.address
        }
        bench.run { bench.results.count == 1 }
        #expect(bench.results.first?.status == .layer4OK)
        let lost = try CheckBench()
        lost.start(.connect, at: stub.address) { $0.servers[0].check?.addressName = "checks.test" }
        lost.run { lost.results.count == 1 }
        #expect(lost.results.first?.status == .socketError && lost.results.first?.info.contains("no address for 'checks.test'") == true)
    }

    @Test("gives a silent server the time of timeout check")
    func silent() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.silent, on: bench.reactor)
        defer { stub.close() }
        bench.start(mysql, at: stub.address) { $0.checkTimeout = .milliseconds(30) }
        bench.run { bench.results.count == 1 }
        #expect(bench.results.first?.status == .layer7Timeout)
        #expect(bench.results.first.map { $0.duration >= .milliseconds(30) } == true)
    }

    @Test("fails at once on garbage, and on a server that closes")
    func garbage() throws {
        let bench = try CheckBench()
        let garbage = try CheckedServer(.greeting(Array("SSH-2.0-x\r\n".utf8), reply: nil), on: bench.reactor)
        defer { garbage.close() }
        let closing = try CheckedServer(.closing, on: bench.reactor)
        defer { closing.close() }
        bench.start(mysql, at: garbage.address)
        bench.run { bench.results.count == 1 }
        bench.runner?.setAddress(of: place, closing.address)
        bench.run { bench.results.count == 2 }
        #expect(bench.results.map(\.status) == [.layer7InvalidResponse, .socketError])
        #expect(bench.results.last?.info == "ECONNRESET returned by OS (Connection reset by peer)")
    }

    @Test("treats a server that accepts and resets as connected, not as unreachable")
    func resetAtOnce() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.resetting, on: bench.reactor)
        defer { stub.close() }
        bench.start(mysql, at: stub.address)
        bench.run { bench.results.count == 1 }
        #expect(bench.results.first?.status == .socketError)
        #expect(bench.results.first?.info == "ECONNRESET returned by OS (Connection reset by peer)")
    }

    @Test(
        "spreads the first checks over an interval, but runs them at once for a proxy that has no writer before its first check",
        arguments: DatabaseRole.allCases)
    func spread(role: DatabaseRole) throws {
        let bench = try CheckBench()
        bench.start(.connect, at: TestServer.refusing()) { backend in
            backend.database = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "t", line: 1))
            backend.database?.role = role
            backend.servers[0].check?.fastInterval = .seconds(60)
            backend.servers += [backend.servers[0], backend.servers[0]]
        }
        bench.run { !bench.results.isEmpty }
        bench.reactor.runOnce(waitingAtMost: .milliseconds(5))
        #expect(bench.results.count == (role == .primary ? 3 : 1))
    }

    @Test("checks again after the interval of the present pace")
    func again() throws {
        let bench = try CheckBench()
        bench.pace = .changing
        let stub = try CheckedServer(.silent, on: bench.reactor)
        defer { stub.close() }
        bench.start(.connect, at: stub.address)
        bench.run { bench.results.count == 5 }
        bench.pace = .steadyUp
        #expect(bench.results.allSatisfy { $0.status == .layer4OK })
    }

    @Test("makes a new connection and login for every check, even with a database: the next check notices a server that is full or refuses this host")
    func newConnections() throws {
        let settings = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "t", line: 1))
        let login = DatabaseLogin(user: "check", password: .empty, tls: .off)
        let asking = DatabaseAccess(questions: DatabaseQuestions(settings), login: login, cryptography: NullDatabaseCryptography())
        for access in [nil, asking] {
            let bench = try CheckBench()
            bench.pace = .changing
            let stub = try CheckedServer(.greeting(greeting, reply: ok), on: bench.reactor)
            defer { stub.close() }
            bench.start(mysql, at: stub.address, interval: .milliseconds(20), access: access)
            bench.run { bench.results.count == 4 }
            bench.pace = .steadyUp
            #expect(bench.results.allSatisfy { $0.status == .layer7OK } && stub.received.count >= 4)
            #expect(stub.received.prefix(4).allSatisfy { !$0.isEmpty })
        }
    }

    @Test("checks at once after a session's failure, once per interval")
    func soon() throws {
        let bench = try CheckBench()
        bench.start(.connect, at: TestServer.refusing())
        bench.run { bench.results.count == 1 }
        bench.runner?.checkSoon(place)
        bench.run { bench.results.count == 2 }
        bench.runner?.checkSoon(place)
        bench.reactor.runOnce(waitingAtMost: .milliseconds(5))
        #expect(bench.results.count == 2)
    }

    @Test("does not check a paused server, or one without an address")
    func paused() throws {
        let bench = try CheckBench()
        bench.start(.connect, at: nil)
        bench.reactor.runOnce(waitingAtMost: .milliseconds(5))
        #expect(bench.results.isEmpty)
        bench.runner?.setAddress(of: place, TestServer.refusing())
        bench.run { bench.results.count == 1 }
        bench.runner?.pause(place)
        bench.runner?.checkSoon(place)
        bench.reactor.runOnce(waitingAtMost: .milliseconds(5))
        #expect(bench.results.count == 1)
        bench.runner?.resume(place)
        bench.run { bench.results.count == 2 }
        bench.runner?.stop()
        bench.runner?.resume(place)
        bench.reactor.runOnce(waitingAtMost: .milliseconds(5))
        #expect(bench.results.count == 2)
    }

    @Test("does not check the servers of a disabled backend")
    func disabledBackend() throws {
        let bench = try CheckBench()
        bench.start(.connect, at: TestServer.refusing()) { $0.isDisabled = true }
        bench.reactor.runOnce(waitingAtMost: .milliseconds(5))
        #expect(bench.results.isEmpty)
    }

    @Test("drops a running check when it is paused, without a result")
    func dropped() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.silent, on: bench.reactor)
        defer { stub.close() }
        bench.start(mysql, at: stub.address) { $0.checkTimeout = .seconds(3) }
        bench.run { stub.received.count == 1 }
        #expect(bench.runner?.isChecking(place) == true)
        bench.runner?.pause(place)
        #expect(bench.runner?.isChecking(place) == false)
        bench.run { stub.ends == ["FIN"] }
        #expect(bench.results.isEmpty)
    }

    @Test("tries another address while the server's own check runs, and does not disturb that check")
    func trials() throws {
        let bench = try CheckBench()
        let silent = try CheckedServer(.silent, on: bench.reactor)
        let good = try CheckedServer(.greeting(greeting, reply: ok), on: bench.reactor)
        defer {
            silent.close()
            good.close()
        }
        bench.start(mysql, at: silent.address) { $0.checkTimeout = .seconds(3) }
        bench.run { silent.received.count == 1 }
        var answers: [Bool] = []
        let refusing = TestServer.refusing()
        bench.runner?.runTrial(place, at: good.address) { answers.append($0) }
        bench.run { answers == [true] }
        bench.runner?.runTrial(place, at: refusing) { answers.append($0) }
        bench.run { answers == [true, false] }
        #expect(bench.runner?.isChecking(place) == true && bench.results.isEmpty)
    }

    // MARK: A starved thread

    /// A MySQL check with a time limit of 300 ms, on a loop that is blocked for longer right after the check has begun. Before the loop continues, `answer` may write
    /// to the connection that the kernel has accepted meanwhile.
    private func stalled(_ bench: CheckBench, _ answer: @escaping (Int32) -> Void) throws -> (listener: OpenFile, connection: () -> OpenFile?) {
        let any = SocketAddress.ip(.v4(0x7f00_0001), port: 0)
        let listener = OpenFile(try Sockets.open(.stream, for: any))
        try Sockets.bind(listener.raw, to: any)
        try Sockets.listen(listener.raw, backlog: 16)
        let address: SocketAddress = try #require(Sockets.localAddress(listener.raw))
        bench.start(mysql, at: address, interval: .milliseconds(300)) { $0.servers[0].check?.fastInterval = .seconds(60) }
        var connection: OpenFile?
        bench.run {
            guard connection == nil, let accepted = try? Sockets.accept(listener.raw) else { return connection != nil }
            connection = OpenFile(accepted)
            if let connection { answer(connection.raw) }
            stallThread(milliseconds: 400)
            return true
        }
        return (listener, { connection })
    }

    @Test("passes a server that answered while this thread was blocked, although its time has passed and other events come first")
    func starved() throws {
        let bench = try CheckBench()
        let crowd = try (0..<3 * Reactor.eventsMax).map { _ in try OpenFile.alwaysReady() }
        for file in crowd { try bench.reactor.watch(file.raw, for: .read) { _ in } }
        let (greeting, ok) = (greeting, ok)
        let (listener, connection) = try stalled(bench) { _ = try? Sockets.send($0, greeting[...]) }
        let server = try #require(connection())
        var login: [UInt8] = []
        bench.run {
            if login.isEmpty, let bytes = try? Sockets.receive(server.raw, upTo: 4096) {
                login = bytes
                stallThread(milliseconds: 400)
                _ = try? Sockets.send(server.raw, ok[...])
            }
            return !bench.results.isEmpty
        }
        #expect(login == MySQLLogin.since41(user: "haproxy_check").bytes)
        #expect(bench.results.map(\.status) == [.layer7OK])
        _ = listener
    }

    @Test("extends the limit by the time that this thread was blocked, for a server that could not answer yet")
    func credit() throws {
        let bench = try CheckBench()
        let (greeting, ok) = (greeting, ok)
        let (listener, connection) = try stalled(bench) { _ in }
        let server = try #require(connection())
        // The limit has passed. The loop sees the connect in the first of these rounds; the greeting arrives after both.
        for _ in 0..<2 { bench.reactor.runOnce(waitingAtMost: .zero) }
        #expect(bench.results.isEmpty)
        _ = try Sockets.send(server.raw, greeting[...])
        _ = try Sockets.send(server.raw, ok[...])
        bench.run { !bench.results.isEmpty }
        #expect(bench.results.map(\.status) == [.layer7OK])
        _ = listener
    }

    @Test("still times out a silent server")
    func starvedAndSilent() throws {
        let bench = try CheckBench()
        let (listener, connection) = try stalled(bench) { _ in }
        bench.run { !bench.results.isEmpty }
        #expect(bench.results.map(\.status) == [.layer7Timeout] && connection() != nil)
        #expect(bench.results.first.map { $0.duration >= .milliseconds(300) } == true)
        _ = listener
    }
}

extension OpenFile {
    /// A descriptor that is always readable.
    fileprivate static func alwaysReady() throws -> OpenFile {
        let wakeUp = try WakeUp()
        wakeUp.signal()
        return OpenFile(FileDescriptor(owning: dup(wakeUp.raw)))
    }
}
