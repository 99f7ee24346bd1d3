import Wire

/// The access to the databases of a section.
package struct DatabaseAccess {
    /// The questions.
    package let questions: DatabaseQuestions
    /// The login.
    package let login: DatabaseLogin
    /// The cryptography of passwords and TLS.
    package let cryptography: any DatabaseCryptography

    /// Creates an access.
    package init(questions: DatabaseQuestions, login: DatabaseLogin, cryptography: any DatabaseCryptography) {
        (self.questions, self.login, self.cryptography) = (questions, login, cryptography)
    }
}

/// A pause for a question that a server has not answered in time. Each attempt occupies a connection at the server while the question hangs, and many attempts
/// would use up the server's connections.
package struct QuestionPause: Equatable, Sendable {
    /// The longest pause.
    package static let longest = Duration.seconds(32)

    /// The question. Later questions are left out as well.
    package let question: DatabaseQuestion
    /// Why it has no answer.
    package let problem: DatabaseProblem
    /// The end of the pause.
    package let end: Instant
    private let length: Duration

    /// Starts a pause after a question has timed out. It is longer than `last` if that concerned the same question.
    init(_ question: DatabaseQuestion, _ problem: DatabaseProblem, after last: QuestionPause?, now: Instant) {
        (self.question, self.problem) = (question, problem)
        // The next check asks again immediately, because a single timeout may be accidental.
        length = last.map { $0.question == question ? min(max(.seconds(1), $0.length * 2), Self.longest) : .zero } ?? .zero
        end = now.advanced(by: length)
    }
}

/// A check of a server whose proxy has a `database` section: it logs in, asks its questions and quits on one connection.
///
/// A server that accepts the login is up, even if it answers questions with errors or too late: the check passes, and `findings` contains the unanswered
/// questions. The check also passes when this node's user, password or TLS is wrong. It fails, like any check, for a server that cannot be reached, is full,
/// blocks this host, does not speak MySQL or does not finish the login in time.
package struct DatabaseCheck: Check {
    /// Errors of a database that is shutting down or losing its connections. They do not concern the question. The error of a killed query (1317, 1927, 3169)
    /// makes the question fail.
    private static let shutdownErrors: [UInt16] = [1053, 1077, 1158, 1159, 1160, 1161, 1184]

    /// The stage, the time limits and the verdict.
    package var progress: CheckProgress
    /// How to close the connection. A database counts a RST as an error of this host, unless it arrives before the database handles the connection.
    package private(set) var closing = CheckClosing.orderly
    /// The findings after the end of the check.
    package private(set) var findings = DatabaseFindings.failed
    /// The question that the next check leaves out; `nil` for none.
    package private(set) var pause: QuestionPause?

    /// The question that this check leaves out.
    private let skipped: QuestionPause?
    private let access: DatabaseAccess
    private var session: DatabaseSession?
    private var hasServerResponded = false
    private var hasLoggedIn = false

    /// Starts a check whose connect begins now.
    ///
    /// - Parameter pause: the pause that the previous check has left.
    package init(_ access: DatabaseAccess, limits: CheckLimits, pause: QuestionPause? = nil, now: Instant) {
        self.access = access
        (self.pause, skipped) = (pause, pause.flatMap { $0.end > now ? $0 : nil })
        progress = CheckProgress(limits, now: now)
    }

    /// Waits for the server's greeting.
    package mutating func connected(now: Instant) -> [CheckOutput] {
        guard progress.connected(now: now) else { return [] }
        let (questions, end) = (access.questions, skipped?.question)
        session = DatabaseSession(access.login, cryptography: access.cryptography) {
            questions.statements(for: DatabaseDialect(version: $0), before: end)
        }
        return []
    }

    /// Handles received bytes.
    package mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] {
        hasServerResponded = true
        guard let stage = session?.stage, let outputs = session?.receive(bytes) else { return [] }
        if case .query = stage { hasLoggedIn = true }
        if session?.stage != .greeting { progress.greeted(now: now) }
        return carryOut(outputs, now: now)
    }

    /// Handles the server's orderly end of the stream.
    package mutating func ended(now: Instant) -> [CheckOutput] {
        let isSilent = session?.stage == .greeting
        guard let outputs = session?.endOfStream() else { return [] }
        if isSilent { return progress.closedBeforeFirstByte(now: now) }
        return carryOut(outputs, now: now)
    }

    /// Ends the check at its deadline.
    package mutating func timedOut(now: Instant) -> [CheckOutput] {
        // A connection that is reset before the server handles it is not counted. An orderly close would count as an error of this host.
        if session?.stage == .greeting { closing = hasServerResponded ? .reset : .abandoned }
        if case .query(let number)? = session?.stage, let report = session?.report {
            let problem = DatabaseProblem(code: 0, text: "no answer within \(DatabaseFault.text(progress.limits.answer ?? progress.limits.whole))")
            let hanging = access.questions.question(at: number, for: DatabaseDialect(version: report.serverVersion))
            if let hanging { pause = QuestionPause(hanging, problem, after: pause, now: now) }
            return conclude(report, missing: problem, now: now)
        }
        return progress.timedOut(now: now)
    }

    private mutating func carryOut(_ outputs: [DatabaseSession.Output], now: Instant) -> [CheckOutput] {
        var carried: [CheckOutput] = []
        for output in outputs {
            switch output {
            case .send(let bytes): carried.append(.send(bytes))
            case .finished(.success(let report)):
                if skipped == nil { pause = nil }
                carried += conclude(report, missing: skipped?.problem, now: now)
            case .finished(.failure(let error)): carried += conclude(error, now: now)
            }
        }
        return carried
    }

    private mutating func conclude(_ report: DatabaseReport, missing failure: DatabaseProblem? = nil, now: Instant) -> [CheckOutput] {
        for case .refused(let error) in report.answers where Self.shutdownErrors.contains(error.code) {
            return progress.finish(.layer7WrongStatus, code: Int(error.code), info: DatabaseProblem(code: 0, statement: error.message).text, now: now)
        }
        findings = .seen(access.questions.view(report.answers, for: DatabaseDialect(version: report.serverVersion), missing: failure))
        return progress.finish(.layer7OK, info: report.serverVersion, now: now)
    }

    private mutating func conclude(_ error: DatabaseError, now: Instant) -> [CheckOutput] {
        switch error {
        case .refused(let packet):
            return progress.refused(packet, now: now)
        case .protocolViolation(let what):
            // The packet is too long or unreadable, but the login has shown that the server is up.
            if hasLoggedIn, let report = session?.report { return conclude(report, missing: DatabaseProblem(code: 0, text: what), now: now) }
            return progress.finish(.layer7InvalidResponse, info: what, now: now)
        case .closed:
            return progress.finish(.layer7InvalidResponse, now: now)
        case .accessDenied, .accountLocked, .passwordExpired, .methodUnknown, .methodRefused, .tlsNotOffered, .certificateInvalid, .tlsFailed,
            .cryptographyFailed:
            let problem = error.serverError.map { packet in
                hasLoggedIn
                    ? DatabaseProblem(code: Int(packet.code), statement: packet.message) : DatabaseProblem(code: Int(packet.code), text: packet.message)
            }
            findings = .refused(problem ?? DatabaseProblem(code: 0, text: error.description))
            return progress.finish(.layer7OK, now: now)
        }
    }
}

extension CheckPlan {
    /// Creates checks that also ask questions. Each check leaves out the paused question of the previous one.
    ///
    /// - Parameter received: receives the findings of each check.
    package init(_ access: DatabaseAccess, limits: CheckLimits, received: @escaping (DatabaseFindings) -> Void) {
        var pause: QuestionPause?
        self.init(
            begin: { DatabaseCheck(access, limits: limits, pause: pause, now: $0) },
            ended: { (check: DatabaseCheck) in
                pause = check.pause
                received(check.findings)
            })
    }
}
