import Proxy

/// `defaults`: settings that the following proxies inherit, or those that name the section.
struct DefaultsSection: ProxySection {
    static let kind = ProxyKind.defaults
    static let keywords = ProxyKeywords.table(of: kind)
    static let foreignKeywords = ProxyForeignKeywords.ofDefaults
    static let extent = "the proxies that inherit it"

    var draft: ProxyDraft
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) { draft = ProxyDraft(kind: Self.kind, location: location) }

    static func title(argument: String?) -> String {
        guard let argument, argument != "from" else { return name }
        return "\(name) \(argument)"
    }

    /// Parses `[<name>] [from <defaults>]`. The section inherits only from a `defaults` section that it names.
    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        line.shape = "[<name>] [from <defaults>]"
        if let word = line.peek, word != "from" {
            // As in HAProxy, only sections that other sections name need a valid name.
            let name = try line.takeText("a name")
            draft = draft.inherited(by: Self.kind, name: name, location: draft.location)
        }
        try inherit(&line, from: &configuration)
        try line.end()
    }

    func finish(in configuration: inout ConfigurationDraft) {
        configuration.defaults = draft
        if !draft.name.isEmpty { configuration.namedDefaults.append(draft) }
    }
}
