/// Keywords that HAProxy supports and tsukada does not. Each use is an error, unless the line has no effect.
///
/// A user who follows the advice must not end up with a proxy that serves other clients, trusts other servers or checks less than HAProxy does.
struct ForeignKeywords: Sendable {
    /// The effect of leaving the keywords out.
    enum Reason: Equatable, Sendable {
        /// The keywords decide which clients are served, which servers are usable or which server gets a session: keep HAProxy for the proxy.
        case decisive(String)
        /// Without the keywords, or with the replacement in the advice, the same clients reach the same servers.
        case harmless(advice: String)
        /// HAProxy ignores the keywords in `mode tcp` with a warning.
        case http
        /// The keywords have no effect in tsukada. One notice of each file lists them.
        case ignored
        /// The keywords have no effect, and there is no message: HAProxy has none in `mode tcp` either, or distributions install files with them.
        case silent
        /// The keywords request TLS.
        case encryption
        /// HAProxy has removed the keywords.
        case removed(replacement: String)

        static let checksServers = decisive("without this check a server that cannot serve gets sessions")
        static let choosesClients = decisive("the keyword decides which clients may connect")
        static let choosesServers = decisive("the keyword decides which server a session gets")
        static let reachesServers = decisive("the keyword decides how servers are reached")
        static let removeLine = harmless(advice: "remove the line: it does not change which clients are served or by which server")
        static let removeOption = harmless(advice: "remove the option")

        /// The problem of the keyword `name`; `extent` is the part of the configuration to keep HAProxy for.
        func problem(with name: String, extent: String) -> ConfigurationProblem {
            switch self {
            case .decisive(let effect): .unsupported(name, advice: "keep HAProxy for \(extent), since \(effect)")
            case .harmless(let advice): .unsupported(name, advice: advice)
            case .http: .noEffect(name, advice: "it is for 'mode http', and HAProxy ignores it in 'mode tcp' as well: remove the line")
            case .ignored, .silent: .ignored([name])
            case .encryption: .encryption(name)
            case .removed(let replacement): .removed(name, replacement: replacement)
            }
        }
    }

    /// The first word of lines, or the first two: two words are looked up before one. `tune.ssl.*` matches each word that begins with `tune.ssl.`.
    let names: Set<String>
    let reason: Reason
    private let prefixes: [String]

    /// The keywords in `lists`, separated by semicolons or line feeds.
    init(_ reason: Reason, _ lists: String...) {
        names = Set(lists.flatMap { $0.split { $0 == ";" || $0 == "\n" } }.map { String($0.drop { $0 == " " }) })
        self.reason = reason
        prefixes = names.filter { $0.hasSuffix("*") }.map { String($0.dropLast()) }
    }

    func contains(_ name: String) -> Bool {
        names.contains(name) || (!name.contains(" ") && prefixes.contains { name.hasPrefix($0) })
    }
}
