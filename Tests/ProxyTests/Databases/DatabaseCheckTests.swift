import Proxy
import Seals
import Support
import Testing
import Wire

@Suite("A check with database queries")
struct DatabaseCheckTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    /// Runs a check with a server to its end.
    private func check(
        _ settings: MySQLPeerSettings = MySQLPeerSettings(), password: String = "secret", change: (inout DatabaseSettings) -> Void = { _ in }
    ) throws -> (result: CheckResult?, look: DatabaseFindings) {
        var section = DatabaseSettings(user: "monitor", location: ConfigurationLocation(file: "haproxy.cfg", line: 1))
        change(&section)
        let login = DatabaseLogin(user: "monitor", password: try #require(DatabasePassword(Array(password.utf8))), tls: section.tls)
        let access = DatabaseAccess(questions: DatabaseQuestions(section), login: login, cryptography: try OpenSSLDatabaseCryptography())
        var check = DatabaseCheck(access, limits: CheckLimits(whole: .seconds(1)), now: Self.start)
        #expect(check.deadline == Self.start.advanced(by: .seconds(1)))
        _ = check.connected(now: Self.start)
        let peer = MySQLPeer(settings)
        var incoming = peer.greet()
        var result: CheckResult?
        for _ in 0..<20 where result == nil {
            var answer: [UInt8] = []
            for output in check.received(incoming, now: Self.start.advanced(by: .milliseconds(5))) {
                switch output {
                case .send(let bytes): answer += peer.receive(bytes)
                case .connect: Issue.record("a second connection")
                case .finished(let verdict): result = verdict
                }
            }
            incoming = answer
        }
        return (result, check.findings)
    }

    private static func replica(_ query: String) -> MySQLAnswer {
        switch query {
        case DatabaseQuestions.variables:
            .rows(MySQLResultSet(columns: ["Variable_name", "Value"], rows: [["read_only", "ON"], ["version", "8.4.3"]]))
        case "SHOW REPLICA STATUS":
            .rows(
                MySQLResultSet(columns: ["Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source"], rows: [["Yes", "Yes", "3"]]))
        default: .refused(MySQLErrorPacket(code: 1142, sqlState: "42000", message: "SELECT command denied"))
        }
    }

    private static func peer(_ change: (inout MySQLPeerSettings) -> Void = { _ in }) -> MySQLPeerSettings {
        var settings = MySQLPeerSettings()
        settings.isCached = true
        settings.answer = replica
        change(&settings)
        return settings
    }

    @Test("passes, and reports its findings")
    func seen() throws {
        let (result, look) = try check(Self.peer())
        #expect(result?.status == .layer7OK && result?.info == "8.4.3" && result?.duration == .milliseconds(5))
        #expect(result?.greetedAfter == .milliseconds(5))
        guard case .seen(let view) = look else {
            Issue.record("\(look)")
            return
        }
        #expect(view.isReadOnly && view.replicationLag == .seconds(3) && view.version == "8.4.3")
    }

    @Test("passes when the server refuses the user or a query, and reports the refusal")
    func refused() throws {
        let wrong = try check(Self.peer(), password: "wrong")
        #expect(wrong.result?.status == .layer7OK)
        guard case .refused(let denied) = wrong.look else {
            Issue.record("\(wrong)")
            return
        }
        #expect(denied.code == 1045 && !denied.description.contains("wrong"))
        let heartbeat = try check(Self.peer()) { $0.lagSource = .heartbeat(table: "ops.heartbeat") }
        guard case .seen(let view) = heartbeat.look else {
            Issue.record("\(heartbeat)")
            return
        }
        let denial = DatabaseProblem(code: 1142, text: "SELECT command denied")
        #expect(heartbeat.result?.status == .layer7OK && view.isReadOnly && denial.isPermissionError)
        #expect(view.unanswered == [UnansweredQuestion(.heartbeat, name: "heartbeat ops.heartbeat", denial)])
        let clear = try check(Self.peer()) { $0.tls = .require }
        #expect(
            clear.result?.status == .layer7OK && clear.look == .refused(DatabaseProblem(code: 0, text: "TLS is required, but the server does not offer it")))
        #expect(DatabaseProblem(code: 0, text: "no TLS").description == "no TLS")
        let strange = try check(Self.peer { $0.answer = { _ in .rows(MySQLResultSet(columns: ["x"], rows: [])) } })
        #expect(strange.result?.status == .layer7OK)
        guard case .seen(let nothing) = strange.look else {
            Issue.record("\(strange)")
            return
        }
        #expect(nothing.unanswered.map(\.question) == [.variables])
    }

    /// A check that has logged in and sent its queries to a server that answers only the first `count` of them; `ending` then ends it.
    private func unanswered(after count: Int, _ ending: (inout DatabaseCheck) -> [CheckOutput]) throws -> (CheckResult, DatabaseView) {
        var section = DatabaseSettings(user: "monitor", location: ConfigurationLocation(file: "haproxy.cfg", line: 1))
        section.query = .init(text: "SELECT card_number FROM customers", expected: "1")
        let login = DatabaseLogin(user: "monitor", password: try #require(DatabasePassword(Array("secret".utf8))), tls: .off)
        let access = DatabaseAccess(questions: DatabaseQuestions(section), login: login, cryptography: try OpenSSLDatabaseCryptography())
        var check = DatabaseCheck(access, limits: CheckLimits(whole: .milliseconds(1500)), now: Self.start)
        _ = check.connected(now: Self.start)
        var asked = 0
        let peer = MySQLPeer(
            Self.peer {
                $0.answer = { query in
                    asked += 1
                    return query.hasPrefix("SELECT") ? .rows(MySQLResultSet(columns: ["x"], rows: [["3"]])) : Self.replica(query)
                }
            })
        var incoming = peer.greet()
        while !incoming.isEmpty {
            var answer: [UInt8] = []
            for case .send(let bytes) in check.received(incoming, now: Self.start) { answer += peer.receive(bytes) }
            incoming = asked > count ? [] : answer
        }
        let outputs = ending(&check)
        guard case .finished(let result)? = outputs.last, case .seen(let view) = check.findings else {
            Issue.record("\(outputs), \(check.findings)")
            throw ConversationStuck()
        }
        return (result, view)
    }

    @Test("passes when the login succeeds and a query times out, names that query, and keeps the earlier answers")
    func questionHangs() throws {
        let (result, view) = try unanswered(after: 1) { $0.timedOut(now: Self.start.advanced(by: .milliseconds(1500))) }
        #expect(result.status == .layer7OK && result.info == "8.4.3")
        #expect(view.isReadOnly && view.isAnswered(.variables) && view.replicationLag == nil)
        #expect(view.unanswered.map(\.question) == [.replicaStatus, .query])
        #expect(view.unanswered.first?.description == "'SHOW REPLICA STATUS' fails: no answer within 1.5s")
        let query = try unanswered(after: 2) { $0.timedOut(now: Self.start.advanced(by: .milliseconds(1500))) }.1
        #expect(query.replicationLag == .seconds(3) && query.unanswered.map(\.name) == ["query"])
    }

    @Test("pauses a hanging query for the next checks, longer each time, so that hanging connections do not fill the server")
    func pause() throws {
        let login = DatabaseLogin(user: "monitor", password: try #require(DatabasePassword(Array("secret".utf8))), tls: .off)
        let section = DatabaseSettings(user: "monitor", location: ConfigurationLocation(file: "haproxy.cfg", line: 1))
        let access = DatabaseAccess(questions: DatabaseQuestions(section), login: login, cryptography: try OpenSSLDatabaseCryptography())
        var now = Self.start
        var pause: QuestionPause?
        var hung: [Int] = []
        var isHanging = true
        for second in 0..<200 {
            if second == 150 { isHanging = false }
            var check = DatabaseCheck(access, limits: CheckLimits(whole: .seconds(1)), pause: pause, now: now)
            _ = check.connected(now: now)
            var asked: [String] = []
            let peer = MySQLPeer(
                Self.peer {
                    $0.answer = { query in
                        asked.append(query)
                        return Self.replica(query)
                    }
                })
            var incoming = peer.greet()
            var isOver = false
            while !isOver, !incoming.isEmpty {
                var answer: [UInt8] = []
                for output in check.received(incoming, now: now) {
                    switch output {
                    case .send(let bytes): answer += peer.receive(bytes)
                    case .connect, .finished: isOver = true
                    }
                }
                incoming = isHanging && asked.contains("SHOW REPLICA STATUS") ? [] : answer
            }
            if !isOver {
                hung.append(second)
                _ = check.timedOut(now: now)
            }
            guard case .seen(let view) = check.findings else {
                Issue.record("second \(second): \(check.findings)")
                return
            }
            #expect(view.isReadOnly)
            #expect(view.isAnswered(.replicaStatus) == (check.pause == nil), "second \(second)")
            pause = check.pause
            now = now.advanced(by: .seconds(1))
        }
        #expect(hung == [0, 1, 2, 4, 8, 16, 32, 64, 96, 128])
        #expect(pause == nil, "the query is sent again and answered")
    }

    @Test("passes when a query is killed, or its answer is too long: the login has shown that the server is up")
    func questionFails() throws {
        for code in [1146, 1205, 1317, 1927, 1969, 3024, 3169] as [UInt16] {
            let (result, look) = try check(
                Self.peer { $0.answer = { $0.hasPrefix("SHOW REPLICA") ? .refused(MySQLErrorPacket(code: code, message: "no")) : Self.replica($0) } })
            guard case .seen(let view) = look else {
                Issue.record("\(code): \(look)")
                continue
            }
            #expect(result?.status == .layer7OK && view.unanswered.map(\.problem.code) == [Int(code)])
        }
        let (result, view) = try unanswered(after: 1) { check in
            let long = MySQLPacket(sequence: 1, payload: [0xfc, 0xff, 0xff]).bytes
            return check.received(long, now: Self.start)
        }
        #expect(result.status == .layer7OK && view.unanswered.first?.question == .replicaStatus)
    }

    @Test("reports the server although the list of its replicas is refused")
    func listRefused() throws {
        let list = { (peer: @escaping @Sendable (String) -> MySQLAnswer?) throws -> DatabaseView? in
            let (result, look) = try check(Self.peer { $0.answer = { peer($0) ?? Self.replica($0) } }) { $0.discovery = .init(proxy: "read") }
            #expect(result?.status == .layer7OK)
            if case .seen(let view) = look { return view } else { return nil }
        }
        let hosts = MySQLAnswer.rows(MySQLResultSet(columns: ["HOST"], rows: [["10.0.0.1:51234"], [nil]]))
        let all = MySQLAnswer.rows(MySQLResultSet(columns: ["1"], rows: [["1"]]))
        let denied = DatabaseProblem(code: 1142, text: "SELECT command denied")
        let whole = try #require(try list { $0 == ReplicaList.statements[0] ? hosts : $0 == ReplicaList.statements[1] ? all : nil })
        #expect(whole.replicas == ReplicaList(["10.0.0.1:51234", nil]))
        let partly = try #require(try list { $0 == ReplicaList.statements[0] ? hosts : nil })
        #expect(partly.replicas == ReplicaList(["10.0.0.1:51234", nil], refusal: denied) && partly.isReadOnly)
        #expect(try list { _ in nil }?.replicas == ReplicaList([], refusal: denied))
    }

    @Test("fails when the server shuts down during the queries")
    func shuttingDown() throws {
        let (result, look) = try check(Self.peer { $0.answer = { _ in .refused(MySQLErrorPacket(code: 1053, sqlState: "08S01", message: "Server shutdown")) } })
        #expect(result?.status == .layer7WrongStatus && result?.code == 1053 && look == .failed)
    }

    @Test("fails like any check without a connection, after an end, and without a greeting or an answer in time")
    func failures() throws {
        let login = DatabaseLogin(user: "monitor", password: .empty)
        let section = DatabaseSettings(user: "monitor", location: ConfigurationLocation(file: "haproxy.cfg", line: 1))
        let access = DatabaseAccess(questions: DatabaseQuestions(section), login: login, cryptography: NullDatabaseCryptography())
        let fresh = { DatabaseCheck(access, limits: CheckLimits(whole: .seconds(1)), now: Self.start) }
        let connected = {
            var check = fresh()
            _ = check.connected(now: Self.start)
            return check
        }
        let status = { (outputs: [CheckOutput]) -> CheckStatus? in
            if case .finished(let result)? = outputs.last { result.status } else { nil }
        }
        var check = fresh()
        #expect(status(check.timedOut(now: Self.start)) == .layer4Timeout)
        #expect(check.timedOut(now: Self.start).isEmpty && check.findings == .failed)
        check = fresh()
        #expect(status(check.failed("ECONNREFUSED", fault: .server, now: Self.start)) == .layer4ConnectionProblem)
        check = connected()
        #expect(status(check.timedOut(now: Self.start)) == .layer7Timeout && check.closing == .abandoned)
        check = connected()
        // With half a greeting, the handshake can no longer be finished.
        _ = check.received([0x4a, 0, 0], now: Self.start)
        #expect(status(check.timedOut(now: Self.start)) == .layer7Timeout && check.closing == .reset)
        check = connected()
        #expect(status(check.ended(now: Self.start)) == .socketError)
        check = connected()
        #expect(status(check.received(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), now: Self.start)) == .layer7InvalidResponse)
        check = connected()
        let full = MySQLPacket(sequence: 0, payload: [0xff, 0x10, 0x04] + Array("Too many connections".utf8)).bytes
        #expect(status(check.received(full, now: Self.start)) == .layer7WrongStatus && check.findings == .failed)
    }
}
