/// The state of a runtime connection's dialogue.
struct RuntimeSession: Equatable, Sendable {
    /// The level of the connection; `user` and `operator` lower it.
    var level: StatsSocketSettings.Level
    /// Whether `prompt` is on: the connection stays open and each answer ends with `> `.
    var isInteractive = false
    /// How long the connection may be idle.
    var timeout: Duration
    /// Whether `quit` was received.
    var isClosing = false
    /// Whether it may take the listening sockets over.
    var exposesListeners = false
    /// The form of the severity in front of messages.
    var severityOutput = StatsSocketSettings.SeverityOutput.none
    /// Whether another process may take the socket's path.
    var isAbandoned = false
    /// The line that ends the payload being skipped; `nil` outside payloads.
    var payloadEnd: String?

    /// The session of a new connection.
    init(level: StatsSocketSettings.Level, timeout: Duration) {
        self.level = level
        self.timeout = timeout
    }

    /// The text in front of a message of this severity.
    func prefix(of severity: AnswerText.Severity) -> String {
        switch (severityOutput, severity) {
        case (.none, _): ""
        case (.number, _): "[\(severity.rawValue)]: "
        case (.string, .error): "[err]: "
        case (.string, .information): "[info]: "
        }
    }

    /// The answer if a command needs a higher level; `nil` if it may run. The first line is HAProxy's, because programs compare it.
    func refusal(of command: String, needing needed: StatsSocketSettings.Level) -> String? {
        guard level < needed else { return nil }
        return "Permission denied\n'\(command)' needs level \(needed); this connection has \(level): "
            + "set 'level \(needed)' on the 'stats socket' line (',level,\(needed)' in '-S').\n"
    }
}

/// The result of a line.
enum LineAnswer {
    /// The whole answer.
    case bytes([UInt8])
    /// An answer composed in pieces: each call returns one; `nil` ends it.
    case pieces((inout RuntimeSession) -> LinePiece?)
    /// The connection switches to the protocol of `ProcessMessage`.
    case handOver

    /// An answer that is available later.
    static func later(_ begin: @escaping LinePiece.Later) -> LineAnswer {
        var rest: LinePiece? = .later(begin)
        return .pieces { _ in
            defer { rest = nil }
            return rest
        }
    }
}

/// A part of the answer to a line.
enum LinePiece {
    /// Begins the wait. Passes the bytes to the given function, once. The caller calls the returned function if the client disconnects before that.
    typealias Later = (@escaping ([UInt8]) -> Void) -> () -> Void

    /// These bytes, which may be empty.
    case bytes([UInt8])
    /// Bytes that are available later; until then nothing is read or composed.
    case later(Later)
}

/// Answers lines.
protocol LineInterpreter {
    /// Begins the answer to one line, given without its LF.
    func answer(to line: ArraySlice<UInt8>, session: inout RuntimeSession) -> LineAnswer
    /// Whether the line never waits for a place among `stats maxconn`.
    func isUrgent(_ line: ArraySlice<UInt8>, _ session: RuntimeSession) -> Bool
}

/// Runs the lines of a runtime connection and composes their answers. Has no side effects except through `target`.
///
///     line     = command *( ";" command )         \; and \\ and "\ " escape
///     answer   = text LF [ "> " ]                 text ends with LF or is empty; "> " after `prompt`
///     payload  = command "<<" [PATTERN] LF lines  up to an empty line or PATTERN; read, and refused
struct RuntimeInterpreter: LineInterpreter {
    /// The first line from a process that takes over. It is not a command for people, so the list omits it.
    static let handOverCommand = "_handover"
    /// The question of a process that wants this socket's path. It is not a command for people, so the list omits it.
    static let abandonedQuery = "_abandoned"
    /// The answer of a worker whose master is dead.
    static let abandonedAnswer = "yes"

    private let target: any RuntimeTarget

    /// Runs commands on `target`.
    init(target: any RuntimeTarget) { self.target = target }

    func answer(to line: ArraySlice<UInt8>, session: inout RuntimeSession) -> LineAnswer {
        if isHandOver(line, session) { return .handOver }
        if isAbandonedQuery(line, session) { return .bytes(Array("\(Self.abandonedAnswer)\n".utf8)) }
        var run = RuntimeLine(line, target: target)
        return .pieces { run.next(&$0) }
    }

    func isUrgent(_ line: ArraySlice<UInt8>, _ session: RuntimeSession) -> Bool {
        guard session.payloadEnd == nil else { return false }
        if isHandOver(line, session) || isAbandonedQuery(line, session) { return true }
        return RuntimeLine.commands(in: line).allSatisfy { RuntimeCommand.of($0)?.isUrgent == true }
    }

    private func isAbandonedQuery(_ line: ArraySlice<UInt8>, _ session: RuntimeSession) -> Bool {
        session.isAbandoned && line.elementsEqual(Self.abandonedQuery.utf8)
    }

    private func isHandOver(_ line: ArraySlice<UInt8>, _ session: RuntimeSession) -> Bool {
        session.exposesListeners && session.level == .admin && line.elementsEqual(Self.handOverCommand.utf8)
    }
}
