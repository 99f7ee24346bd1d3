import Wire

/// `accept-proxy`: whether a listener's clients send a PROXY header.
package enum ProxyHeaderRule: Equatable, Sendable {
    /// They do not. Bytes that look like a header belong to the client.
    case none
    /// All clients must send one; others are refused.
    case required
    /// Clients of these networks may send one. This is for the time while a load balancer's target group is being switched.
    case optional(from: [IPNetwork])
}

/// One address that a frontend listens on: an element of a `bind` line.
package struct Bind: Equatable, Sendable {
    /// The address.
    package var endpoint: Endpoint
    /// `name`, shown in log lines about refused connections.
    package var name: String?
    /// `backlog`; `nil` for the frontend's.
    package var backlog: Int?
    /// `v6only` (true) or `v4v6` (false); `nil` without either.
    package var isV6Only: Bool?
    /// `mode`, the permission bits of a UNIX socket.
    package var permissions: UInt32?
    /// `tcp-ut`: how long bytes sent to a client may stay unacknowledged; `nil` for the system's limit.
    package var userTimeout: Duration?
    /// `accept-proxy`.
    package var proxyHeader = ProxyHeaderRule.none
    /// The position of the line.
    package var location: ConfigurationLocation

    /// Creates a bind to `endpoint` with the defaults.
    package init(endpoint: Endpoint, location: ConfigurationLocation) {
        self.endpoint = endpoint
        self.location = location
    }
}
