import Proxy
import Wire

/// The timeouts of sessions.
enum TimeoutKeywords {
    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword("timeout client", .clientSide, "<time>", "How long the client may be silent.", timeoutClient),
        Keyword("timeout client-fin", .clientSide, "<time>", "The same, once the client's side is half-closed.", timeoutClientFin),
        Keyword("timeout connect", .serverSide, "<time>", "What a connect to a server may take.", timeoutConnect),
        Keyword("timeout queue", .serverSide, "<time>", "How long a session waits for a server; `timeout connect` without it.", timeoutQueue),
        Keyword("timeout server", .serverSide, "<time>", "How long the server may be silent.", timeoutServer),
        Keyword("timeout server-fin", .serverSide, "<time>", "The same, once the server's side is half-closed.", timeoutServerFin),
        Keyword("timeout tunnel", .serverSide, "<time>", "Replaces both, once bytes have gone both ways.", timeoutTunnel),
    ]

    @Sendable private static func timeoutClient(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.frontend.clientTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutClientFin(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.frontend.clientFinTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutConnect(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.connectTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutQueue(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.queueTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutServer(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.serverTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutServerFin(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.serverFinTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutTunnel(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.tunnelTimeout = try line.needTimeout()
    }
}
