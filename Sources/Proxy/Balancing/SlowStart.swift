import Wire

/// How a server that comes back is given its load little by little: `slowstart`.
///
/// HAProxy's rule and its steps: whole seconds count, sixteenths of the weight, hundredths of `maxconn`.
package struct SlowStart: Equatable, Sendable {
    /// A whole share of the weight.
    package static let fullShare = 16
    /// A whole `maxconn`.
    package static let fullPercent = 100
    /// What `balance leastconn` uses where none is written: without it a server that comes back would get every new session.
    package static let leastConnectionsDefault = Duration.seconds(10)

    /// From the first session to the whole load, from 1.
    package let seconds: Int

    /// A slow start of `duration`, rounded up to whole seconds; `nil` for none.
    package init?(_ duration: Duration) {
        guard duration > .zero else { return nil }
        seconds = Int(duration.components.seconds) + (duration.components.attoseconds > 0 ? 1 : 0)
    }

    /// The sixteenths of its weight that a server has so long after it came back: 1 at first.
    package func share(after elapsed: Duration) -> Int {
        let passed = Int(elapsed.components.seconds)
        guard (0..<seconds).contains(passed) else { return Self.fullShare }
        return min(Self.fullShare, (Self.fullShare * passed + seconds) / seconds)
    }

    /// The hundredths of its `maxconn`: 0 at first, which stands for one session.
    package func percent(after elapsed: Duration) -> Int {
        let passed = Int(elapsed.components.seconds)
        guard (0..<seconds).contains(passed) else { return Self.fullPercent }
        return Self.fullPercent * passed / seconds
    }

    /// True once nothing is held back any more.
    package func isOver(after elapsed: Duration) -> Bool { !(0..<seconds).contains(Int(elapsed.components.seconds)) }

    /// `percent` of `limit`, at least 1; 0 for no limit stays 0.
    package static func limit(_ limit: Int, percent: Int) -> Int {
        guard limit > 0, percent < fullPercent else { return limit }
        return max(1, limit * percent / fullPercent)
    }
}

extension Backend {
    /// How `server` is warmed when it comes back; `nil` for at once.
    package func slowStart(of server: Server) -> SlowStart? {
        if let written = server.slowStart { return SlowStart(written) }
        return balance == .leastConnections ? SlowStart(SlowStart.leastConnectionsDefault) : nil
    }
}
