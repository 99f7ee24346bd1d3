import Proxy
import Wire

/// A `defaults`, `frontend`, `listen` or `backend` section being parsed.
///
/// A `listen` section fills both halves. A `defaults` section also fills both, and is copied.
struct ProxyDraft: Sendable {
    static let bindsMax = 1_024
    static let serversMax = 4_096
    static let logTargetsMax = 64
    /// Further lines without an effect are not reported.
    static let ignoredLinesMax = 256

    var kind: ProxyKind
    var location: ConfigurationLocation
    var frontend = Frontend(name: "", identifier: 0)
    var backend = Backend(name: "", identifier: 0)
    var log: [LogLine] = []
    var logTag: String?
    var defaultServer: ServerDraft
    /// The names of `backend.servers`.
    var serverNames: Set<String> = []
    /// The `resolvers` references of all servers, one for each line.
    var resolverReferences: [NameReference] = []
    /// The `track` options, with the places of their servers in `backend.servers`.
    var tracking: [(place: Int, reference: TrackReference)] = []
    /// The line of `mode http` in the `defaults` section, if that is the proxy's mode.
    var httpMode: ConfigurationLocation?
    /// True in `mode http`, whether from this section or from `defaults`.
    var isHTTP = false
    /// Lines without an effect in `mode tcp`.
    var ignoredLines: [IgnoredLine] = []
    var defaultBackend: NameReference?
    /// The lines about `option external-check`.
    var externalCheck = ExternalCheckDraft()
    /// All `use_backend` lines; the first one gets the sessions.
    var usedBackends: [NameReference] = []
    /// The `tcp-check` and `http-check` lines.
    var checkRules = CheckRules()

    /// An empty section without `defaults`.
    init(kind: ProxyKind, location: ConfigurationLocation) {
        self.kind = kind
        self.location = location
        defaultServer = ServerDraft(location: location)
    }

    var name: String { frontend.name }
    var hasFrontend: Bool { kind != .backend }
    var hasBackend: Bool { kind != .frontend }
    /// The title in messages: "listen mysql", "defaults".
    var title: String { name.isEmpty ? kind.rawValue : "\(kind.rawValue) \(name)" }

    /// A copy of this `defaults` section as the beginning of a section of `kind`.
    func inherited(by kind: ProxyKind, name: String, location: ConfigurationLocation) -> ProxyDraft {
        var copy = self
        copy.kind = kind
        copy.location = location
        copy.frontend.name = name
        copy.backend.name = name
        copy.frontend.isListen = kind == .listen
        copy.backend.isListen = kind == .listen
        copy.checkRules = checkRules.inherited(from: backend.check)
        return copy
    }
}

/// A line with an HTTP keyword, which has no effect in `mode tcp`.
struct IgnoredLine: Equatable, Sendable {
    let keyword: String
    let location: ConfigurationLocation
    /// The section's title.
    let section: String

    /// The warning about the line in a proxy in `mode tcp`.
    var problem: ConfigurationProblem {
        guard ProxyForeignKeywords.tcpLogs.contains(keyword) else { return ForeignKeywords.Reason.http.problem(with: keyword, extent: "") }
        return .custom("'\(keyword)' in 'mode tcp'", advice: "it counts as 'option tcplog', as in HAProxy: write that")
    }
}

/// A `log` line: a target, or all targets of the `global` section.
enum LogLine: Equatable, Sendable {
    case global
    case target(LogTarget)
}
