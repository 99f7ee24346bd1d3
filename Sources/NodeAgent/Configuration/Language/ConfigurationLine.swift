import Proxy
import Wire

/// A line being parsed: its words, and the position of the next one.
struct ConfigurationLine {
    /// The word before the keyword.
    enum Prefix: Equatable, Sendable {
        case nothing
        /// `no`: switches the option off.
        case no
        /// `default`: resets the option.
        case standard
    }

    let words: [String]
    /// The bytes of each word, as offsets in the line of the file; empty if they are unknown.
    let columns: [Range<Int>]
    let location: ConfigurationLocation
    /// The variables, which lines of `global` may change for the lines that follow.
    var environment: [String: String]
    /// The name given with `-L`; `nil` without one.
    let givenName: String?
    var prefix = Prefix.nothing
    /// The keyword for messages: the line's, or that of the option being parsed.
    var keyword = ""
    /// The keyword's arguments, for messages.
    var shape = ""
    /// The index of the next word.
    var next = 0
    /// The indices of words that are comments, without an effect.
    private var commentWords: Set<Int> = []
    /// Remarks that are not errors.
    var remarks: [(severity: DiagnosticSeverity, problem: ConfigurationProblem)] = []

    init(words: [String], columns: [Range<Int>] = [], location: ConfigurationLocation, environment: [String: String], givenName: String? = nil) {
        (self.words, self.columns, self.location, self.environment, self.givenName) = (words, columns, location, environment, givenName)
    }

    /// The next word, without taking it.
    var peek: String? { next < words.count ? words[next] : nil }

    /// Takes the next word; `nil` at the end.
    mutating func take() -> String? {
        guard next < words.count else { return nil }
        defer { next += 1 }
        return words[next]
    }

    /// Takes the next word if it is `word`.
    mutating func take(_ word: String) -> Bool {
        guard peek == word else { return false }
        next += 1
        return true
    }

    /// Takes the next word, which is required.
    mutating func takeRequired() throws(ConfigurationProblem) -> String {
        guard let word = take() else { throw .missingArgument(of: keyword, shape: shape) }
        return word
    }

    /// Takes all remaining words as one text.
    mutating func takeAll() -> String {
        defer { next = words.count }
        return next < words.count ? words[next...].joined(separator: " ") : ""
    }

    /// Throws if words remain.
    func end() throws(ConfigurationProblem) {
        if let word = peek { throw .surplusArgument(word, of: keyword, shape: shape) }
    }

    /// Takes the text after the word `comment`, which has been taken.
    mutating func takeComment() throws(ConfigurationProblem) -> String {
        let text = try takeText("a comment")
        commentWords.formUnion([next - 2, next - 1])
        return text
    }

    /// The words, without comments.
    var wordsWithEffect: [String] { words.indices.filter { !commentWords.contains($0) }.map { words[$0] } }

    mutating func warn(_ problem: ConfigurationProblem) { remarks.append((.warning, problem)) }

    mutating func notice(_ problem: ConfigurationProblem) { remarks.append((.notice, problem)) }

    /// Takes a whole number in `range`.
    mutating func takeNumber(in range: ClosedRange<Int>) throws(ConfigurationProblem) -> Int {
        let word = try takeRequired()
        guard let number = ConfigurationValue.number(word, digitsMax: 10), range.contains(number) else {
            throw .badValue(word, of: keyword, expected: "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Takes a time; without a unit it is in milliseconds.
    mutating func takeTime() throws(ConfigurationProblem) -> Duration {
        let word = try takeRequired()
        guard let (time, rest) = ConfigurationValue.timeWithRest(word) else {
            throw .badValue(word, of: keyword, expected: ConfigurationValue.timeExpected)
        }
        if !rest.isEmpty {
            let read = word.dropLast(rest.count)
            warn(.custom("'\(keyword) \(word)' is read as '\(read)'", advice: "write '\(read)': later versions of HAProxy refuse '\(rest)'"))
        }
        return time
    }

    /// Takes a time of at least 1 ms.
    mutating func takePositiveTime() throws(ConfigurationProblem) -> Duration {
        let time = try takeTime()
        guard time > .zero else { throw .badValue(words[next - 1], of: keyword, expected: ConfigurationValue.timeExpected) }
        return time
    }

    /// Takes a timeout; `nil` for 0, which means no limit.
    mutating func takeTimeout() throws(ConfigurationProblem) -> Duration? {
        let time = try takeTime()
        return time > .zero ? time : nil
    }

    /// Takes a size in bytes in `range`.
    mutating func takeSize(in range: ClosedRange<Int>) throws(ConfigurationProblem) -> Int {
        let word = try takeRequired()
        guard let size = ConfigurationValue.size(word), range.contains(size) else {
            throw .badValue(word, of: keyword, expected: "a size from \(range.lowerBound) to \(range.upperBound) bytes, such as 4096 or 4k")
        }
        return size
    }

    /// Takes one of `choices`.
    mutating func takeChoice<Value>(_ choices: KeyValuePairs<String, Value>) throws(ConfigurationProblem) -> Value {
        try choice(takeRequired(), among: choices)
    }

    /// The value of one of `choices`, by its name.
    func choice<Value>(_ word: String, among choices: KeyValuePairs<String, Value>) throws(ConfigurationProblem) -> Value {
        for (name, value) in choices where name == word { return value }
        let names = choices.map(\.key)
        throw .unknownWord(word, of: keyword, allowed: names, suggestion: Spelling.nearest(to: word, among: names))
    }

    /// Takes a list of `choices`, separated by commas.
    mutating func takeList<Value>(_ choices: KeyValuePairs<String, Value>) throws(ConfigurationProblem) -> [Value] {
        var values: [Value] = []
        let list = try takeRequired()
        for word in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard !word.isEmpty else { throw .badValue(list, of: keyword, expected: "names separated by commas, without an empty name") }
            values.append(try choice(String(word), among: choices))
        }
        return values
    }

    /// Takes a list of at most `limit` networks, separated by commas.
    mutating func takeNetworks(limit: Int, expected: String, _ parse: (Substring) -> IPNetwork?) throws(ConfigurationProblem) -> [IPNetwork] {
        let list = try takeRequired()
        let words = list.split(separator: ",", omittingEmptySubsequences: false)
        guard words.count <= limit else { throw .tooMany(what: "networks", limit: limit) }
        let networks = words.compactMap(parse)
        guard networks.count == words.count else { throw .badValue(list, of: keyword, expected: expected) }
        return networks
    }

    /// Takes the name of a section, a server or a listener.
    mutating func takeName() throws(ConfigurationProblem) -> String {
        let word = try takeRequired()
        guard ConfigurationValue.isName(word) else {
            throw .badValue(word, of: keyword, expected: "a name of at most \(ConfigurationValue.nameBytesMax) letters, digits and '-', '_', '.', ':'")
        }
        return word
    }

    /// Takes a path or another text that must not be empty.
    mutating func takeText(_ expected: String) throws(ConfigurationProblem) -> String {
        let word = try takeRequired()
        guard !word.isEmpty else { throw .badValue(word, of: keyword, expected: expected) }
        return word
    }

    /// Takes a percentage with its sign, such as "10%".
    mutating func takePercent() throws(ConfigurationProblem) -> Int {
        let word = try takeRequired()
        guard word.hasSuffix("%"), let percent = ConfigurationValue.number(String(word.dropLast())), percent <= 100 else {
            throw .badValue(word, of: keyword, expected: "a share from 0% to 100%, such as 10%")
        }
        return percent
    }

    /// Takes an absolute path: the agent changes its working directory, so that a relative path would name different files at the start and later.
    mutating func takeAbsolutePath(example: String) throws(ConfigurationProblem) -> String {
        let expected = "an absolute path such as \(example)"
        let path = try takeText(expected)
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { throw .badValue(path, of: keyword, expected: expected) }
        return path
    }

    /// Takes a file's permission bits, in octal.
    mutating func takePermissions() throws(ConfigurationProblem) -> UInt32 {
        let word = try takeRequired()
        guard let bits = ConfigurationValue.permissions(word) else { throw .badValue(word, of: keyword, expected: "octal permissions such as 660") }
        return bits
    }
}
