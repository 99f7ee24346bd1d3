import Wire

/// The port of connects to a server.
package enum PortRule: Equatable, Sendable {
    /// A fixed port.
    case fixed(UInt16)
    /// The port that the client connected to, plus an offset.
    case client(offset: Int)
}

/// A source of a server's address at the start: an element of `init-addr`.
package enum InitialAddress: Equatable, Sendable {
    /// The state file of an earlier process.
    case last
    /// The hosts file, then the machine's nameserver.
    case libc
    /// No address: the server starts in maintenance.
    case none
    /// A fixed address.
    case ip(IPAddress)
}

/// `resolve-prefer`: the preferred family of a name with addresses of both.
package enum AddressFamily: Equatable, Sendable {
    case v4, v6
}

/// `resolve-opts`: how a server takes addresses from answers.
package struct ResolveOptions: Equatable, Sendable {
    /// Whether servers of a backend may have the same address from one name.
    package enum Sharing: Equatable, Sendable {
        /// Servers outside templates only, when the name has fewer addresses than servers.
        case whenNecessary
        /// `allow-dup-ip`: also the servers of a template.
        case allowed
        /// `prevent-dup-ip`: a server without an address of its own has none.
        case prevented
    }

    /// `allow-dup-ip`, `prevent-dup-ip`.
    package var sharing = Sharing.whenNecessary
    /// `ignore-weight`: the weight in service records has no effect.
    package var ignoresWeight = false

    /// Creates the defaults.
    package init() {}
}

/// `on-marked-down`: what happens to a server's sessions when it goes down.
package enum OnMarkedDown: Equatable, Sendable {
    /// They continue.
    case none
    /// They are closed.
    case shutdownSessions
}

/// `on-marked-up`: what happens to the backups' sessions when an active server comes up.
package enum OnMarkedUp: Equatable, Sendable {
    /// They continue.
    case none
    /// They are closed.
    case shutdownBackupSessions
}

/// One server of a backend.
package struct Server: Equatable, Sendable {
    /// Its name: `read01`.
    package var name: String
    /// HAProxy's `sid`: `id`, or a number from 1 within the backend (`Backend.numberServers`).
    package var identifier: Int
    /// True when `identifier` is the `id` of its line.
    package var hasFixedIdentifier = false
    /// `cookie`, shown in `show stat`.
    package var cookie: String?
    /// A numeric address, a host name or a UNIX path. Its port equals `port` if that is fixed, otherwise 0.
    package var endpoint: Endpoint
    /// The port of sessions; meaningless for a UNIX path.
    package var port: PortRule
    /// `weight`, 0 to 256.
    package var weight = 1
    /// `hash-key`.
    package var hashKey = HashKey.identifier
    /// `backup`: used only while no active server is usable.
    package var isBackup = false
    /// `disabled`: starts in maintenance.
    package var isDisabled = false
    /// `maxconn`: the most sessions at a time; 0 for no limit.
    package var connectionsMax = 0
    /// `minconn`: the server's limit while its backend has no load. It grows to `connectionsMax` at `fullconn`. 0 for a limit that does not depend on the load.
    package var connectionsMin = 0
    /// `maxqueue`: the most sessions that wait for this server only; 0 for no limit.
    package var queueMax = 0
    /// The settings of `check`; `nil` without checks.
    package var check: CheckSettings?
    /// The settings of `agent-check`; `nil` without an agent.
    package var agent: AgentCheckSettings?
    /// `track`: the server whose state this one copies; `nil` without it.
    package var tracked: ServerReference?
    /// `init-state`.
    package var initialState = InitialState.up
    /// `resolvers`: the section that updates the address; `nil` to keep the initial address.
    package var resolvers: String?
    /// `resolve-prefer`, `resolve-net`.
    package var preference = AddressPreference()
    /// `resolve-opts`.
    package var resolveOptions = ResolveOptions()
    /// `init-addr`, in the order of preference.
    package var initialAddresses: [InitialAddress] = [.last, .libc]
    /// `send-proxy`, `send-proxy-v2`: the header with the client's address; `nil` for none.
    package var proxyHeader: ProxyHeaderForm?
    /// `set-proxy-v2-tlv-fmt`: further extensions of the header, encoded.
    package var proxyHeaderValues: [UInt8] = []
    /// `on-marked-down`.
    package var onMarkedDown = OnMarkedDown.none
    /// `on-marked-up`.
    package var onMarkedUp = OnMarkedUp.none
    /// `slowstart`, zero for none; `nil` if not configured.
    package var slowStart: Duration?
    /// `observe layer4` with its `error-limit` and `on-error`; `nil` without it.
    package var observation: ConnectObservation?
    /// `source`: the local address of connections to it; `nil` for the backend's.
    package var source: SourceSettings?
    /// `namespace`: the network namespace in which the sockets of connections to its IP addresses are opened; `nil` for the process's own.
    package var namespace: String?
    /// `ipv4@`, `ipv6@` before a name: the family that its first address must have; `nil` for either.
    package var family: AddressFamily?
    /// `tcp-ut`: how long sent bytes may stay unacknowledged; `nil` for the system's limit.
    package var userTimeout: Duration?
    /// `zone`; `nil` for a server that is near every node.
    package var zone: String?
    /// True when the server is in another zone than the node.
    package var isFar = false
    /// True when its name is a service name, whose records contain hosts, ports, weights and priorities: `_mysql._tcp.db.internal`.
    package var isOfService: Bool {
        guard resolvers != nil, case .name(let name, _) = endpoint else { return false }
        return DNSName(name)?.isOfService ?? false
    }

    /// True when sessions go to the address that their client has connected to: the configured one is `*` or `::`.
    package var hasClientAddress: Bool { if case .ip(let address, _) = endpoint { address.isUnspecified } else { false } }

    /// True when a connect to it needs the client's addresses: for a PROXY header, or for an address or a port that depends on the client's.
    package var needsClient: Bool {
        if proxyHeader != nil || hasClientAddress { return true }
        if case .unix = endpoint { return false }
        return if case .client = port { true } else { false }
    }

    /// True for a slot of a `server-template`. The slots of a name share its addresses; each slot uses a different one.
    package var isTemplateSlot = false
    /// True for a slot that another proxy's `discover` fills. Its name is not resolved by nameservers.
    package var isDiscovered = false
    /// The position of the line.
    package var location: ConfigurationLocation

    /// Creates a server with HAProxy's defaults.
    package init(name: String, identifier: Int, endpoint: Endpoint, port: PortRule, location: ConfigurationLocation) {
        self.name = name
        self.identifier = identifier
        self.endpoint = endpoint
        self.port = port
        self.location = location
    }
}
