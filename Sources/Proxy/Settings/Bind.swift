import Wire

/// Whether a listener's clients send a PROXY header: `accept-proxy`.
package enum ProxyHeaderRule: Equatable, Sendable {
    /// They do not; what looks like one is theirs.
    case none
    /// All do; others are refused.
    case required
    /// Those of these networks may: for the time in which a load balancer's target group is switched.
    case optional(from: [IPNetwork])
}

/// One address that a frontend listens on: an element of a `bind` line.
package struct Bind: Equatable, Sendable {
    /// Where to listen.
    package var endpoint: Endpoint
    /// `name`: log lines of connections that become no session show it.
    package var name: String?
    /// `backlog`; `nil` for the frontend's.
    package var backlog: Int?
    /// `v6only` (true) or `v4v6` (false); `nil` where neither stands.
    package var isV6Only: Bool?
    /// `mode`, the permission bits of a UNIX socket.
    package var permissions: UInt32?
    /// `tcp-ut`: how long what was sent to a client may wait for its acknowledgement; `nil` for the system's time.
    package var userTimeout: Duration?
    /// `accept-proxy`.
    package var proxyHeader = ProxyHeaderRule.none
    /// Where the line stands.
    package var location: ConfigurationLocation

    /// A bind to `endpoint`, with nothing else said.
    package init(endpoint: Endpoint, location: ConfigurationLocation) {
        self.endpoint = endpoint
        self.location = location
    }
}
