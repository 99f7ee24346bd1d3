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
    /// `user` or `uid`: the owner of a UNIX socket's path, a name or a number as text; `nil` for the process's user.
    package var user: String?
    /// `group` or `gid`: the group of a UNIX socket's path, a name or a number as text; `nil` for the process's group.
    package var group: String?
    /// `ipv4@`, `ipv6@` before a name: the family that its address must have; `nil` for either.
    package var family: AddressFamily?
    /// `maxconn`: the most sessions of this address at a time; `nil` for the frontend's limit.
    package var connectionsMax: Int?
    /// `id`; `nil` for an automatic number (`Frontend.bindNumbers`).
    package var number: Int?
    /// `interface`: the only network interface whose packets the socket receives; `nil` for all.
    package var interface: String?
    /// The limit on a network namespace's name in bytes: that of a file's name.
    package static let namespaceBytesMax = 255
    /// `namespace`: the network namespace in which an IP socket is opened; `nil` for the process's own.
    package var namespace: String?
    /// `transparent`: the address may belong to another host.
    package var isTransparent = false
    /// `mss`: the maximum size of TCP segments; `nil` for the system's.
    package var segmentSizeMax: Int?
    /// `tos`: the type of service of packets to clients, 0 to 255; `nil` for the system's.
    package var typeOfService: UInt8?
    /// `tfo`: clients may send data with the packet that opens a connection.
    package var usesFastOpen = false
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
