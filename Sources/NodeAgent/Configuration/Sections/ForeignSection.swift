/// One of HAProxy's sections that tsukada does not support: an error at its beginning. Its lines are skipped, and references to it are no further errors.
struct ForeignSection: Sendable {
    let name: String
    /// The part of the configuration that needs HAProxy, and the reason.
    private let advice: String
    /// The names under which errors report references to the section.
    let references: [String]

    var problem: ConfigurationProblem { .unsupported(name, advice: "keep HAProxy for \(advice)") }

    fileprivate init(_ name: String, _ advice: String, references: [String] = []) { (self.name, self.advice, self.references) = (name, advice, references) }
}

extension ConfigurationSections {
    /// HAProxy's sections that tsukada does not support.
    static let foreign = [
        ForeignSection("acme", "the proxies that terminate TLS with its certificates: tsukada does not support TLS"),
        ForeignSection("cache", "the proxies in 'mode http' that use it"),
        ForeignSection("crt-store", "the proxies that terminate TLS with its certificates: tsukada does not support TLS"),
        ForeignSection("fcgi-app", "the proxies in 'mode http' that use it", references: ["use-fcgi-app"]),
        ForeignSection(
            "healthcheck", "the proxies that use it, since without this check a server that cannot serve gets sessions", references: ["healthcheck"]),
        ForeignSection("http-errors", "the proxies in 'mode http' that use it"),
        ForeignSection("log-forward", "receiving log lines: tsukada only sends them"),
        ForeignSection("log-profile", "the proxies whose log lines it describes", references: ["log ... profile"]),
        ForeignSection("mailers", "the proxies that send mails, or watch the log for changes of servers and remove the section", references: ["email-alert"]),
        ForeignSection("peers", "the proxies whose stick tables it shares, since a table decides which server a session gets"),
        ForeignSection("program", "running the program, or start it as a separate service and remove the section"),
        ForeignSection("ring", "what uses it: tsukada sends log lines directly to their targets", references: ["ring@"]),
        ForeignSection("traces", "what uses it, or remove the section: it only records internal events of HAProxy"),
    ]

    /// HAProxy's section `name` that tsukada does not support; `nil` if there is none.
    static func foreignSection(named name: String) -> ForeignSection? { foreign.first { $0.name == name } }
}
