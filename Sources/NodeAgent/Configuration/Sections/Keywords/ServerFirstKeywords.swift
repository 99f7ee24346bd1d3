import Proxy
import Wire

/// Keywords of servers that speak first.
enum ServerFirstKeywords {
    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "greeting-timeout", .serverSide, "<time>",
            "How long a session waits for a greeting, from the start of the connect, before it asks another server as well; default 1s.", greetingTimeout),
        .option(
            "option hedge-greetings", .serverSide,
            "Asks a second server when a greeting is slower than the 99th percentile, for at most 5% of the sessions; the first greeting wins."
        ) { $0.backend.hedgesGreetings = $1 },
        Keyword(
            "option server-first", .serverSide, "", inversion: .no,
            "The servers speak first, so a session can move away from a silent one; on by default where `option mysql-check` checks the traffic port.",
            serverFirst),
    ]

    @Sendable private static func greetingTimeout(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.greetingTimeout = try line.takePositiveTime()
    }

    @Sendable private static func serverFirst(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.isServerFirst = line.prefix == .standard ? nil : line.prefix == .nothing
    }
}
