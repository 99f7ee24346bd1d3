import Proxy
import Wire

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
