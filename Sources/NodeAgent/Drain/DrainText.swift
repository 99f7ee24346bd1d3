import Wire

/// Texts about a drain, for answers and the log.
enum DrainText {
    /// The answer while peers have not granted the lease.
    static let asking = "Asking the other nodes: run 'drain' again for the outcome.\n"

    /// The answer when no drain has begun and none is requested.
    static let cancelled = "Not draining.\n"

    /// The beginning of every text about a drain under way.
    static let progressBegins = "Draining: "

    /// The refusal while `other` drains.
    static func refusal(_ other: String) -> String { "\(other) is draining: wait until it is back, or use 'drain force'." }

    /// Describes the progress of a drain.
    ///
    /// - Parameter oldest: when the oldest session was accepted; `nil` if unknown.
    static func progress(_ drain: Draining, sessions: Int, oldest: Instant? = nil, now: Instant) -> String {
        let noun = sessions == 1 ? "session" : "sessions"
        let age = oldest.map { ", the oldest \(seconds($0, now)) old" } ?? ""
        switch drain.state {
        case .announced(let until): return progressBegins + "the probe fails, the ports close in \(seconds(now, until)), \(sessions) \(noun)\(age)."
        case .waiting(let hardStop):
            let rest = hardStop.map { ", hard stop in \(seconds(now, $0))" } ?? ""
            return progressBegins + "the ports are closed, \(sessions) \(noun) left\(sessions > 0 ? age + rest : "")."
        case .over: return progressBegins + "over, \(sessions) \(noun) left."
        }
    }

    /// Whole seconds, rounded up.
    private static func seconds(_ from: Instant, _ to: Instant) -> String { "\((max(0, from.duration(to: to).wholeMilliseconds) + 999) / 1_000)s" }
}
