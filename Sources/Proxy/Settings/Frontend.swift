import Wire

/// Where a listening socket, a server or a log target lives, before names are resolved.
package enum Endpoint: Hashable, Sendable {
    /// A numeric address and a port.
    case ip(IPAddress, port: UInt16)
    /// A host name and a port.
    case name(String, port: UInt16)
    /// A UNIX socket's path.
    case unix(String)
    /// A descriptor that this process has inherited.
    case inherited(Int32)
}

extension Endpoint: CustomStringConvertible {
    /// The address, name or path, without a port: "10.0.1.10", "dbserver01", "/run/s", "fd@3".
    package var host: String {
        switch self {
        case .ip(let address, _): address.description
        case .name(let name, _): name
        case .unix(let path): path
        case .inherited(let number): "fd@\(number)"
        }
    }

    /// The port; 0 where there is none.
    package var port: UInt16 {
        switch self {
        case .ip(_, let port), .name(_, let port): port
        case .unix, .inherited: 0
        }
    }

    /// As it is written: "10.0.1.10:7946", "[::1]:7946", "dbserver01:3306", "/run/s", "fd@3".
    package var description: String {
        switch self {
        case .ip(let address, let port): SocketAddress.ip(address, port: port).description
        case .name(let name, let port): "\(name):\(port)"
        case .unix, .inherited: host
        }
    }
}

/// Where a line of a configuration stands.
package struct ConfigurationLocation: Hashable, Sendable, CustomStringConvertible {
    /// The file's name, as it was given.
    package let file: String
    /// The line, from 1.
    package let line: Int

    /// Line `line` of `file`.
    package init(file: String, line: Int) {
        self.file = file
        self.line = line
    }

    /// "haproxy.cfg:42".
    package var description: String { "\(file):\(line)" }
}

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

/// A `frontend`, or the listening half of a `listen` section.
package struct Frontend: Equatable, Sendable {
    /// The section's name.
    package var name: String
    /// HAProxy's `iid`: from 2, in the order of the file; both halves of a `listen` have the same.
    package var identifier: Int
    /// Where it listens.
    package var binds: [Bind] = []
    /// The backend that takes its sessions: an index into the configuration's backends; `nil` for none.
    package var backend: Int?
    /// Every backend that a line of the section names, `backend` first: each counts this frontend's `maxconn` toward its `fullconn`.
    package var namedBackends: [Int] = []
    /// `maxconn`: sessions at once; `nil` for the process's limit.
    package var connectionsMax: Int?
    /// `backlog`: the listening sockets' queue; `nil` for `connectionsMax`.
    package var backlog: Int?
    /// `timeout client`: idle time of the client's side; `nil` for ever.
    package var clientTimeout: Duration?
    /// `timeout client-fin`: the same once the client's side is half-closed.
    package var clientFinTimeout: Duration?
    /// Keepalive toward clients.
    package var keepAlive = KeepAlive.clients
    /// `description`; nothing shows it yet.
    package var description: String?
    /// `disabled`: the section's listeners are not opened.
    package var isDisabled = false
    /// True for the half of a `listen` section.
    package var isListen = false
    /// What it logs, and where.
    package var log = LogSettings()

    /// A frontend without binds.
    package init(name: String, identifier: Int) {
        self.name = name
        self.identifier = identifier
    }
}
