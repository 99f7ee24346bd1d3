// The hot path: settings as the session path reads them, plain values in frozen tables.

import LinuxIO
import Wire

/// A frontend's settings as the session path reads them. Times in milliseconds, -1 for none.
struct FrontendRules: BitwiseCopyable, Sendable {
    /// The backend that takes its sessions; `Session.noBackend` for none.
    var defaultBackend: UInt16
    /// True when sessions may begin before their PROXY header: every server speaks first, and none needs the client's address before that.
    var greetsBeforeHeader: Bool
    /// `option independent-streams`, `option nolinger`.
    var hasIndependentTimeout: Bool
    var resetsClients: Bool
    var connectionsMax: Int32
    var clientTimeout: Int64
    var clientFinTimeout: Int64
    /// The time for a PROXY header.
    var handshakeTimeout: Int64

    init(_ frontend: Frontend, backends: [Backend], processLimit: Int) {
        defaultBackend = frontend.backend.map { UInt16($0) } ?? Session.noBackend
        greetsBeforeHeader = frontend.backend.map { backends[$0].greetsBeforeHeader } ?? false
        connectionsMax = Int32(clamping: frontend.connectionsMax ?? processLimit)
        clientTimeout = frontend.clientTimeout?.wholeMilliseconds ?? -1
        clientFinTimeout = frontend.clientFinTimeout?.wholeMilliseconds ?? -1
        handshakeTimeout = (frontend.handshakeTimeout ?? frontend.clientTimeout)?.wholeMilliseconds ?? -1
        hasIndependentTimeout = frontend.hasIndependentTimeout
        resetsClients = frontend.resetsClients
    }
}

/// A backend's settings as the session path reads them. Times in milliseconds, -1 for none.
struct BackendRules: BitwiseCopyable, Sendable {
    var balance: BalanceAlgorithm
    var hashing: HashSettings
    /// The number of failed connects after which a session leaves a server: 1 for each of them, 0 for none.
    var redispatchInterval: Int32
    var keepAlive: KeepAlive
    var retriesMax: Int32
    var connectTimeout: Int64
    var queueTimeout: Int64
    var serverTimeout: Int64
    var serverFinTimeout: Int64
    var tunnelTimeout: Int64
    var greetingTimeout: Int64
    /// The protocol in which its clients wait for a first packet.
    var refusalProtocol: ServerFirst
    var hedges: Bool
    /// `option nolinger`, `option abortonclose`, `option independent-streams`, `option tcp-smart-connect`.
    var resetsServers: Bool
    var abortsOnClose: Bool
    var hasIndependentTimeout: Bool
    var delaysAcknowledgements: Bool

    init(_ backend: Backend) {
        (balance, hashing) = (backend.balance, backend.hashing)
        redispatchInterval = Int32(clamping: backend.redispatchInterval)
        keepAlive = backend.keepAlive
        retriesMax = backend.retriesConnects ? Int32(clamping: backend.retriesMax) : 0
        connectTimeout = backend.connectTimeout?.wholeMilliseconds ?? -1
        queueTimeout = (backend.queueTimeout ?? backend.connectTimeout)?.wholeMilliseconds ?? -1
        serverTimeout = backend.serverTimeout?.wholeMilliseconds ?? -1
        serverFinTimeout = backend.serverFinTimeout?.wholeMilliseconds ?? -1
        tunnelTimeout = backend.tunnelTimeout?.wholeMilliseconds ?? -1
        greetingTimeout = backend.greetingTimeout.wholeMilliseconds
        hedges = backend.hedgesGreetings
        refusalProtocol = backend.refusalProtocol
        resetsServers = backend.resetsServers
        abortsOnClose = backend.abortsOnClose
        hasIndependentTimeout = backend.hasIndependentTimeout
        delaysAcknowledgements = backend.delaysAcknowledgements
    }
}

extension Backend {
    /// True when every server speaks first, and none needs the client's address before that.
    fileprivate var greetsBeforeHeader: Bool { !servers.isEmpty && servers.allSatisfy { speaksFirst($0) && !needsClient($0) } }
}

/// A server's settings as the session path reads them.
struct ServerRules: Sendable {
    /// The backend it belongs to.
    var backend: Int
    /// The offset to the client's port when the server's port is relative to it; otherwise `nil`.
    var clientPortOffset: Int?
    /// True when sessions go to the address that their client has connected to.
    var hasClientAddress: Bool
    /// Index into the sources; `nil` for the kernel's choice of the local address.
    var source: UInt32?
    /// `namespace`; `nil` for the process's own.
    var namespace: NetworkNamespace?
    /// `tcp-ut` in milliseconds; 0 for the system's default.
    var userTimeout: Int32
    /// The form of the PROXY header that the server expects.
    var proxyHeader: ProxyHeaderForm?
    /// True when handshakes of departed clients are finished, because the server counts connections without a login against this host.
    var finishesHandshakes: Bool
    /// What the server sends before its clients do.
    var opening: ServerFirst

    init(_ server: Server, of backend: Backend, at index: Int, source: UInt32?, namespace: NetworkNamespace?) {
        self.backend = index
        clientPortOffset = if case .client(let offset) = server.port { offset } else { nil }
        hasClientAddress = server.hasClientAddress
        (self.source, self.namespace) = (source, namespace)
        userTimeout = Int32(clamping: server.userTimeout?.wholeMilliseconds ?? 0)
        proxyHeader = server.proxyHeader
        finishesHandshakes = backend.finishesHandshakes(of: server)
        opening = backend.opening(of: server)
    }
}

/// The names of proxies and servers as forwarding threads read them.
struct FrozenNames: Sendable {
    let frontends: FrozenTexts
    let backends: FrozenTexts
    /// By server, flat over all backends.
    let servers: FrozenTexts

    init(frontends: [Frontend], backends: [Backend]) {
        self.frontends = FrozenTexts(frontends.map { Array($0.name.utf8) })
        self.backends = FrozenTexts(backends.map { Array($0.name.utf8) })
        servers = FrozenTexts(backends.flatMap { $0.servers.map { Array($0.name.utf8) } })
    }
}
