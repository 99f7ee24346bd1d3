/// Keywords that HAProxy supports and tsukada does not. Each use is an error, or a notice if the line alone has no effect.
///
/// A user who follows the advice must not end up with a proxy that serves other clients, trusts other servers or checks less than HAProxy does.
struct ForeignKeywords: Sendable {
    /// The effect of leaving the keywords out.
    enum Reason: Sendable {
        /// The keywords decide which clients are served, which servers are usable or which server gets a session: keep HAProxy for the proxy.
        case decisive(String)
        /// Without the keywords, or with the replacement in the advice, the same clients reach the same servers.
        case harmless(advice: String)
        /// The keywords are for `mode http`: HAProxy ignores them in `mode tcp`, so in `defaults` they only cause a notice.
        case http(advice: String)
        /// The keywords request TLS.
        case encryption
        /// The keywords only affect lines that are refused anyway.
        case dormant(advice: String)
        /// HAProxy has removed the keywords.
        case removed(replacement: String)

        static let checksServers = decisive("without this check a server that cannot serve gets sessions")
        static let choosesClients = decisive("it decides which clients may connect")
        static let choosesServers = decisive("it decides which server a session gets")
        static let reachesServers = decisive("it decides how servers are reached")
        static let removeLine = harmless(advice: "remove the line: it does not change which clients are served or by which server")
        static let removeOption = harmless(advice: "remove the option")
        /// The advice on HTTP keywords, which HAProxy ignores in a TCP proxy.
        static let ignoredInTCP = "in 'mode tcp' HAProxy ignores it as well, so remove it there; keep HAProxy for a proxy in 'mode http'"

        /// The problem of the keyword `name`; `extent` is the part of the configuration to keep HAProxy for.
        func problem(with name: String, extent: String) -> ConfigurationProblem {
            switch self {
            case .decisive(let effect): .unsupported(name, advice: "keep HAProxy for \(extent), since \(effect)")
            case .harmless(let advice): .unsupported(name, advice: advice)
            case .http(let advice): .http(name, advice: advice)
            case .encryption: .encryption(name)
            case .dormant(let advice): .noEffect(name, advice: advice)
            case .removed(let replacement): .removed(name, replacement: replacement)
            }
        }
    }

    /// The first word of lines, or the first two: two words are looked up before one. `tune.*` matches each word that begins with `tune.`.
    let names: Set<String>
    let reason: Reason
    private let prefixes: [String]

    /// The keywords in `names`, separated by semicolons or line feeds.
    init(_ reason: Reason, _ names: String) {
        self.names = Set(names.split { $0 == ";" || $0 == "\n" }.map { String($0.drop { $0 == " " }) })
        self.reason = reason
        prefixes = self.names.filter { $0.hasSuffix("*") }.map { String($0.dropLast()) }
    }

    func contains(_ name: String) -> Bool {
        names.contains(name) || (!name.contains(" ") && prefixes.contains { name.hasPrefix($0) })
    }
}
