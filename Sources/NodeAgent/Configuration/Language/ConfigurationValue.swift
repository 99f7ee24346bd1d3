import Proxy
import Wire

/// Parses single words; the result is `nil` for a word that is not a value of the kind.
enum ConfigurationValue {
    static let timeExpected = "a time from 1ms to 24d such as 500ms, 10s or 5m (units us, ms, s, m, h, d; ms without one)"
    static let nameBytesMax = 256
    /// HAProxy's longest time, 2^31 - 1 ms: almost 25 days.
    static let timeMax = Duration.milliseconds(Int64(Int32.max))

    /// Parses one to `digitsMax` decimal digits.
    static func number(_ word: String, digitsMax: Int = 9) -> Int? {
        guard (1...digitsMax).contains(word.utf8.count), word.utf8.allSatisfy(isDigit) else { return nil }
        return Int(word)
    }

    /// Parses digits and a unit, `standard` by default; `nil` for anything else.
    static func time(_ word: String, standard: String = "ms") -> Duration? {
        guard let (time, rest) = timeWithRest(word, standard: standard), rest.isEmpty else { return nil }
        return time
    }

    /// Parses a time, and returns the characters after its unit, which HAProxy ignores with a warning: `1min` is `1m`. Microseconds are rounded up to a
    /// millisecond.
    static func timeWithRest(_ word: String, standard: String = "ms") -> (time: Duration, rest: Substring)? {
        let digits = word.utf8.prefix(while: isDigit)
        guard (1...12).contains(digits.count), let count = Int64(String(digits) ?? "") else { return nil }
        // "us" and "ms" precede "s" and "m", because the first matching prefix counts.
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

    /// A time in its largest whole unit: "1h", "90s", "1500ms".
    static func text(of time: Duration) -> String {
        let milliseconds = time.wholeMilliseconds
        for (unit, scale) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] as [(String, Int64)]
        where milliseconds > 0 && milliseconds % scale == 0 {
            return "\(milliseconds / scale)\(unit)"
        }
        return "\(milliseconds)ms"
    }

    /// Parses digits and `k`, `m` or `g`, in powers of 1,024.
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

    /// Whether the word consists of letters, digits and `-_.:`.
    static func isName(_ word: String) -> Bool {
        (1...nameBytesMax).contains(word.utf8.count) && word.utf8.allSatisfy(isNameByte)
    }

    /// Whether the word is a host name. A last label of digits only would be a mistyped address.
    static func isHostName(_ word: String) -> Bool {
        guard DNSName(word) != nil, let last = word.utf8.split(separator: UInt8(ascii: ".")).last else { return false }
        return !last.allSatisfy(isDigit)
    }

    /// Parses three or four octal digits.
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
