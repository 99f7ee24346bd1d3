import Proxy
import Wire

/// A `defaults`, `frontend`, `listen` or `backend` section, as far as it is read.
///
/// A `listen` section fills both halves; a `defaults` section fills both, too, and is copied.
struct ProxyDraft: Sendable {
    static let bindsMax = 1_024
    static let serversMax = 4_096
    static let logTargetsMax = 64

    var kind: ProxyKind
    var location: ConfigurationLocation
    var frontend = Frontend(name: "", identifier: 0)
    var backend = Backend(name: "", identifier: 0)
    var log: [LogLine] = []
    var logTag: String?
    var defaultServer: ServerDraft
    /// The names of `backend.servers`.
    var serverNames: Set<String> = []
    /// The `resolvers` of all servers, each line's once.
    var resolverReferences: [NameReference] = []
    /// Where `mode http` stands, when it does.
    var httpMode: ConfigurationLocation?
    var defaultBackend: NameReference?
    /// All `use_backend` lines; the first one takes the sessions.
    var usedBackends: [NameReference] = []

    /// A section without a line and without `defaults`.
    init(kind: ProxyKind, location: ConfigurationLocation) {
        self.kind = kind
        self.location = location
        defaultServer = ServerDraft(location: location)
    }

    var name: String { frontend.name }
    var hasFrontend: Bool { kind != .backend }
    var hasBackend: Bool { kind != .frontend }
    /// As messages name it: "listen mysql".
    var title: String { "\(kind.rawValue) \(name)" }

    /// What this section hands down to a section of `kind` as its `defaults`.
    func inherited(by kind: ProxyKind, name: String, location: ConfigurationLocation) -> ProxyDraft {
        var copy = self
        copy.kind = kind
        copy.location = location
        copy.frontend.name = name
        copy.backend.name = name
        copy.frontend.isListen = kind == .listen
        copy.backend.isListen = kind == .listen
        return copy
    }
}

/// A `log` line: a target, or all targets of the `global` section.
enum LogLine: Equatable, Sendable {
    case global
    case target(LogTarget)
}
