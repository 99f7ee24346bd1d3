import Wire

/// A broken rule of the design. docs/TESTING.md lists the rules.
struct Violation: Equatable {
    /// S1 to S13, L1 to L7, or "verdicts".
    let rule: String
    let text: String

    init(_ rule: String, _ text: String) { (self.rule, self.text) = (rule, text) }
}

extension Instant {
    /// Seconds of virtual time as text.
    var seconds: String { ((nanoseconds - 1_000_000_000) / 1_000).formattedSeconds }
}

extension Duration {
    /// Seconds as text.
    var seconds: String { (wholeNanoseconds / 1_000).formattedSeconds }
    /// Milliseconds with a fraction.
    var milliseconds: Double { Double(wholeNanoseconds) / 1e6 }
}

extension Int64 {
    /// Microseconds as seconds with six places.
    fileprivate var formattedSeconds: String {
        let fraction = String(magnitude % 1_000_000)
        return "\(self < 0 ? "-" : "")\(magnitude / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)"
    }
}
