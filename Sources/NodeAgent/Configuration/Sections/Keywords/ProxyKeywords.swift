import Proxy
import Wire

/// Keywords of `defaults`, `frontend`, `listen` and `backend`.
enum ProxyKeywords {
    /// The keywords that a section of `kind` accepts.
    static func table(of kind: ProxyKind) -> KeywordTable<ProxyDraft> { KeywordTable(all.filter { $0.places.contains(kind.rawValue) }) }

    /// The keywords of all kinds, in the order of the manual.
    static let all: [Keyword<ProxyDraft>] =
        StateFileKeywords.proxies
        + [
            own, BindKeywords.proxies, RoutingKeywords.proxies, BalanceKeywords.proxies, ServerKeywords.proxies, ServerFirstKeywords.proxies,
            CheckKeywords.proxies, ExternalCheckKeywords.proxies, TimeoutKeywords.proxies, LogKeywords.proxies, ConnectionKeywords.proxies,
            SourceKeywords.proxies, PersistenceKeywords.proxies,
        ].flatMap(\.self).inManualOrder() + HealthKeywords.proxies + ZoneKeywords.proxies + ConnectionKeywords.keepAliveTimes

    private static let own: [Keyword<ProxyDraft>] = [
        Keyword("description", .namedProxy, "<text> ...", "A note for readers of the file; not shown anywhere.", description),
        Keyword("disabled", .anyProxy, "", "The section is checked for errors but not used.", disabled),
        Keyword("enabled", .anyProxy, "", sameAs: "disabled", "Cancels `disabled` from `defaults`.", enabled),
        Keyword("mode", .anyProxy, "tcp", differs: "Only `tcp`; `http` in `defaults` is ignored in proxies with `mode tcp`.", "TCP is the only mode.", mode),
    ]

    @Sendable private static func description(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let text = line.takeAll()
        proxy.frontend.description = text
        proxy.backend.description = text
    }

    @Sendable private static func disabled(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.frontend.isDisabled = true
        proxy.backend.isDisabled = true
    }

    @Sendable private static func enabled(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.frontend.isDisabled = false
        proxy.backend.isDisabled = false
    }

    @Sendable private static func mode(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        switch try line.takeRequired() {
        case "tcp": proxy.httpMode = nil
        case "http" where proxy.kind == .defaults:
            proxy.httpMode = line.location
            line.notice(.http("mode http", advice: "tsukada serves only proxies that have their own line 'mode tcp'; keep HAProxy for the others"))
        case "http":
            proxy.httpMode = nil
            throw .unsupported("mode http", advice: "keep HAProxy for this proxy; a section 'probe' answers a load balancer's check")
        case "health": throw .removed("mode health", replacement: "write a section 'probe'")
        case let word where ["log", "spop", "haterm"].contains(word): throw .unsupported("mode \(word)", advice: "keep HAProxy for this proxy")
        case let word: throw .unknownWord(word, of: "mode", allowed: ["tcp"], suggestion: Spelling.nearest(to: word, among: ["tcp"]))
        }
    }
}
