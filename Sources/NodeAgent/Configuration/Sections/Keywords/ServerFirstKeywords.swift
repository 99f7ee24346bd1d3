import Proxy
import Wire

/// Keywords of servers that speak first.
enum ServerFirstKeywords {
    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "greeting-timeout", .serverSide, "<time>",
            "How long a server that speaks first may be silent, from the connect on, while there are others; 1s without it.", greetingTimeout),
        Keyword(
            "option hedge-greetings", .serverSide, "", inversion: .no,
            "A second server is asked when a greeting is later than 99 of 100 are, for at most 5% of the sessions; the first greeting wins.",
            hedgeGreetings),
        Keyword(
            "option server-first", .serverSide, "", inversion: .no,
            "The server speaks first, so that a session may leave one that does not; on where `option mysql-check` checks the traffic port.",
            serverFirst),
    ]

    @Sendable private static func greetingTimeout(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.greetingTimeout = try line.needPositiveTime()
    }

    @Sendable private static func hedgeGreetings(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.hedgesGreetings = line.prefix == .nothing
    }

    @Sendable private static func serverFirst(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.isServerFirst = line.prefix == .standard ? nil : line.prefix == .nothing
    }
}
