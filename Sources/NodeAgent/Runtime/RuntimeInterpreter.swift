/// What one runtime connection has said so far.
struct RuntimeSession: Equatable, Sendable {
    /// What it may do; `user` and `operator` lower it.
    var level: StatsSocketSettings.Level
    /// After `prompt`: the connection stays open and each answer ends with `> `.
    var isInteractive = false
    /// How long it may be idle.
    var timeout: Duration
    /// After `quit`.
    var isClosing = false
    /// Whether it may take the listening sockets over.
    var exposesListeners = false
    /// Whether another process may take the socket's path.
    var isAbandoned = false
    /// While a payload is being skipped: the line that ends it.
    var payloadEnd: String?

    /// A fresh connection's.
    init(level: StatsSocketSettings.Level, timeout: Duration) {
        self.level = level
        self.timeout = timeout
    }

    /// The answer when a command needs a higher level; `nil` when it may run. The first line is HAProxy's, which programs compare.
    func refusal(of command: String, needing needed: StatsSocketSettings.Level) -> String? {
        guard level < needed else { return nil }
        return "Permission denied\n'\(command)' needs level \(needed), and this connection has level \(level): "
            + "'level' at 'stats socket' (in '-S': ',level,') sets it.\n"
    }
}

/// What a line leads to.
enum LineAnswer {
    /// These bytes are sent.
    case bytes([UInt8])
    /// The bytes are composed in pieces: each call returns one, until there is none.
    case pieces((inout RuntimeSession) -> LinePiece?)
    /// The connection speaks the language of `ProcessMessage` from now on.
    case handOver

    /// A piece that comes later.
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
    /// Begins the wait. Hands the bytes to the given function, once. The caller calls the returned function if the client goes before that.
    typealias Later = (@escaping ([UInt8]) -> Void) -> () -> Void

    /// These bytes, which may be empty.
    case bytes([UInt8])
    /// The bytes come later; until then nothing is read or composed.
    case later(Later)
}

/// Makes answers of lines.
protocol LineInterpreter {
    /// Begins one line, without its LF.
    func answer(to line: ArraySlice<UInt8>, session: inout RuntimeSession) -> LineAnswer
    /// Whether the line never waits for a place among `stats maxconn`.
    func isUrgent(_ line: ArraySlice<UInt8>, _ session: RuntimeSession) -> Bool
}

/// Runs the lines of a runtime connection and makes their answers. Pure but for what `target` does.
///
///     line     = command *( ";" command )         \; and \\ and "\ " escape
///     answer   = text LF [ "> " ]                 text ends with LF or is empty; "> " after `prompt`
///     payload  = command "<<" [PATTERN] LF lines  up to an empty line or PATTERN; read, and refused
struct RuntimeInterpreter: LineInterpreter {
    /// What a process that takes over says first. No command of people's: it is not in the list.
    static let handOverCommand = "_handover"
    /// The question of a process that wants this socket's path. It is not a command for people.
    static let abandonedQuestion = "_abandoned"
    /// The answer of a worker whose master is dead.
    static let abandonedAnswer = "yes"

    private let target: any RuntimeTarget

    /// Commands work on `target`.
    init(target: any RuntimeTarget) { self.target = target }

    func answer(to line: ArraySlice<UInt8>, session: inout RuntimeSession) -> LineAnswer {
        if isHandOver(line, session) { return .handOver }
        if isAbandonedQuestion(line, session) { return .bytes(Array("\(Self.abandonedAnswer)\n".utf8)) }
        var run = RuntimeLine(line, target: target)
        return .pieces { run.next(&$0) }
    }

    func isUrgent(_ line: ArraySlice<UInt8>, _ session: RuntimeSession) -> Bool {
        guard session.payloadEnd == nil else { return false }
        if isHandOver(line, session) || isAbandonedQuestion(line, session) { return true }
        return RuntimeLine.commands(in: line).allSatisfy { RuntimeCommand.of($0)?.isUrgent == true }
    }

    private func isAbandonedQuestion(_ line: ArraySlice<UInt8>, _ session: RuntimeSession) -> Bool {
        session.isAbandoned && line.elementsEqual(Self.abandonedQuestion.utf8)
    }

    private func isHandOver(_ line: ArraySlice<UInt8>, _ session: RuntimeSession) -> Bool {
        session.exposesListeners && session.level == .admin && line.elementsEqual(Self.handOverCommand.utf8)
    }
}
