import Proxy

@testable import NodeAgent

/// docs/KEYWORDS.md: what tsukada does with each keyword of HAProxy, from the keyword tables and from what the reader answers to a line.
enum KeywordDocument {
    static let path = "docs/KEYWORDS.md"

    /// The effect of a keyword, in comparison with HAProxy.
    enum Verdict: Equatable {
        case same
        case different(String)
        case noEffect(String)
        case refused(String)

        var text: String {
            switch self {
            case .same: "same"
            case .different(let how): "different: \(how)"
            case .noEffect(let why): why.isEmpty ? "no effect" : "no effect: \(why)"
            case .refused(let why): "refused: \(why)"
            }
        }

        var name: String { String(text.prefix { $0 != ":" }) }
    }

    /// The places in the order of the document, with their titles.
    private static let titles: KeyValuePairs = [
        "section": "Sections", "global": "global", "listen": "defaults, frontend, listen, backend", "bind": "Options of bind", "server": "Options of server",
        "resolvers": "resolvers",
    ]

    /// The verdict on a keyword; `nil` if the reader does not know it.
    static func verdict(on keyword: KeywordManual.Keyword) -> Verdict? {
        if keyword.place == "section", ConfigurationSections.all.section(named: keyword.name) != nil { return .same }
        let natives = natives(like: keyword)
        guard natives.isEmpty else { return verdict(on: natives) }
        // A keyword of a section that is refused.
        if keyword.place != "section", Configuration.place(keyword.place) == nil {
            return verdict(on: KeywordManual.Keyword(place: "section", name: keyword.place)).map { _ in .refused("with its section") }
        }
        let (text, line) = example(of: keyword)
        let diagnostics = Configuration.read(text).diagnostics.filter { $0.location.line == line }
        let worst = diagnostics.first { $0.severity == .alert } ?? diagnostics.first
        guard let worst else { return .noEffect("") }
        switch worst.problem {
        case .unknownKeyword, .unknownWord, .outsideSection: return nil
        default: return worst.severity == .alert ? .refused(worst.problem.advice) : .noEffect(worst.problem.advice)
        }
    }

    /// The keywords of tsukada that a keyword of HAProxy stands for: itself, all that begin with its words, or the keyword that takes the rest as arguments.
    private static func natives(like keyword: KeywordManual.Keyword) -> [any KeywordEntry] {
        let entries = keyword.place == "listen" ? ProxyKeywords.all : Configuration.place(keyword.place)?.entries ?? []
        for matches in [
            entries.filter { $0.name == keyword.name }, entries.filter { $0.name.hasPrefix(keyword.name + " ") },
            entries.filter { keyword.name.hasPrefix($0.name + " ") },
        ] where !matches.isEmpty { return matches }
        return []
    }

    private static func verdict(on natives: [any KeywordEntry]) -> Verdict {
        let idle = natives.filter { $0.meaning.hasPrefix("No effect") }
        if idle.count == natives.count, let first = idle.first { return .noEffect(String(first.meaning.drop { $0 != ":" }.dropFirst(2))) }
        // The keywords of a family have sentences in common.
        var differences: [String] = []
        for sentence in natives.compactMap(\.difference).flatMap(sentences) where !differences.contains(sentence) { differences.append(sentence) }
        return differences.isEmpty ? .same : .different(differences.joined(separator: " "))
    }

    /// The sentences of a text, each with its full stop.
    private static func sentences(of text: String) -> [String] {
        let parts = text.split(separator: ". ")
        return parts.dropLast().map { "\($0)." } + parts.suffix(1).map(String.init)
    }

    /// A file with the keyword, and the keyword's line.
    private static func example(of keyword: KeywordManual.Keyword) -> (text: String, line: Int) {
        let name = foreignName(of: keyword)
        return switch keyword.place {
        case "section": ("\(name)\(name == "global" ? "" : " x")\n", 1)
        case "bind": ("listen a\n bind :1 \(name)\n", 2)
        case "server": ("listen a\n server s 1.2.3.4:1 \(name)\n", 2)
        case "global": ("global\n \(name)\n", 2)
        default: ("\(keyword.place) a\n \(name)\n", 2)
        }
    }

    /// The name of a keyword in the lists of `ForeignKeywords`. They have "compression algo" and others, where the manual has "compression".
    private static func foreignName(of keyword: KeywordManual.Keyword) -> String {
        let groups = Configuration.place(keyword.place)?.foreignKeywords ?? []
        if groups.contains(where: { $0.contains(keyword.name) }) { return keyword.name }
        return groups.flatMap(\.names).filter { $0.hasPrefix(keyword.name + " ") }.min() ?? keyword.name
    }

    /// The lines of the document.
    static func lines() throws -> [String] {
        let rows = try KeywordManual.list().map { (keyword: $0.keyword, origin: $0.origin, verdict: verdict(on: $0.keyword)) }
        var lines = introduction
        lines += ["", "| verdict | keywords |", "|--|--|"]
        for name in ["same", "different", "no effect", "refused"] { lines.append("| \(name) | \(rows.count { $0.verdict?.name == name }) |") }
        for (place, title) in titles {
            let selected = rows.filter { $0.keyword.place == place }.sorted { $0.keyword < $1.keyword }
            lines += ["", "## \(title)", "", "| keyword | tsukada |", "|--|--|"]
            lines += selected.map { row(name: $0.keyword.name, $0.origin, $0.verdict) }
        }
        let others = rows.filter { row in !titles.contains { $0.key == row.keyword.place } }
        let sections = Dictionary(grouping: others) { $0.keyword.place }.sorted { $0.key < $1.key }
        lines += ["", "## Sections that are refused", "", "| section | keywords |", "|--|--|"]
        lines += sections.map { "| `\($0.key)` | \($0.value.map { "`\($0.keyword.name)`" }.joined(separator: ", ")) |" }
        return lines
    }

    private static func row(name: String, _ origin: KeywordManual.Origin, _ verdict: Verdict?) -> String {
        let text = (verdict?.text ?? "unknown").split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
        return "| `\(name)`\(origin == .newer ? " (after 2.6)" : "") | \(text) |"
    }

    private static let introduction = [
        "# Keywords of HAProxy", "",
        "What tsukada does with each keyword of HAProxy: every keyword of HAProxy 2.6's manual, and keywords of later versions, up to 3.5. A test composes this",
        "document from the keyword tables of the program. [CONFIGURATION.md](CONFIGURATION.md) describes the keywords that tsukada supports, its own keywords, and",
        "[every difference](CONFIGURATION.md#what-differs-from-haproxy) in detail.", "",
        "- **same**: the keyword has HAProxy's effect.", "- **different**: the keyword has an effect that differs in the given way.",
        "- **no effect**: the line is accepted and has no effect, with a warning or a notice where the user should know it.",
        "- **refused**: the line is an error, and tsukada does not start. The text is the advice in the error message.",
    ]
}
