import Proxy
import Seals
import Support
import Testing
import Wire

@Suite("A session with a hostile server")
struct DatabaseSessionHostilityTests {
    private func greeting(_ capabilities: MySQLCapabilities = [.protocol41, .secureConnection, .pluginAuthentication], seed: Int = 20) -> MySQLPacket {
        let greeting = MySQLGreeting(
            serverVersion: "8.0.0", connectionIdentifier: 1, seed: Array(repeating: 65, count: seed), capabilities: capabilities,
            plugin: "caching_sha2_password")
        return MySQLPacket(sequence: 0, payload: greeting.payload)
    }

    private func session(tls: DatabaseTLSMode = .off, queries: [String] = ["select 1"]) throws -> DatabaseSession {
        DatabaseSession(try login(tls: tls), queries: queries, cryptography: try OpenSSLDatabaseCryptography())
    }

    /// A session that waits for the answer to its first query.
    private func asking() throws -> DatabaseSession {
        var session = try session()
        _ = session.receive(greeting().bytes)
        _ = session.receive(MySQLPacket(sequence: 2, payload: [0, 0, 0, 2, 0, 0, 0]).bytes)
        #expect(session.stage == .query(0))
        return session
    }

    private func violation(_ outputs: [DatabaseSession.Output]) -> String? {
        if case .finished(.failure(.protocolViolation(let what))) = outputs.last { what } else { nil }
    }

    @Test("ends at the first byte that is not a greeting")
    func garbage() throws {
        var session = try session()
        #expect(violation(session.receive(Array("HTTP/1.1 400 Bad Request\r\n".utf8))) == "a packet of 5526600 bytes, the limit is 8192")
        session = try self.session()
        #expect(violation(session.receive([60, 0, 0, 0, 0x53])) == "a greeting that begins with 83")
        session = try self.session()
        #expect(violation(session.receive(MySQLPacket(sequence: 0, payload: [10, 0]).bytes)) == "a greeting that cannot be read")
        session = try self.session()
        #expect(violation(session.receive(greeting([.protocol41]).bytes)) == "a server before MySQL 4.1")
        session = try self.session()
        #expect(violation(session.receive(MySQLPacket(sequence: 1, payload: greeting().payload).bytes)) == "a packet out of order")
    }

    @Test("accepts no bytes between the greeting and the TLS handshake")
    func injectedWords() throws {
        var session = try session(tls: .prefer)
        let bytes = greeting([.protocol41, .secureConnection, .pluginAuthentication, .tls]).bytes
        #expect(violation(session.receive(bytes + MySQLPacket(sequence: 2, payload: [0, 0, 0, 2, 0, 0, 0]).bytes)) == "a packet before the TLS handshake")
        session = try self.session(tls: .prefer)
        _ = session.receive(bytes)
        guard case .finished(.failure(.tlsFailed)) = session.receive(Array("no TLS at all".utf8)).last else {
            Issue.record("taken")
            return
        }
    }

    @Test("ends an endless login")
    func endlessLogin() throws {
        for payload in [[1, 4], [0xfe] + Array("caching_sha2_password\0".utf8) + Array(repeating: 65, count: 21), [0xfe] + Array("unknown\0".utf8)] {
            var session = try session()
            _ = session.receive(greeting().bytes)
            var sequence = UInt8(2)
            var last: [DatabaseSession.Output] = []
            var rounds = 0
            while session.stage != .finished, rounds < 100 {
                last = session.receive(MySQLPacket(sequence: sequence, payload: payload).bytes)
                sequence &+= 2
                rounds += 1
            }
            #expect(rounds <= DatabaseSession.loginRoundsMax + 1)
            guard case .finished(.failure) = last.last else {
                Issue.record("the login continues")
                return
            }
        }
    }

    @Test("reads a limited number of bytes of an answer, and of a whole session")
    func floods() throws {
        var session = try asking()
        let header = MySQLPacket(sequence: 1, payload: []).bytes
        #expect(
            violation(session.receive([0xff, 0xff, 0xff] + header.suffix(1)))
                == "a packet of 16777215 bytes, the limit is \(MySQLResultReader.answerBytesMax)")
        session = try self.session(queries: Array(repeating: "select 1", count: 1_000_000))
        _ = session.receive(greeting().bytes)
        _ = session.receive(MySQLPacket(sequence: 2, payload: [0, 0, 0, 2, 0, 0, 0]).bytes)
        let head = MySQLPacket(sequence: 1, payload: [1]).bytes + MySQLPacket(sequence: 2, payload: Array("\u{3}def\0\0\0\u{1}a\0".utf8)).bytes
        let row = MySQLPacket(sequence: 4, payload: [253, 0, 0, 2] + Array(repeating: 65, count: 131_072)).bytes
        let answer = head + MySQLPacket(sequence: 3, payload: [0xfe, 0, 0, 2, 0]).bytes + row + MySQLPacket(sequence: 5, payload: [0xfe, 0, 0, 2, 0]).bytes
        var last: [DatabaseSession.Output] = []
        for _ in 0..<100 where session.stage != .finished { last = session.receive(answer) }
        #expect(violation(last) == "more than \(DatabaseSession.sessionBytesMax) bytes in one session")
    }

    @Test("names the violation of the protocol in an answer")
    func badAnswers() throws {
        for (payload, what) in [
            ([0xfb] + Array("/etc/passwd".utf8), "an answer to a query that cannot be read"),
            ([252, 1, 2], "more than 512 columns"), ([0], "an OK packet that cannot be read"), ([], "an answer to a query that cannot be read"),
        ] as [([UInt8], String)] {
            var session = try asking()
            #expect(violation(session.receive(MySQLPacket(sequence: 1, payload: payload).bytes)) == what)
        }
        var session = try asking()
        #expect(violation(session.receive(MySQLPacket(sequence: 2, payload: [1]).bytes)) == "a packet out of order")
    }

    @Test("ends exactly once, for any bytes", arguments: seeds(300))
    func randomBytes(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var session = try session(tls: DatabaseTLSMode.allCases.randomElement(using: &random) ?? .off)
        var ends = 0
        var sequence = UInt8(0)
        func take(_ bytes: [UInt8]) {
            for output in session.receive(bytes) {
                if case .finished = output { ends += 1 }
            }
        }
        var first = greeting(Bool.random(using: &random) ? [.protocol41, .secureConnection, .pluginAuthentication, .tls] : [.protocol41, .secureConnection])
        if Int.random(in: 0..<3, using: &random) == 0 {
            first.payload[Int.random(in: 0..<first.payload.count, using: &random)] = .random(in: 0...255, using: &random)
        }
        take(first.bytes)
        for _ in 0..<40 where session.stage != .finished {
            // Mostly valid packets, in the order that the protocol expects.
            var payload: [UInt8] =
                [
                    [0, 0, 0, 2, 0, 0, 0], [1, 3], [1, 4], [1] + Array("-----BEGIN PUBLIC KEY-----".utf8), [0xfe, 0, 0, 2, 0], [2], [1],
                    Array("\u{3}def\0\0\0\u{1}a\0".utf8), [0xff, 0x15, 4] + Array("#28000no".utf8), [0xfe] + Array("mysql_native_password\0".utf8),
                    [0xfe] + Array("client_ed25519\0".utf8) + Array(repeating: 7, count: 33),
                ].randomElement(using: &random) ?? []
            if Int.random(in: 0..<4, using: &random) == 0 { payload = (0..<9).map { _ in .random(in: 0...255, using: &random) } }
            if case .query = session.stage { sequence &+= 1 } else { sequence = sequence == 0 ? 2 : sequence &+ 2 }
            take(MySQLPacket(sequence: Int.random(in: 0..<8, using: &random) == 0 ? 0 : sequence, payload: payload).bytes)
        }
        if case .finished = session.endOfStream().last { ends += 1 }
        #expect(ends == 1, "seed \(seed)")
    }
}
