import Proxy
import Wire

/// A `log` line: a target, or all targets of the `global` section.
enum LogLine: Equatable, Sendable {
    case global
    case target(LogTarget)
}

/// A name that a line refers to.
struct NameReference: Equatable, Sendable {
    let name: String
    /// The line's keyword.
    let keyword: String
    let location: ConfigurationLocation
}

/// A server line, or what `default-server` lines say of all of them.
struct ServerDraft: Sendable {
    var server: Server
    /// What checks would do.
    var check = CheckSettings()
    /// Where `resolvers` stands, on this line or in its `default-server`.
    var resolvers: NameReference?
    /// What `error-limit` and `on-error` say, whether or not `observe` stands.
    var observation = ConnectObservation()
    /// `observe layer4`.
    var isObserved = false
    /// `check` or `no-check`.
    var isChecked = false
    var proxyHeader = ProxyHeaderDraft()

    /// What a server is without `default-server`.
    init(location: ConfigurationLocation) {
        server = Server(name: "", identifier: 0, endpoint: .name("", port: 0), port: .client(offset: 0), location: location)
    }

    /// The server as the model has it.
    var finished: Server {
        var server = server
        server.proxyHeader = proxyHeader.form
        server.check = isChecked ? check : nil
        server.observation = isChecked && isObserved ? observation : nil
        server.check?.proxyHeader = proxyHeader.checkForm(isElsewhere: check.port != nil || check.isAtOtherHost)
        return server
    }
}

/// What `send-proxy` and its kin say of a server.
struct ProxyHeaderDraft: Equatable, Sendable {
    /// `send-proxy`.
    var isText = false
    /// `send-proxy-v2`, which wins.
    var isBinary = false
    /// `proxy-v2-options crc32c`.
    var hasChecksum = false
    /// `check-send-proxy`.
    var isForAllChecks = false

    var form: ProxyHeaderForm? { isBinary ? .binary(withChecksum: hasChecksum) : isText ? .text : nil }

    /// As in HAProxy, checks of the server itself do as sessions do; others only when they are told to.
    func checkForm(isElsewhere: Bool) -> ProxyHeaderForm? { isForAllChecks ? form ?? .text : isElsewhere ? nil : form }
}

/// A `defaults`, `frontend`, `listen` or `backend` section, as far as it is read.
///
/// A `listen` section fills both halves; a `defaults` section fills both, too, and is copied.
struct ProxyDraft: Sendable {
    static let bindsMax = 1_024
    static let serversMax = 4_096
    static let logTargetsMax = 64
    static let usedBackendsMax = 1_024

    /// One of `KeywordPlaces.anyProxy`.
    var place: KeywordPlaces
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
    init(place: KeywordPlaces, location: ConfigurationLocation) {
        self.place = place
        self.location = location
        defaultServer = ServerDraft(location: location)
    }

    var name: String { frontend.name }
    var hasFrontend: Bool { place != .backend }
    var hasBackend: Bool { place != .frontend }

    /// What this section hands down to `place` as its `defaults`.
    func inherited(by place: KeywordPlaces, name: String, location: ConfigurationLocation) -> ProxyDraft {
        var copy = self
        copy.place = place
        copy.location = location
        copy.frontend.name = name
        copy.backend.name = name
        copy.frontend.isListen = place == .listen
        copy.backend.isListen = place == .listen
        return copy
    }
}

/// A `probe` section, as far as it is read.
struct ProbeDraft: Sendable {
    static let requirementsMax = 64

    /// `require`, before the proxy is looked up.
    struct Requirement: Sendable {
        let proxy: NameReference
        let serversMin: Int
    }

    var settings: ProbeSettings
    let location: ConfigurationLocation
    var requirements: [Requirement] = []

    init(name: String, location: ConfigurationLocation) {
        settings = ProbeSettings(name: name)
        self.location = location
    }
}
