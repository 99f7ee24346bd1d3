import Proxy
import Wire

/// Keywords that choose the backend of a session.
enum RoutingKeywords {
    static let usedBackendsMax = 1_024

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword("default_backend", .clientSide, "<name>", "Backend that takes the sessions.", defaultBackend),
        Keyword(
            "use_backend", .listening, "<name>", repetition: .many, differs: "Conditions are not supported.",
            "Backend that takes the sessions; conditions are not supported.", useBackend),
    ]

    @Sendable private static func defaultBackend(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.defaultBackend = NameReference(name: try line.takeName(), keyword: line.keyword, location: line.location)
    }

    @Sendable private static func useBackend(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let reference = NameReference(name: try line.takeName(), keyword: line.keyword, location: line.location)
        if let word = line.peek, word == "if" || word == "unless" {
            throw ForeignKeywords.Reason.decisive("the condition decides where sessions go").problem(with: "use_backend ... \(word)", extent: "this proxy")
        }
        try line.end()
        guard proxy.usedBackends.count < usedBackendsMax else {
            throw .tooMany(what: "'use_backend' lines", limit: usedBackendsMax)
        }
        if let first = proxy.usedBackends.first {
            line.warn(.noEffect("use_backend \(reference.name)", advice: "the one at \(first.location) takes every session: remove this one"))
        }
        proxy.usedBackends.append(reference)
    }
}
