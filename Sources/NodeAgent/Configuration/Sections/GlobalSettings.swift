import Proxy
import Wire

/// The `global` section.
struct GlobalSettings: Equatable, Sendable {
    /// The system calls that a serving process may make.
    enum SystemCalls: Equatable, Sendable {
        /// Only those that serving needs.
        case serving
        /// All; the kernel logs those that serving does not need.
        case trial
        /// All.
        case any
    }

    /// Whether checks may run programs.
    enum ExternalChecks: Equatable, Sendable {
        /// They may not.
        case refused
        /// They may, with an environment that contains only the variables about the check.
        case cleanEnvironment
        /// They may, with the environment of this process in addition.
        case keptEnvironment
    }

    /// `daemon`.
    var isDaemon = false
    /// `master-worker`.
    var isMaster = false
    /// `pidfile`.
    var pidFile: String?
    /// `state-dir`: an absolute path; `nil` to use the gossip's, if any.
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
    /// `external-check`.
    var externalChecks = ExternalChecks.refused
    /// `maxconn`; `nil` for the number that the descriptor limit allows.
    var connectionsMax: Int?
    /// `nbthread`; `nil` for one per core.
    var threads: Int?
    /// `log` lines.
    var logTargets: [LogTarget] = []
    /// `log-tag`.
    var logTag: String?
    /// `stats socket` lines.
    var statsSockets: [StatsSocketSettings] = []
    /// `stats maxconn`: the most concurrent runtime connections.
    var statsConnectionsMax = 10
    /// The line of `stats maxconn`.
    var statsConnectionsLocation: ConfigurationLocation?
    /// `stats timeout`: the idle timeout of a runtime connection.
    var statsTimeout = Duration.seconds(10)
    /// `description`, shown by `show info`.
    var description: String?
    /// `node`, or `-L`: this node's name; `nil` for the host's.
    var node: String?
    /// `zone`: the zone of this node; `nil` if all servers are equally near.
    var zone: String?
    /// `hard-stop-after`: the time from the close of the listeners to the close of the remaining sessions; `nil` for no limit.
    var hardStopAfter: Duration?
    /// `close-spread-time`: how long before the hard stop the process begins to close sessions, a few at a time; zero for all at the end.
    var closeSpreadTime = Duration.zero
    /// `drain-on-term`: SIGTERM drains; it stops immediately only a node that already drains.
    var drainsOnTerm = false
    /// The environment at the end of the last file, for programs that the node runs: that of the process, HAProxy's variables, and `setenv` lines.
    var environment: [String: String] = [:]
    /// `unix-bind`.
    var unixBind = UnixBindSettings()
    /// `spread-checks` and `max-spread-checks`.
    var checkSpread = CheckSpread()
    /// Sizes and limits of the data plane.
    var tuning = Tuning()
    /// `ulimit-n`: the least descriptor limit; `nil` for as many as `maxconn` needs.
    var descriptorsWanted: Int?
    /// `fd-hard-limit`: the most descriptors to use; `nil` for no limit.
    var descriptorsMax: Int?
    /// `quiet`.
    var isQuiet = false
    /// `zero-warning`: a warning about the configuration prevents the start.
    var refusesWarnings = false
}

/// `unix-bind`: the defaults of binds on paths.
struct UnixBindSettings: Equatable, Sendable {
    /// The text before each path.
    var prefix: LocatedText?
    /// Permission bits.
    var permissions: UInt32?
    /// The paths' owner: a name, or a number as text.
    var user: LocatedText?
    /// The paths' group: a name, or a number as text.
    var group: LocatedText?
}

/// A `stats socket` line.
struct StatsSocketSettings: Equatable, Sendable {
    /// The commands that a connection may run.
    enum Level: Int, Comparable, Sendable {
        case user, `operator`, admin

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// `severity-output`: the form of the severity in front of messages.
    enum SeverityOutput: Sendable {
        /// None.
        case none
        /// `[3]: `.
        case number
        /// `[err]: `.
        case string
    }

    /// The address and its options.
    var bind: Bind
    /// The rights from `level` and `expose-fd listeners`.
    var rights = RuntimeRights()

    /// A socket at `endpoint` with the defaults.
    init(endpoint: Endpoint, location: ConfigurationLocation) { bind = Bind(endpoint: endpoint, location: location) }

    /// A path, an address or an inherited descriptor.
    var endpoint: Endpoint { bind.endpoint }
    /// The line in the configuration.
    var location: ConfigurationLocation { bind.location }
}

/// The rights of a connection to a runtime socket, and the form of its answers.
struct RuntimeRights: Equatable, Sendable {
    /// The commands that it may run.
    var level = StatsSocketSettings.Level.operator
    /// Whether it may take the listening sockets over.
    var exposesListeners = false
    /// The form of the severity in front of messages.
    var severityOutput = StatsSocketSettings.SeverityOutput.none

    /// The rights without options.
    init() {}
}
