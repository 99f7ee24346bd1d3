import Wire

/// How a section's questions are asked.
package struct DatabaseAccess {
    /// What is asked.
    package let questions: DatabaseQuestions
    /// By whom.
    package let login: DatabaseLogin
    /// With what.
    package let cryptography: any DatabaseCryptography

    /// Access from its parts.
    package init(questions: DatabaseQuestions, login: DatabaseLogin, cryptography: any DatabaseCryptography) {
        (self.questions, self.login, self.cryptography) = (questions, login, cryptography)
    }
}

/// A check of a server whose proxy has a `database` section: it logs in, asks, and quits, on one connection.
///
/// Whoever greets and lets somebody in is reachable, whatever it answers: that this node's user, password, rights or questions are no good is told by `look`,
/// and the check passes. What cannot be reached, is full, blocks this host, speaks no MySQL or answers too late fails, as any check.
package struct DatabaseCheck: CheckProcess {
    /// Errors that a database answers with while it goes down or is cut off: no fault of the question's.
    private static let passingErrors: [UInt16] = [1053, 1077, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 3169]

    /// A database would count a RST as an error of this host, unless it has not looked yet.
    package private(set) var closing = CheckClosing.orderly
    /// It ended because the server had accepted, and said nothing.
    package private(set) var isUnanswered = false
    /// When `timedOut` is due.
    package private(set) var deadline: Instant
    /// What was seen, once it has ended.
    package private(set) var look: DatabaseLook? = .failed

    private let access: DatabaseAccess
    private let limits: CheckLimits
    private let start: Instant
    private var session: DatabaseSession?
    private var greetedAfter: Duration?
    private var hasServerSpoken = false
    private var isFinished = false

    /// An attempt whose connect begins now.
    package init(_ access: DatabaseAccess, limits: CheckLimits, now: Instant) {
        (self.access, self.limits, start) = (access, limits, now)
        deadline = now.advanced(by: limits.connect)
    }

    /// The connection is there: the server speaks first.
    package mutating func connected(now: Instant) -> [CheckMachine.Output] {
        guard session == nil, !isFinished else { return [] }
        deadline = limits.answer.map { now.advanced(by: $0) } ?? start.advanced(by: limits.whole)
        let questions = access.questions
        session = DatabaseSession(access.login, cryptography: access.cryptography) { questions.statements(for: DatabaseDialect(version: $0)) }
        return []
    }

    /// Bytes came.
    package mutating func receive(_ bytes: [UInt8], now: Instant) -> [CheckMachine.Output] {
        hasServerSpoken = true
        guard let outputs = session?.receive(bytes) else { return [] }
        if greetedAfter == nil, session?.stage != .greeting { greetedAfter = start.duration(to: now) }
        return carryOut(outputs, now: now)
    }

    /// The server has closed its side in order.
    package mutating func endOfStream(now: Instant) -> [CheckMachine.Output] {
        let isSilent = session?.stage == .greeting
        guard let outputs = session?.endOfStream() else { return [] }
        if isSilent { return finish(.socketError, info: CheckMachine.closedInfo, now: now) }
        return carryOut(outputs, now: now)
    }

    /// The connect, or the connection, has failed.
    package mutating func failed(_ reason: String, fault: CheckFault, now: Instant) -> [CheckMachine.Output] {
        finish(session == nil ? .layer4ConnectionProblem : .socketError, info: reason, fault: fault, now: now)
    }

    /// There is no socket, port or memory for the attempt.
    package mutating func couldNotStart(_ reason: String, now: Instant) -> [CheckMachine.Output] {
        finish(.socketError, info: reason, fault: .node, now: now)
    }

    /// `deadline` has passed.
    package mutating func timedOut(now: Instant) -> [CheckMachine.Output] {
        // Whoever is reset before the server has looked is not counted as an error of this host; who ends in order is.
        if session?.stage == .greeting { (closing, isUnanswered) = (.reset, !hasServerSpoken) }
        return finish(session == nil ? .layer4Timeout : .layer7Timeout, fault: .silence, now: now)
    }

    private mutating func carryOut(_ outputs: [DatabaseSession.Output], now: Instant) -> [CheckMachine.Output] {
        var carried: [CheckMachine.Output] = []
        for output in outputs {
            switch output {
            case .send(let bytes): carried.append(.send(bytes))
            case .finished(.success(let report)): carried += conclude(report, now: now)
            case .finished(.failure(let error)): carried += conclude(error, now: now)
            }
        }
        return carried
    }

    private mutating func conclude(_ report: DatabaseReport, now: Instant) -> [CheckMachine.Output] {
        var results: [MySQLResultSet] = []
        var refusal: DatabaseComplaint?
        for (number, answer) in report.answers.enumerated() {
            switch answer {
            case .rows(let rows): results.append(rows)
            case .done: results.append(MySQLResultSet(columns: [], rows: []))
            case .refused(let error):
                guard !Self.passingErrors.contains(error.code) else {
                    return finish(.layer7WrongStatus, code: Int(error.code), info: error.text, now: now)
                }
                let complaint = DatabaseComplaint(code: Int(error.code), text: error.message)
                guard number < access.questions.neededCount else {
                    refusal = refusal ?? complaint
                    results.append(MySQLResultSet(columns: [], rows: []))
                    continue
                }
                look = .refused(complaint)
                return finish(.layer7OK, info: report.serverVersion, now: now)
            }
        }
        look =
            access.questions.view(results, refusal: refusal).map { .seen($0) }
            ?? .refused(DatabaseComplaint(code: 0, text: "its answers are not those of MySQL or MariaDB"))
        return finish(.layer7OK, info: report.serverVersion, now: now)
    }

    private mutating func conclude(_ error: DatabaseError, now: Instant) -> [CheckMachine.Output] {
        switch error {
        case .refused(let packet):
            return finish(.layer7WrongStatus, code: Int(packet.code), info: packet.text, now: now)
        case .protocolViolation(let what):
            return finish(.layer7InvalidResponse, info: what, now: now)
        case .closed:
            return finish(.layer7InvalidResponse, now: now)
        case .accessDenied, .accountLocked, .passwordExpired, .methodUnknown, .methodRefused, .tlsNotOffered, .certificateInvalid, .tlsFailed,
            .cryptographyFailed:
            let complaint = error.serverError.map { DatabaseComplaint(code: Int($0.code), text: $0.message) }
            look = .refused(complaint ?? DatabaseComplaint(code: 0, text: error.description))
            return finish(.layer7OK, now: now)
        }
    }

    private mutating func finish(
        _ status: CheckStatus, code: Int = 0, info: String = "", fault: CheckFault = .server, now: Instant
    ) -> [CheckMachine.Output] {
        guard !isFinished else { return [] }
        isFinished = true
        let duration = start.duration(to: now)
        return [.finished(CheckResult(status: status, code: code, info: info, duration: duration, fault: fault, greetedAfter: greetedAfter))]
    }
}
