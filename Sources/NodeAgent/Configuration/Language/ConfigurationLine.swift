import Proxy
import Wire

/// One line that is being read: its words, and the next one to take.
struct ConfigurationLine {
    /// What stands before the keyword.
    enum Prefix: Equatable, Sendable {
        case nothing
        /// `no`: the option is switched off.
        case no
        /// `default`: the option is as if it had never been written.
        case standard
    }

    let words: [String]
    let location: ConfigurationLocation
    let environment: [String: String]
    var prefix = Prefix.nothing
    /// What messages call this line, or the option of it that is being read.
    var keyword = ""
    /// That keyword's arguments, for messages.
    var shape = ""
    /// Index of the next word.
    var next = 0
    /// What is worth saying without being an error.
    var remarks: [(severity: DiagnosticSeverity, problem: ConfigurationProblem)] = []

    init(words: [String], location: ConfigurationLocation, environment: [String: String]) {
        self.words = words
        self.location = location
        self.environment = environment
    }

    /// The next word, not taken.
    var peek: String? { next < words.count ? words[next] : nil }

    /// Takes the next word; `nil` at the end.
    mutating func take() -> String? {
        guard next < words.count else { return nil }
        defer { next += 1 }
        return words[next]
    }

    /// Takes the next word, which the keyword cannot do without.
    mutating func need() throws(ConfigurationProblem) -> String {
        guard let word = take() else { throw .missingArgument(of: keyword, shape: shape) }
        return word
    }

    /// Takes all that is left, as one text.
    mutating func takeAll() -> String {
        defer { next = words.count }
        return next < words.count ? words[next...].joined(separator: " ") : ""
    }

    /// Throws when a word is left.
    func end() throws(ConfigurationProblem) {
        if let word = peek { throw .surplusArgument(word, of: keyword, shape: shape) }
    }

    mutating func warn(_ problem: ConfigurationProblem) { remarks.append((.warning, problem)) }

    mutating func notice(_ problem: ConfigurationProblem) { remarks.append((.notice, problem)) }

    /// Takes a whole number of `range`.
    mutating func needNumber(in range: ClosedRange<Int>) throws(ConfigurationProblem) -> Int {
        let word = try need()
        guard let number = ConfigurationValue.number(word), range.contains(number) else {
            throw .badValue(word, of: keyword, expected: "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Takes a time; without unit it counts milliseconds.
    mutating func needTime() throws(ConfigurationProblem) -> Duration {
        let word = try need()
        guard let (time, rest) = ConfigurationValue.timeWithRest(word) else {
            throw .badValue(word, of: keyword, expected: ConfigurationValue.timeExpected)
        }
        if !rest.isEmpty {
            let read = word.dropLast(rest.count)
            warn(.doNotFit("'\(keyword) \(word)' counts as '\(read)'", advice: "write '\(read)': later versions of HAProxy refuse '\(rest)'"))
        }
        return time
    }

    /// Takes a time of at least 1 ms.
    mutating func needPositiveTime() throws(ConfigurationProblem) -> Duration {
        let time = try needTime()
        guard time > .zero else { throw .badValue(words[next - 1], of: keyword, expected: ConfigurationValue.timeExpected) }
        return time
    }

    /// Takes a timeout: 0 is for ever.
    mutating func needTimeout() throws(ConfigurationProblem) -> Duration? {
        let time = try needTime()
        return time > .zero ? time : nil
    }

    /// Takes a size in bytes of `range`.
    mutating func needSize(in range: ClosedRange<Int>) throws(ConfigurationProblem) -> Int {
        let word = try need()
        guard let size = ConfigurationValue.size(word), range.contains(size) else {
            throw .badValue(word, of: keyword, expected: "a size from \(range.lowerBound) to \(range.upperBound) bytes, such as 4096 or 4k")
        }
        return size
    }

    /// Takes one of `choices`.
    mutating func needChoice<Value>(_ choices: KeyValuePairs<String, Value>) throws(ConfigurationProblem) -> Value {
        let word = try need()
        for (name, value) in choices where name == word { return value }
        let names = choices.map(\.key)
        throw .unknownWord(word, of: keyword, allowed: names, suggestion: Spelling.nearest(to: word, among: names))
    }

    /// Takes the name of a section, a server or a listener.
    mutating func needName() throws(ConfigurationProblem) -> String {
        let word = try need()
        guard ConfigurationValue.isName(word) else {
            throw .badValue(word, of: keyword, expected: "a name of letters, digits and '-', '_', '.', ':', at most \(ConfigurationValue.nameBytesMax) of them")
        }
        return word
    }

    /// Takes a path, or another text that cannot be empty.
    mutating func needText(_ expected: String) throws(ConfigurationProblem) -> String {
        let word = try need()
        guard !word.isEmpty else { throw .badValue(word, of: keyword, expected: expected) }
        return word
    }

    /// Takes a share with its sign, "10%".
    mutating func needPercent() throws(ConfigurationProblem) -> Int {
        let word = try need()
        guard word.hasSuffix("%"), let percent = ConfigurationValue.number(String(word.dropLast())), percent <= 100 else {
            throw .badValue(word, of: keyword, expected: "a share from 0% to 100%, such as 10%")
        }
        return percent
    }

    /// Takes a path from the root: the agent changes its folder, so that a relative one would mean one file at start and another one later.
    mutating func needAbsolutePath(example: String) throws(ConfigurationProblem) -> String {
        let expected = "a path from the root, such as \(example)"
        let path = try needText(expected)
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { throw .badValue(path, of: keyword, expected: expected) }
        return path
    }

    /// Takes the permission bits of a file, in octal.
    mutating func needPermissions() throws(ConfigurationProblem) -> UInt32 {
        let word = try need()
        guard let bits = ConfigurationValue.permissions(word) else { throw .badValue(word, of: keyword, expected: "octal permissions such as 660") }
        return bits
    }
}

/// Reads single words; `nil` for one that is no such value.
enum ConfigurationValue {
    static let timeExpected = "a time from 1ms to 24d such as 500ms, 10s or 5m (units us, ms, s, m, h, d; ms without one)"
    static let nameBytesMax = 256
    /// HAProxy's longest time, 2^31 - 1 ms: almost 25 days.
    static let timeMax = Duration.milliseconds(Int64(Int32.max))

    /// Decimal digits, at most nine of them.
    static func number(_ word: String) -> Int? {
        guard (1...9).contains(word.utf8.count), word.utf8.allSatisfy(isDigit) else { return nil }
        return Int(word)
    }

    /// Digits and a unit, `standard` by default; `nil` for anything else.
    static func time(_ word: String, standard: String = "ms") -> Duration? {
        guard let (time, rest) = timeWithRest(word, standard: standard), rest.isEmpty else { return nil }
        return time
    }

    /// A time and the characters after its unit, which HAProxy ignores with a warning: `1min` is `1m`. Microseconds are rounded up to a millisecond.
    static func timeWithRest(_ word: String, standard: String = "ms") -> (time: Duration, rest: Substring)? {
        let digits = word.utf8.prefix(while: isDigit)
        guard (1...12).contains(digits.count), let count = Int64(String(digits) ?? "") else { return nil }
        // "us" and "ms" come before the units that they begin with.
        let scales: KeyValuePairs<String, Int64> = [
            "us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000,
        ]
        let written = word[digits.endIndex...]
        let unit = written.isEmpty ? standard[...] : written
        guard let (name, scale) = scales.first(where: { unit.hasPrefix($0.key) }) else { return nil }
        let (microseconds, overflow) = count.multipliedReportingOverflow(by: scale)
        guard !overflow, microseconds <= Int64(Int32.max) * 1_000 else { return nil }
        return (.milliseconds((microseconds + 999) / 1_000), written.dropFirst(name.count))
    }

    /// A time as one would write it: "1h", "90s", "1500ms".
    static func text(of time: Duration) -> String {
        let milliseconds = time.wholeMilliseconds
        for (unit, scale) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] as [(String, Int64)]
        where milliseconds > 0 && milliseconds % scale == 0 {
            return "\(milliseconds / scale)\(unit)"
        }
        return "\(milliseconds)ms"
    }

    /// Digits and `k`, `m` or `g`, in powers of 1,024.
    static func size(_ word: String) -> Int? {
        var digits = Substring(word)
        let shift: Int
        switch digits.last {
        case "k", "K": shift = 10
        case "m", "M": shift = 20
        case "g", "G": shift = 30
        default: shift = 0
        }
        if shift > 0 { digits.removeLast() }
        return number(String(digits)).map { $0 << shift }
    }

    /// Letters, digits and `-_.:`.
    static func isName(_ word: String) -> Bool {
        (1...nameBytesMax).contains(word.utf8.count) && word.utf8.allSatisfy(isNameByte)
    }

    /// A name of the DNS; one that ends in a number would be a mistyped address.
    static func isHostName(_ word: String) -> Bool {
        guard DNSName(word) != nil, let last = word.utf8.split(separator: UInt8(ascii: ".")).last else { return false }
        return !last.allSatisfy(isDigit)
    }

    /// Three or four octal digits.
    static func permissions(_ word: String) -> UInt32? {
        guard (3...4).contains(word.utf8.count), let bits = UInt32(word, radix: 8), word.utf8.allSatisfy(isDigit), bits <= 0o777 else { return nil }
        return bits
    }

    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"): true
        default: isDigit(byte)
        }
    }
}

extension ConfigurationLine {
    /// Takes the options that end this line, each a keyword of `place` with its arguments.
    mutating func readOptions(
        of place: KeywordPlaces, _ apply: (Keyword, inout ConfigurationLine) throws(ConfigurationProblem) -> Void
    ) throws(ConfigurationProblem) {
        let (line, lineShape) = (keyword, shape)
        while let word = take() {
            guard let option = KeywordTable.keyword(word, in: place) else { throw KeywordTable.problem(withOption: word, of: line, in: place) }
            (keyword, shape) = (word, option.arguments)
            try apply(option, &self)
        }
        (keyword, shape) = (line, lineShape)
    }
}
