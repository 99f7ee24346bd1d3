import Proxy
import Wire

/// Timeouts of sessions.
enum TimeoutKeywords {
    static let proxies: [Keyword<ProxyDraft>] = [
        timeout("timeout client", .clientSide, "How long the client may be silent.") { $0.frontend.clientTimeout = $1 },
        timeout("timeout client-fin", .clientSide, "Replaces `timeout client` once the client's side is half-closed.") { $0.frontend.clientFinTimeout = $1 },
        timeout("timeout client-hs", .clientSide, "How long a client may take to send its PROXY header; default: `timeout client`.") {
            $0.frontend.handshakeTimeout = $1
        },
        timeout(
            "timeout connect", .serverSide, differs: "A session leaves a silent server after 1 s, unless no other server is left.",
            "Maximum duration of a connect to a server."
        ) { $0.backend.connectTimeout = $1 },
        timeout("timeout queue", .serverSide, "How long a session may wait in the queue for a server; default: `timeout connect`.") {
            $0.backend.queueTimeout = $1
        },
        timeout("timeout server", .serverSide, "How long the server may be silent.") { $0.backend.serverTimeout = $1 },
        timeout("timeout server-fin", .serverSide, "Replaces `timeout server` once the server's side is half-closed.") { $0.backend.serverFinTimeout = $1 },
        timeout("timeout tunnel", .serverSide, "Replaces `timeout client` and `timeout server` once bytes have passed in both directions.") {
            $0.backend.tunnelTimeout = $1
        },
    ]

    private static func timeout(
        _ name: String, _ places: KeywordPlaces, differs difference: String? = nil, _ meaning: String,
        _ set: @escaping @Sendable (inout ProxyDraft, Duration?) -> Void
    ) -> Keyword<ProxyDraft> {
        Keyword(name, places, "<time>", differs: difference, meaning) { proxy, line throws(ConfigurationProblem) in set(&proxy, try line.takeTimeout()) }
    }
}
