import Wire

/// `slowstart`: a server that comes back gets its load step by step.
///
/// The steps are HAProxy's: whole seconds, sixteenths of the weight, hundredths of `maxconn`.
package struct SlowStart: Equatable, Sendable {
    /// The full weight, in sixteenths.
    package static let fullShare = 16
    /// The full `maxconn`, in hundredths.
    package static let fullPercent = 100
    /// The default for `balance leastconn`: without it a server that comes back would get every new session.
    package static let leastConnectionsDefault = Duration.seconds(10)

    /// The time until the full load, at least 1.
    package let seconds: Int

    /// Creates a slow start of `duration`, rounded up to whole seconds; `nil` for zero.
    package init?(_ duration: Duration) {
        guard duration > .zero else { return nil }
        seconds = Int(duration.components.seconds) + (duration.components.attoseconds > 0 ? 1 : 0)
    }

    /// A server's share of its weight, in sixteenths, `elapsed` after its return: 1 at first.
    package func share(after elapsed: Duration) -> Int {
        let passed = Int(elapsed.components.seconds)
        guard (0..<seconds).contains(passed) else { return Self.fullShare }
        return min(Self.fullShare, (Self.fullShare * passed + seconds) / seconds)
    }

    /// A server's share of its `maxconn`, in hundredths, `elapsed` after its return: 0 at first, which means one session.
    package func percent(after elapsed: Duration) -> Int {
        let passed = Int(elapsed.components.seconds)
        guard (0..<seconds).contains(passed) else { return Self.fullPercent }
        return Self.fullPercent * passed / seconds
    }

    /// True when the server has its full load.
    package func isOver(after elapsed: Duration) -> Bool { !(0..<seconds).contains(Int(elapsed.components.seconds)) }

    /// `percent` of `limit`, but at least 1. 0, for no limit, stays 0.
    package static func limit(_ limit: Int, percent: Int) -> Int {
        guard limit > 0, percent < fullPercent else { return limit }
        return max(1, limit * percent / fullPercent)
    }
}

extension Backend {
    /// The slow start of `server`; `nil` when it gets its full load immediately.
    package func slowStart(of server: Server) -> SlowStart? {
        if let written = server.slowStart { return SlowStart(written) }
        return balance == .leastConnections ? SlowStart(SlowStart.leastConnectionsDefault) : nil
    }
}
