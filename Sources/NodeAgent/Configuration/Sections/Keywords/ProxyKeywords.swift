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
            CheckKeywords.proxies, ScriptKeywords.proxies, ExternalCheckKeywords.proxies, TimeoutKeywords.proxies, LogKeywords.proxies,
            ConnectionKeywords.proxies, SourceKeywords.proxies, PersistenceKeywords.proxies,
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
        let word = try line.takeRequired()
        (proxy.httpMode, proxy.isHTTP) = (nil, word == "http")
        switch word {
        case "tcp": break
        // Debian's file has this line. Each proxy that does not change the mode is an error.
        case "http" where proxy.kind == .defaults: proxy.httpMode = line.location
        case "http": throw .unsupported("mode http", advice: "keep HAProxy for this proxy; a section 'probe' answers a load balancer's check")
        case "health": throw .removed("mode health", replacement: "write a section 'probe'")
        case "log", "spop", "haterm": throw .unsupported("mode \(word)", advice: "keep HAProxy for this proxy")
        default: throw .unknownWord(word, of: "mode", allowed: ["tcp"], suggestion: Spelling.nearest(to: word, among: ["tcp"]))
        }
    }
}
