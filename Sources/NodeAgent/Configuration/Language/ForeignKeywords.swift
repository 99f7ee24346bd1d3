/// Keywords that HAProxy supports and tsukada does not: each use is an error, or a notice where the line has no effect of its own.
///
/// A user who follows the advice must not end up with a proxy that serves other clients, trusts other servers or checks less than with HAProxy.
struct ForeignKeywords: Sendable {
    /// What a file loses without the keywords.
    enum Reason: Sendable {
        /// They decide who is served, which servers are usable or which server gets a session: keep HAProxy for the proxy.
        case decisive(String)
        /// Without them, or with the replacement that the advice gives, the same clients reach the same servers.
        case harmless(advice: String)
        /// They are for `mode http`: HAProxy ignores them in `mode tcp`, so in `defaults` they are only a notice.
        case http(advice: String)
        /// They ask for TLS.
        case encryption
        /// They have an effect only together with lines that are refused.
        case dormant(advice: String)
        /// HAProxy has them no more.
        case removed(replacement: String)

        static let checksServers = decisive("without this check a server that cannot serve would get sessions")
        static let choosesClients = decisive("it decides who may connect")
        static let choosesServers = decisive("it decides which server a session gets")
        static let reachesServers = decisive("it decides how servers are reached, and as whom")
        static let removeLine = harmless(advice: "remove the line: it changes neither who is served nor by which server")
        static let removeOption = harmless(advice: "remove the option")
        /// What HAProxy does with HTTP keywords of a TCP proxy.
        static let ignoredInTCP = "in 'mode tcp' HAProxy ignores it too, so remove it there; keep HAProxy for a proxy in 'mode http'"

        /// What is wrong with the keyword `name` where HAProxy has to be kept for `extent`.
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

    /// Words that begin a line, or two of them: an entry of two counts before an entry of one. `tune.*` is each word that begins with `tune.`.
    let names: Set<String>
    let reason: Reason
    private let prefixes: [String]

    /// The keywords in `names`, each after a semicolon or on a line of its own.
    init(_ reason: Reason, _ names: String) {
        self.names = Set(names.split { $0 == ";" || $0 == "\n" }.map { String($0.drop { $0 == " " }) })
        self.reason = reason
        prefixes = self.names.filter { $0.hasSuffix("*") }.map { String($0.dropLast()) }
    }

    func contains(_ name: String) -> Bool {
        names.contains(name) || (!name.contains(" ") && prefixes.contains { name.hasPrefix($0) })
    }
}
