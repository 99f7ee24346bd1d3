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
    /// While a payload is being skipped: the line that ends it.
    var payloadEnd: String?

    /// A fresh connection's.
    init(level: StatsSocketSettings.Level, timeout: Duration) {
        self.level = level
        self.timeout = timeout
    }
}

/// What a line leads to.
enum LineAnswer {
    /// These bytes are sent.
    case bytes([UInt8])
    /// The bytes come later, once, by the function that is given; until then nothing is read.
    case later((@escaping ([UInt8]) -> Void) -> Void)
    /// The connection speaks the language of `ProcessMessage` from now on.
    case handOver
}

/// Makes answers of lines.
protocol LineInterpreter {
    /// Runs one line, without its LF.
    func answer(to line: ArraySlice<UInt8>, session: inout RuntimeSession) -> LineAnswer
}

/// Runs the lines of a runtime connection and makes their answers. Pure but for what `target` does.
///
///     line     = command *( ";" command )         \; and \\ and "\ " escape
///     answer   = text LF [ "> " ]                 text ends with LF or is empty; "> " after `prompt`
///     payload  = command "<<" [PATTERN] LF lines  up to an empty line or PATTERN; read, and refused
struct RuntimeInterpreter: LineInterpreter {
    /// What a process that takes over says first. No command of people's: it is not in the list.
    static let handOverCommand = "_handover"
    /// How many characters of an unknown word are said back.
    private static let echoMax = 64

    private let target: any RuntimeTarget

    /// Commands work on `target`.
    init(target: any RuntimeTarget) { self.target = target }

    func answer(to line: ArraySlice<UInt8>, session: inout RuntimeSession) -> LineAnswer {
        if session.exposesListeners, session.level == .admin, line.elementsEqual(Self.handOverCommand.utf8) { return .handOver }
        return .bytes(execute(line, session: &session))
    }

    /// Runs one line.
    ///
    /// - Parameter line: without its LF; a CR before it is dropped.
    /// - Returns: the bytes to send, none for `quit` and inside a payload.
    func execute(_ line: some Sequence<UInt8>, session: inout RuntimeSession) -> [UInt8] {
        var text = String(decoding: Array(line), as: UTF8.self)
        if text.unicodeScalars.last == "\r" { text.unicodeScalars.removeLast() }
        if let end = session.payloadEnd {
            guard text == end else { return Self.continuation(session) }
            session.payloadEnd = nil
            return Self.frame(Self.payloadRefusal, session)
        }
        var output: [UInt8] = []
        for words in Self.commands(in: text) where !session.isClosing {
            if let last = words.last, last.hasPrefix("<<") {
                session.payloadEnd = String(last.dropFirst(2))
                return output + Self.continuation(session)
            }
            guard let answer = answer(to: words, session: &session) else { break }
            output += Self.frame(answer, session)
        }
        return output
    }

    private static let payloadRefusal =
        "Payloads ('<<') are not supported yet: none of the commands here takes one. Give the value on the command's own line.\n"

    private static func continuation(_ session: RuntimeSession) -> [UInt8] { session.isInteractive ? Array("+ ".utf8) : [] }

    private static func frame(_ answer: String, _ session: RuntimeSession) -> [UInt8] {
        Array(answer.utf8) + Array((session.isInteractive ? "\n> " : "\n").utf8)
    }

    /// `nil` for `quit`.
    private func answer(to words: [String], session: inout RuntimeSession) -> String? {
        guard !words.isEmpty else { return "" }
        guard let command = RuntimeCommand.all.filter({ words.starts(with: $0.words) }).max(by: { $0.words.count < $1.words.count }) else {
            return Self.unknown(words, level: session.level)
        }
        guard session.level >= command.level else { return "Permission denied\n" }
        let text = command.run(RuntimeCall(target: target, arguments: Array(words.dropFirst(command.words.count))), &session)
        return session.isClosing ? nil : text
    }

    /// The answer to a command that does not exist: the commands that begin alike, or all.
    private static func unknown(_ words: [String], level: StatsSocketSettings.Level) -> String {
        let likely = RuntimeCommand.nearest(to: words, level: level)
        let echo = (likely.first.map { Array(words.prefix($0.commonWords(with: words) + 1)) } ?? Array(words.prefix(1))).joined(separator: " ")
        let said = String(String.UnicodeScalarView(echo.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 }.prefix(echoMax)))
        guard !likely.isEmpty else {
            return "Unknown command: '\(said)'. Please enter one of the following commands only:\n" + RuntimeCommand.list(RuntimeCommand.all, level: level)
        }
        return "Unknown command: '\(said)', but maybe one of the following ones is a better match:\n" + RuntimeCommand.list(likely, level: level)
    }

    /// The line's commands, each as its words.
    static func commands(in line: String) -> [[String]] {
        var commands: [[String]] = []
        var words: [String] = []
        var word = String.UnicodeScalarView()
        var isEscaped = false
        func endWord() {
            if !word.isEmpty { words.append(String(word)) }
            word = String.UnicodeScalarView()
        }
        for scalar in line.unicodeScalars {
            if isEscaped {
                word.append(scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == ";" {
                endWord()
                commands.append(words)
                words = []
            } else if scalar == " " || scalar == "\t" {
                endWord()
            } else {
                word.append(scalar)
            }
        }
        endWord()
        return words.isEmpty && !commands.isEmpty ? commands : commands + [words]
    }
}
