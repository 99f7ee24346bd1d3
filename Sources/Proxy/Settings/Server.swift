import Wire

/// The port that a server is connected to.
package enum PortRule: Equatable, Sendable {
    /// This one.
    case fixed(UInt16)
    /// The port that the client connected to, plus an offset.
    case client(offset: Int)
}

/// Where a server's address comes from at start: an element of `init-addr`.
package enum InitialAddress: Equatable, Sendable {
    /// The state file of an earlier run.
    case last
    /// The hosts file, then the machine's nameserver.
    case libc
    /// No address: the server waits in maintenance.
    case none
    /// This address.
    case ip(IPAddress)
}

/// Which records are asked for first: `resolve-prefer`.
package enum AddressFamily: Equatable, Sendable {
    case v4, v6
}

/// What happens to a server's sessions when it goes down: `on-marked-down`.
package enum OnMarkedDown: Equatable, Sendable {
    /// They go on.
    case none
    /// They are closed.
    case shutdownSessions
}

/// What happens to the backups' sessions when a server that is none comes up: `on-marked-up`.
package enum OnMarkedUp: Equatable, Sendable {
    /// They go on.
    case none
    /// They are closed.
    case shutdownBackupSessions
}

/// One server of a backend.
package struct Server: Equatable, Sendable {
    /// Its name: `read01`.
    package var name: String
    /// HAProxy's `sid`: from 1 within the backend.
    package var identifier: Int
    /// A numeric address, a host name or a UNIX path. The port in it is the one of `port` when that is fixed, else 0.
    package var endpoint: Endpoint
    /// The port sessions go to; meaningless for a UNIX path.
    package var port: PortRule
    /// `weight`, 0 to 256.
    package var weight = 1
    /// `backup`: used only while no other server is usable.
    package var isBackup = false
    /// `disabled`: starts in maintenance.
    package var isDisabled = false
    /// `maxconn`: sessions at once; 0 for no limit.
    package var connectionsMax = 0
    /// `check`, with its settings; `nil` without checks.
    package var check: CheckSettings?
    /// `resolvers`: the section that keeps the address current; `nil` for the start's address for ever.
    package var resolvers: String?
    /// `resolve-prefer`.
    package var preferredFamily = AddressFamily.v4
    /// `init-addr`, tried in this order.
    package var initialAddresses: [InitialAddress] = [.last, .libc]
    /// `send-proxy`, `send-proxy-v2`: the header that tells it the client's address; `nil` for none.
    package var proxyHeader: ProxyHeaderForm?
    /// `on-marked-down`.
    package var onMarkedDown = OnMarkedDown.none
    /// `on-marked-up`.
    package var onMarkedUp = OnMarkedUp.none
    /// `slowstart`, zero for none; `nil` where it is not written.
    package var slowStart: Duration?
    /// `observe layer4` with its `error-limit` and `on-error`; `nil` without it.
    package var observation: ConnectObservation?
    /// `tcp-ut`: how long what was sent may wait for its acknowledgement; `nil` for the system's time.
    package var userTimeout: Duration?
    /// `zone`; `nil` for a server that is near everywhere.
    package var zone: String?
    /// True in another zone than the node.
    package var isFar = false
    /// True when its name is a service's, whose records tell hosts, ports, weights and priorities: `_mysql._tcp.db.internal`.
    package var isOfService: Bool {
        guard resolvers != nil, case .name(let name, _) = endpoint else { return false }
        return DNSName(name)?.isOfService ?? false
    }

    /// True when a connect to it needs the client's addresses: for a PROXY header, or for a port relative to the client's.
    package var needsClient: Bool {
        if proxyHeader != nil { return true }
        if case .unix = endpoint { return false }
        return if case .client = port { true } else { false }
    }

    /// True for a slot of a `server-template`: slots of one name share its addresses, each a different one.
    package var isTemplateSlot = false
    /// True for a slot that another proxy's `discover` fills: its name is asked of nobody.
    package var isDiscovered = false
    /// Where the line stands.
    package var location: ConfigurationLocation

    /// A server with HAProxy's defaults.
    package init(name: String, identifier: Int, endpoint: Endpoint, port: PortRule, location: ConfigurationLocation) {
        self.name = name
        self.identifier = identifier
        self.endpoint = endpoint
        self.port = port
        self.location = location
    }
}
