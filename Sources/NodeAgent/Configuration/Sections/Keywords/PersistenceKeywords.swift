import Proxy

/// Keywords that tie a client to a server that is down. Without a line that ties clients to servers they have no effect.
enum PersistenceKeywords {
    private static let advice = "it concerns cookies of HTTP and stick tables: remove it"

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "force-persist", .serving, "if|unless [<condition> ...]", repetition: .many, "No effect: no TCP client is tied to a server that is down.",
            forcePersist),
        Keyword("option persist", .serverSide, "", inversion: .no, "No effect: no TCP client is tied to a server that is down.", persist),
    ]

    @Sendable private static func forcePersist(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        _ = try line.takeChoice(["if": true, "unless": false])
        _ = line.takeAll()
        line.notice(.noEffect(line.keyword, advice: advice))
    }

    @Sendable private static func persist(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        if line.prefix == .nothing { line.notice(.noEffect(line.keyword, advice: advice)) }
    }
}
