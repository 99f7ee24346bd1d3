/// The line that a server's agent has sent: HAProxy's agent protocol.
///
///     up ready 75% maxconn:30 # backup runs until 5:00
///
/// The line ends at the first CR or LF. Its words are separated by blanks, tabs and commas, in any order and in upper or lower case. Of several words of a kind
/// the last one counts. `#` at the beginning of a word begins a description, which ends with the line.
///
/// - SeeAlso: HAProxy's configuration manual, `agent-check`.
package struct AgentAnswer: Equatable, Sendable {
    /// The word about the server's state.
    package struct Health: Equatable, Sendable {
        /// True for `up`; false for `down`, `stopped` and `fail`.
        package let isUp: Bool
        /// The word as the agent has written it.
        package let word: String
    }

    /// The administrative state that the agent sets.
    package enum Administration: Equatable, Sendable {
        case ready, drain, maint
    }

    /// A number that the agent has sent.
    package enum Number: Equatable, Sendable {
        /// The number, at least 0 and at most `numberMax`.
        case value(Int)
        /// The word is not a number: HAProxy's text about it.
        case malformed(String)
    }

    /// The limit on a line with its end, in bytes: HAProxy's `tune.bufsize`.
    package static let bytesMax = 16_384
    /// The largest number.
    package static let numberMax = Int(Int32.max)

    /// `up`, `down`, `stopped` or `fail`; `nil` without any of them.
    package private(set) var health: Health?
    /// `ready`, `drain` or `maint`; `nil` without any of them.
    package private(set) var administration: Administration?
    /// The weight in per cent of the configured one: `75%`; `nil` without this word.
    package private(set) var percent: Number?
    /// The most sessions at a time, 0 for no limit: `maxconn:30`; `nil` without this word.
    package private(set) var connectionsMax: Number?
    /// The first word that has no meaning; `nil` when all have one.
    package private(set) var unknownWord: String?
    /// The text after `#`, without blanks and tabs before it; empty without one.
    package private(set) var description = ""

    /// Reads a line without its end.
    package init(line: ArraySlice<UInt8>) {
        var rest = line
        while let first = rest.first {
            if Self.isSeparator(first) {
                rest = rest.dropFirst()
            } else if first == UInt8(ascii: "#") {
                let text = rest.dropFirst().drop(while: \.isBlank)
                description = String(decoding: text, as: UTF8.self)
                return
            } else {
                let word = rest.prefix { !Self.isSeparator($0) }
                take(String(decoding: word, as: UTF8.self))
                rest = rest.dropFirst(word.count)
            }
        }
    }

    /// The number of bytes before the end of the line; `nil` when the end has not arrived.
    package static func lineLength(in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.firstIndex { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.map { $0 - bytes.startIndex }
    }

    private static func isSeparator(_ byte: UInt8) -> Bool { byte.isBlank || byte == UInt8(ascii: ",") }

    private mutating func take(_ word: String) {
        switch word.lowercased() {
        case "up": health = Health(isUp: true, word: word)
        case "down", "stopped", "fail": health = Health(isUp: false, word: word)
        case "ready": administration = .ready
        case "drain": administration = .drain
        case "maint": administration = .maint
        case let lowered where lowered.hasPrefix("maxconn:"): connectionsMax = Self.connections(lowered.dropFirst(8))
        case let lowered where lowered.utf8.first?.isDecimalDigit == true && lowered.utf8.contains(UInt8(ascii: "%")): percent = Self.percent(lowered)
        default: if unknownWord == nil { unknownWord = word }
        }
    }

    private static func percent(_ word: String) -> Number {
        let digits = word.utf8.prefix(while: \.isDecimalDigit)
        guard word.utf8.dropFirst(digits.count).elementsEqual("%".utf8) else { return .malformed("Trailing garbage in weight string") }
        return .value(number(digits))
    }

    private static func connections(_ text: Substring) -> Number {
        guard let first = text.utf8.first else { return .malformed("Require <maxconn>.\n") }
        let isSigned = first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
        let unsigned = text.utf8.dropFirst(isSigned ? 1 : 0)
        let digits = unsigned.prefix(while: \.isDecimalDigit)
        guard !digits.isEmpty else { return .malformed("maxconn string empty or preceded by garbage") }
        guard digits.count == unsigned.count else { return .malformed("Trailing garbage in maxconn string") }
        return .value(first == UInt8(ascii: "-") ? 0 : number(digits))
    }

    /// The number in decimal digits, at most `numberMax`.
    private static func number(_ digits: Substring.UTF8View) -> Int {
        digits.reduce(0) { min(numberMax, $0 * 10 + Int($1 - UInt8(ascii: "0"))) }
    }
}
