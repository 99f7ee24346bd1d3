import Proxy
import Wire

/// What one run of tsukada is told: every file of the command line, read and checked.
struct AgentConfiguration: Equatable, Sendable {
    /// The `global` sections, merged.
    var global = GlobalSettings()
    /// The `resolvers` sections, in the order of the file.
    var resolvers: [ResolverSettings] = []
    /// The `frontend` sections and the listening halves of `listen` sections.
    var frontends: [Frontend] = []
    /// The `backend` sections and the serving halves of `listen` sections.
    var backends: [Backend] = []
    /// The `probe` sections.
    var probes: [ProbeSettings] = []
    /// The `gossip` section; `nil` for a node that keeps to itself.
    var gossip: GossipSection?

    /// The `fullconn` of each backend. The default is HAProxy's: a tenth, rounded up, of the `maxconn` of all frontends that name the backend,
    /// at least 1. A frontend without `maxconn` counts `sessionsMax`.
    func fullConnections(sessionsMax: Int) -> [Int] {
        var sums = Array(repeating: 0, count: backends.count)
        for frontend in frontends where !frontend.isDisabled {
            for backend in frontend.namedBackends { sums[backend] += frontend.connectionsMax ?? sessionsMax }
        }
        return zip(backends, sums).map { $0.fullConnections ?? max(1, ($1 + 9) / 10) }
    }
}

/// `stats socket`, one line.
struct StatsSocketSettings: Equatable, Sendable {
    /// Which commands a connection may run.
    enum Level: Int, Comparable, Sendable {
        case user, `operator`, admin

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// A path, an address or an inherited descriptor.
    var endpoint: Endpoint
    /// `level`, `expose-fd listeners`.
    var rights = RuntimeRights()
    /// `mode`: permission bits of a path.
    var permissions: UInt32?
    /// `user` or `uid`: the path's owner.
    var user: String?
    /// `group` or `gid`: the path's group.
    var group: String?
    /// Where the line stands.
    var location: ConfigurationLocation
}

/// What a connection of a runtime socket may do.
struct RuntimeRights: Equatable, Sendable {
    /// Which commands it may run.
    var level = StatsSocketSettings.Level.operator
    /// Whether it may take the listening sockets over.
    var exposesListeners = false

    /// Those of a socket without options.
    init() {}
}

/// The `global` section.
struct GlobalSettings: Equatable, Sendable {
    /// Which system calls a process that serves may make.
    enum SystemCalls: Equatable, Sendable {
        /// Those of serving.
        case serving
        /// All; the kernel's log tells which are not of serving.
        case trial
        /// All.
        case any
    }

    /// `daemon`.
    var isDaemon = false
    /// `master-worker`.
    var isMaster = false
    /// `pidfile`.
    var pidFile: String?
    /// `state-dir`: an absolute path; `nil` for the gossip's, or nothing.
    var stateDirectory: String?
    /// `server-state-base`.
    var stateFolder: String?
    /// `server-state-file`.
    var stateFile: String?
    /// `chroot`.
    var chroot: String?
    /// `user` or `uid`: a name, or a number as text.
    var user: String?
    /// `group` or `gid`: a name, or a number as text.
    var group: String?
    /// `seccomp`.
    var systemCalls = SystemCalls.serving
    /// `maxconn`; `nil` for what the descriptor limit allows.
    var connectionsMax: Int?
    /// `nbthread`; `nil` for the machine's cores.
    var threads: Int?
    /// `log` lines.
    var logTargets: [LogTarget] = []
    /// `log-tag`.
    var logTag: String?
    /// `stats socket` lines.
    var statsSockets: [StatsSocketSettings] = []
    /// `stats maxconn`: runtime connections at once.
    var statsConnectionsMax = 10
    /// The location of that line.
    var statsConnectionsLocation: ConfigurationLocation?
    /// `stats timeout`: idle time of a runtime connection.
    var statsTimeout = Duration.seconds(10)
    /// `description`, shown by `show info`.
    var description: String?
    /// `node`, or `-L`: this node's name; `nil` for the host's.
    var node: String?
    /// `zone`: where this node is; `nil` where all servers are equally near.
    var zone: String?
    /// `hard-stop-after`: how long after a soft stop has closed the listeners the sessions left are closed; `nil` for never.
    var hardStopAfter: Duration?
    /// `close-spread-time`: how long before that the sessions left begin to be closed, a few at a time; zero for all at the end.
    var closeSpreadTime = Duration.zero
    /// `drain-on-term`: SIGTERM drains, and stops only a node that drains already.
    var drainsOnTerm = false
}

/// A `probe` section: what tells the load balancer whether this node should get traffic.
struct ProbeSettings: Equatable, Sendable {
    /// How the answer is given.
    enum Mode: Equatable, Sendable {
        /// Connections are accepted or refused.
        case tcp
        /// GET and HEAD are answered 200 or 503.
        case http
    }

    /// What is answered when no node sees enough servers.
    enum WhenNone: Equatable, Sendable {
        /// 200: the load balancer can do nothing better than what it does.
        case pass
        /// 503.
        case fail
    }

    /// `require PROXY N`.
    struct Requirement: Equatable, Sendable {
        /// Index into the configuration's backends.
        var backend: Int
        /// How many of its servers must be usable, from 1.
        var serversMin: Int
    }

    /// The section's name.
    var name: String
    /// Where the load balancer asks.
    var binds: [Bind] = []
    /// `mode`.
    var mode = Mode.tcp
    /// What must hold, all of it.
    var requirements: [Requirement] = []
    /// `when-none`.
    var whenNone = WhenNone.pass
    /// `drain`: how long the ports keep forwarding after the answer has turned to fail because the node drains.
    var drain = Duration.zero
}
