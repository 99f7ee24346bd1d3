import Wire

/// A server's address, weight and availability, as the control thread sends them to forwarding threads.
package struct ServerRoute: Equatable, Sendable {
    /// The address to connect to; `nil` while it is unknown.
    package var address: SocketAddress?
    /// True when the server takes new sessions: up, not in maintenance, not draining.
    package var isUsable: Bool
    /// True when the server gets new sessions only while there are no others.
    package var isSkipped = false
    /// The weight times the quarters that its fitness allows: 0 to 1024. Only the ratio to other servers matters.
    package var weight: Int
    /// The priority of its service record. Among usable servers, those with the lowest value take the sessions.
    package var priority: Int
    /// The sixteenths of the weight in effect: fewer than 16 while the server is warming.
    package var share: Int
    /// The most sessions at a time, 0 for no limit; `nil` for the configured `maxconn`.
    package var connectionsMax: Int?

    /// Creates a route.
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
    /// True when the server can take sessions, as a preferred server or as a substitute.
    var takesSessions: Bool { isUsable && address != nil && weight > 0 && share > 0 }

    /// The weight in sixteenths of HAProxy's unit, as `WeightedTurns` uses it.
    var turnWeight: Int { min(WeightedTurns.weightMax, (weight * share + Self.quarters - 1) / Self.quarters) }

    /// The `turnWeight` of a server with the configured `weight`.
    static func turnWeight(ofConfigured weight: Int) -> Int { min(WeightedTurns.weightMax, weight * SlowStart.fullShare) }

    private static let quarters = 4
}
