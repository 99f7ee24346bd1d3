import Glibc
import LinuxIO
import Support
import Synchronization
import Testing
import Wire

@testable import Proxy

/// A database that greets on request, and records each connection's bytes.
private final class StubDatabase: Sendable {
    private static let greeting = MySQLPacket(
        sequence: 0,
        payload: MySQLGreeting(
            serverVersion: "10.11.19-MariaDB", connectionIdentifier: 8, seed: Array(65..<85), capabilities: [.protocol41, .secureConnection]
        ).payload
    ).bytes
    static let greetingBytes = greeting.count
    static let login = MySQLLogin.since41(user: "check").bytes

    private let mayGreet: Mutex<Bool>
    private let received = Mutex<[[UInt8]]>([])
    private let server: Mutex<TestServer?> = Mutex(nil)

    /// The bytes of each connection that has ended.
    var ended: [[UInt8]] { received.withLock { $0 } }
    var present: Int { server.withLock { $0?.presentCount ?? 0 } }
    var address: SocketAddress { server.withLock { $0?.address } ?? .ip(.anyV4, port: 0) }

    init(greets: Bool = true, greeting: [UInt8] = greeting, reply: [UInt8] = MySQLPacket(sequence: 2, payload: [0, 0, 0, 2, 0, 0, 0]).bytes) {
        mayGreet = Mutex(greets)
        let started = TestServer { [unowned self] socket in
            while !eventually({ mayGreet.withLock { $0 } }) {}
            socket.send(greeting)
            var bytes: [UInt8] = []
            while let more = socket.receive(), !more.isEmpty {
                if bytes.isEmpty { socket.send(reply) }
                bytes += more
            }
            received.withLock { $0.append(bytes) }
        }
        server.withLock { $0 = started }
    }

    func greet() { mayGreet.withLock { $0 = true } }

    func stop() {
        greet()
        server.withLock { $0.take() }?.stop()
    }
}

@Suite("Clients that leave before they log in to MySQL", .timeLimit(.minutes(5)))
struct ForwardingHandshakeTests {
    private static let finished = StubDatabase.login + MySQLPacket.quit.bytes

    /// A forwarder in front of a database, and a control thread's loop that finishes handshakes.
    private final class Bench {
        let database: StubDatabase
        let harness: ForwardingHarness
        let reactor: Reactor
        let finisher: HandshakeFinisher
        /// The number of handshakes that did not become a login.
        let failures: FailureCount

        final class FailureCount {
            var value = 0
        }

        init(
            _ database: StubDatabase, others: [SocketAddress] = [], greetingTimeout: Duration = .seconds(60),
            _ edit: (inout ForwardingHarness.Settings) -> Void = { _ in }
        ) throws {
            self.database = database
            reactor = try Reactor()
            harness = try ForwardingHarness([database.address] + others) {
                var check = MySQLCheckSettings()
                check.user = "check"
                $0.backend.check = .mysql(check)
                for place in $0.backend.servers.indices { $0.backend.servers[place].check = CheckSettings() }
                edit(&$0)
            }
            let failures = FailureCount()
            let finisher = HandshakeFinisher(reactor: reactor, state: harness.state, greetingTimeout: greetingTimeout) { _ in failures.value += 1 }
            (self.finisher, self.failures) = (finisher, failures)
            try reactor.watch(harness.state.controlWakeUp.raw, for: .read) { [harness, weak finisher] _ in
                harness.state.controlWakeUp.clear()
                finisher?.takeAll()
            }
        }

        var outstanding: Int { harness.state.serverCells[0].pointee.handshakes.value }

        /// Runs the loop until `condition` holds.
        func run(until condition: () -> Bool) {
            let holds = reactor.run(until: condition)
            #expect(holds, "not reached: \(outstanding) outstanding, \(database.ended.count) ended")
        }

        deinit {
            finisher.stop()
            database.stop()
        }
    }

    @Test("get a login and a quit sent for them, after a FIN and after a RST; their session ends at once, with its usual line", arguments: [false, true])
    func afterGreeting(resets: Bool) throws {
        let bench = try Bench(StubDatabase())
        for number in 1...40 {
            let client = try bench.harness.connect()
            #expect(client.text(StubDatabase.greetingBytes).utf8.count > 0)
            if resets { client.reset() } else { client.close() }
            let session = try bench.harness.log.session()
            #expect((session.flags, session.bytes) == (resets ? "CD" : "--", StubDatabase.greetingBytes))
            #expect(session.counts == [1, 1, 0, 0])
            #expect(bench.harness.isEmptyEventually() && bench.harness.held(0) == 0)
            bench.run { bench.database.ended.count == number && bench.finisher.isIdle }
        }
        #expect(bench.database.ended.allSatisfy { $0 == Self.finished })
        #expect(bench.outstanding == 0 && bench.failures.value == 0)
    }

    @Test("before the greeting still receive it after a FIN, and leave at once after a RST; a login is sent for both")
    func beforeGreeting() throws {
        let bench = try Bench(StubDatabase(greets: false))
        let half = try bench.harness.connect()
        half.finishSending()
        let reset = try bench.harness.connect()
        #expect(eventually { bench.database.present == 2 })
        reset.reset()
        let line = try bench.harness.log.session()
        #expect(line.flags == "CD" || line.flags == "CC")
        #expect(line.bytes == 0)
        bench.run { bench.outstanding == 1 && !bench.finisher.isIdle }
        bench.database.greet()
        #expect(half.textToEnd().utf8.count > 0)
        let other = try bench.harness.log.session()
        #expect((other.flags, other.bytes) == ("--", StubDatabase.greetingBytes))
        bench.run { bench.database.ended.count == 2 && bench.finisher.isIdle }
        #expect(bench.database.ended == [Self.finished, Self.finished])
        #expect(bench.harness.isEmptyEventually())
    }

    @Test("include those greeted by another server: a login is sent to the first one when its late greeting arrives")
    func left() throws {
        let other = StubDatabase()
        defer { other.stop() }
        let bench = try Bench(StubDatabase(greets: false), others: [other.address]) { $0.backend.greetingTimeout = .milliseconds(100) }
        let clients = try (0..<2).map { _ in try bench.harness.connect() }
        for client in clients { #expect(client.text(StubDatabase.greetingBytes).utf8.count > 0) }
        bench.run { bench.outstanding == 1 && !bench.finisher.isIdle }
        bench.database.greet()
        bench.run { bench.database.ended.count == 1 && bench.finisher.isIdle }
        #expect(bench.database.ended == [Self.finished] && bench.failures.value == 0)
        #expect(bench.harness.held(0) == 0 && bench.harness.held(1) == 2)
    }

    @Test("by timeout get a login sent for them")
    func timedOut() throws {
        let bench = try Bench(StubDatabase()) { $0.frontend.clientTimeout = .milliseconds(50) }
        let client = try bench.harness.connect()
        #expect(client.textToEnd().utf8.count > 0)
        #expect(try bench.harness.log.flags() == "cD")
        bench.run { bench.database.ended == [Self.finished] && bench.finisher.isIdle }
    }

    @Test("end once they have sent a byte: the server sees their end")
    func afterFirstByte() throws {
        let bench = try Bench(StubDatabase())
        let client = try bench.harness.connect()
        #expect(client.text(StubDatabase.greetingBytes).utf8.count > 0)
        client.send("x")
        client.finishSending()
        _ = client.textToEnd()
        #expect(eventually { bench.database.ended == [Array("x".utf8)] })
        #expect(bench.finisher.isIdle)
    }

    @Test("of a server that never greets are limited in number, and are closed after a while")
    func silent() throws {
        let bench = try Bench(StubDatabase(greets: false), greetingTimeout: .milliseconds(1500))
        for number in 1...20 {
            let client = try bench.harness.connect()
            #expect(eventually { bench.database.present >= number })
            #expect(eventually { bench.harness.held(0) == 1 })
            client.reset()
            _ = bench.harness.log.line()
            #expect(bench.outstanding == number)
        }
        bench.run { bench.outstanding == HandshakeFinisher.silentHandshakesMax }
        #expect(bench.harness.isEmptyEventually())
        bench.run { bench.outstanding == 0 && bench.finisher.isIdle }
        #expect(bench.failures.value == 0)
        bench.database.greet()
        #expect(eventually { bench.database.ended.count == 20 })
        #expect(bench.database.ended.allSatisfy { $0.isEmpty })
    }

    @Test("of a server that answers differently are closed", arguments: ["denied", "no MySQL", "refusing"])
    func otherAnswers(kind: String) throws {
        let denied = MySQLPacket(sequence: 2, payload: MySQLErrorPacket(code: 1045, sqlState: "28000", message: "Access denied").payload).bytes
        let database =
            switch kind {
            case "denied": StubDatabase(reply: denied)
            case "refusing": StubDatabase(greets: false, greeting: [UInt8](denied[..<3]) + [0] + denied[4...])
            default: StubDatabase(greets: false, greeting: Array("SSH-2.0-OpenSSH_9.2p1\r\n".utf8))
            }
        let bench = try Bench(database)
        let client = try bench.harness.connect()
        #expect(eventually { database.present == 1 && bench.harness.held(0) == 1 })
        if kind == "denied" { #expect(client.text(StubDatabase.greetingBytes).utf8.count > 0) }
        client.reset()
        _ = bench.harness.log.line()
        database.greet()
        bench.run { database.ended.count == 1 && bench.finisher.isIdle }
        #expect(database.ended == [kind == "denied" ? StubDatabase.login : []])
        #expect(bench.failures.value == 1)
    }

    @Test("are not handled where checks do not log in on the same port", arguments: ["connect", "no user", "no check", "port", "addr"])
    func otherBackends(kind: String) throws {
        let bench = try Bench(StubDatabase()) {
            $0.backend.servers[0].endpoint = .ip(.v4(0x7f00_0001), port: 1)
            switch kind {
            case "connect": $0.backend.check = .connect
            case "no user": $0.backend.check = .mysql(MySQLCheckSettings())
            case "no check": $0.backend.servers[0].check = nil
            case "port": $0.backend.servers[0].check?.port = 1
            default: $0.backend.servers[0].check?.address = .v4(1)
            }
        }
        let client = try bench.harness.connect()
        #expect(client.text(StubDatabase.greetingBytes).utf8.count > 0)
        client.close()
        #expect(eventually { bench.database.ended == [[]] })
        #expect(bench.finisher.isIdle && bench.outstanding == 0)
    }

    @Test("are closed when the agent stops")
    func stopped() throws {
        let bench = try Bench(StubDatabase(greets: false))
        let client = try bench.harness.connect()
        #expect(eventually { bench.database.present == 1 && bench.harness.held(0) == 1 })
        client.reset()
        bench.run { bench.outstanding == 1 }
        #expect(!bench.finisher.isIdle)
        bench.finisher.stop()
        #expect(bench.finisher.isIdle && bench.outstanding == 0)
    }
}
