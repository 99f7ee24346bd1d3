import Wire

/// A server as the control thread describes it.
package struct ServerRoute: Equatable, Sendable {
    /// Where to connect, `nil` while it has no address.
    package var address: SocketAddress?
    /// It takes new sessions: up, not in maintenance, not draining.
    package var isUsable: Bool
    /// It is usable, and left out while there are others.
    package var isSkipped = false
    /// Its weight in quarters, as its fitness leaves it: 0 to 1024. Only the proportions of a backend's weights count.
    package var weight: Int
    /// Of the usable servers those of the lowest one take the sessions.
    package var priority: Int
    /// The sixteenths of its weight that count: fewer than 16 for a server that is being warmed.
    package var share: Int
    /// Sessions at once, 0 for no limit; `nil` for the configuration's `maxconn`.
    package var connectionsMax: Int?

    /// A server's route.
    package init(
        address: SocketAddress?, isUsable: Bool, isSkipped: Bool = false, weight: Int, priority: Int = 0, share: Int = SlowStart.fullShare,
        connectionsMax: Int? = nil
    ) {
        self.address = address
        self.isUsable = isUsable
        self.isSkipped = isSkipped
        self.weight = weight
        self.priority = priority
        self.share = share
        self.connectionsMax = connectionsMax
    }
}

extension ServerRoute {
    /// Whether it can take sessions, as a preferred server or as a substitute.
    var takesSessions: Bool { isUsable && address != nil && weight > 0 && share > 0 }

    /// Its weight in sixteenths of HAProxy's unit, as `WeightedTurns` takes it.
    var turnWeight: Int { min(WeightedTurns.weightMax, (weight * share + Self.quarters - 1) / Self.quarters) }

    private static let quarters = 4
}
