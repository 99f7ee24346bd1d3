import Wire

/// The execution of one line: each call of `next` runs one command, or composes the next piece of a long answer.
struct RuntimeLine {
    /// The most characters of an unknown command that the answer repeats.
    private static let echoMax = 64

    private let target: any RuntimeTarget
    private let line: ArraySlice<UInt8>
    /// The commands that have not run yet; `nil` before the first call of `next`.
    private var commands: ArraySlice<[String]>?
    /// The rest of the last command's answer.
    private var answer: AnswerText?

    /// A line without its LF; a trailing CR is dropped.
    init(_ line: ArraySlice<UInt8>, target: any RuntimeTarget) { (self.line, self.target) = (line, target) }

    /// The next piece; `nil` at the end.
    mutating func next(_ session: inout RuntimeSession) -> LinePiece? {
        guard let text = compose(&session) else { return nil }
        guard let later = answer?.later else { return .bytes(Array(text.utf8)) }
        answer = nil
        let end = Self.end(session)
        return .later { reply in later { reply(Array(($0 + end).utf8)) } }
    }

    /// The next text, which can be empty. If the rest is available later, `answer` has a `later`.
    private mutating func compose(_ session: inout RuntimeSession) -> String? {
        if commands == nil, let end = session.payloadEnd {
            commands = []
            guard Self.text(of: line) == end else { return Self.continuation(session) }
            session.payloadEnd = nil
            answer = marked(.error(Self.payloadRefusal), session)
        }
        if answer == nil {
            var rest = commands ?? Self.commands(in: line)[...]
            guard !session.isClosing, let words = rest.popFirst() else { return nil }
            commands = rest
            if let last = words.last, last.hasPrefix("<<") {
                session.payloadEnd = String(last.dropFirst(2))
                commands = []
                return Self.continuation(session)
            }
            answer = marked(run(words, &session), session)
        }
        guard !session.isClosing, var text = answer else { return nil }
        if text.later != nil { return "" }
        let piece = text.next()
        answer = text.isOver ? nil : text
        return text.isOver ? piece + Self.end(session) : piece
    }

    /// The end of every answer.
    private static func end(_ session: RuntimeSession) -> String { session.isInteractive ? "\n> " : "\n" }

    private static let payloadRefusal =
        "Payloads ('<<') are not supported: give the value on the command's own line.\n"

    private static func continuation(_ session: RuntimeSession) -> String { session.isInteractive ? "+ " : "" }

    private func run(_ words: [String], _ session: inout RuntimeSession) -> AnswerText {
        guard !words.isEmpty else { return AnswerText("") }
        guard let command = RuntimeCommand.of(words) else { return AnswerText(Self.unknown(words, level: session.level), severity: .information) }
        let name = command.words.joined(separator: " ")
        if let refusal = session.refusal(of: name, needing: command.level) { return .error(refusal) }
        return command.run(RuntimeCall(target: target, arguments: Array(words.dropFirst(command.words.count))), &session)
    }

    /// Puts the severity in front of a message, if the connection shows it.
    private func marked(_ answer: AnswerText, _ session: RuntimeSession) -> AnswerText {
        guard let severity = answer.severity else { return answer }
        var answer = answer
        answer.prepend(session.prefix(of: severity))
        return answer
    }

    /// The answer to an unknown command: similar commands, or all.
    private static func unknown(_ words: [String], level: StatsSocketSettings.Level) -> String {
        let likely = RuntimeCommand.nearest(to: words, level: level)
        let echo = (likely.first.map { Array(words.prefix($0.commonWords(with: words) + 1)) } ?? Array(words.prefix(1))).joined(separator: " ")
        let echoed = String(String.UnicodeScalarView(echo.unicodeScalars.prefix(echoMax))).shown
        guard !likely.isEmpty else {
            return "Unknown command: '\(echoed)'. Please enter one of the following commands only:\n" + RuntimeCommand.list(RuntimeCommand.all, level: level)
        }
        return "Unknown command: '\(echoed)', but maybe one of the following ones is a better match:\n" + RuntimeCommand.list(likely, level: level)
    }

    private static func text(of line: ArraySlice<UInt8>) -> String {
        String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
    }

    /// Splits a line into commands, each as its words.
    static func commands(in line: ArraySlice<UInt8>) -> [[String]] {
        var commands: [[String]] = []
        var words: [String] = []
        var word = String.UnicodeScalarView()
        var isEscaped = false
        func endWord() {
            if !word.isEmpty { words.append(String(word)) }
            word = String.UnicodeScalarView()
        }
        for scalar in text(of: line).unicodeScalars {
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
