import Proxy
import Testing

@testable import NodeAgent

@Suite("docs/CONFIGURATION.md")
struct ConfigurationManualTests {
    static let path = "docs/CONFIGURATION.md"

    /// The manual's tables, each between `<!-- keywords TITLE -->` and `<!-- end -->`.
    static let titles = ["global", "stats socket", "proxies", "bind", "server", "resolvers", "userlist", "probe", "gossip", "database"]

    /// The keywords of a table; all proxies share one.
    static func keywords(of title: String) throws -> [any KeywordEntry] {
        if title == "proxies" { return ProxyKeywords.all }
        return try #require(Configuration.place(title)).entries
    }

    /// The expected lines of a table with `keywords`. `showsSections` adds the column with the proxies' sections.
    static func table(of keywords: [any KeywordEntry], showsSections: Bool) -> [String] {
        var lines = showsSections ? ["| keyword | arguments | sections | meaning |", "|--|--|--|--|"] : ["| keyword | arguments | meaning |", "|--|--|--|"]
        for keyword in keywords {
            let bars = keyword.arguments.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
            let prefix = keyword.inversion == .no ? "[no] " : ""
            var cells = ["`\(prefix)\(keyword.name)`", bars.isEmpty ? "" : "`\(bars)`"]
            if showsSections {
                let letters = [("defaults", "D"), ("frontend", "F"), ("listen", "L"), ("backend", "B")]
                cells.append(letters.filter { keyword.places.contains($0.0) }.map(\.1).joined(separator: " "))
            }
            cells.append(keyword.meaning)
            lines.append("| " + cells.joined(separator: " | ") + " |")
        }
        return lines
    }

    @Test("has the keyword tables, word for word")
    func hasTables() throws {
        var lines = try Configuration.lines(ofPackageFile: Self.path)
        for title in Self.titles {
            let start = try #require(lines.firstIndex(of: "<!-- keywords \(title) -->"), "no table \(title)")
            let end = try #require(lines[start...].firstIndex(of: "<!-- end -->"))
            lines.replaceSubrange((start + 1)..<end, with: Self.table(of: try Self.keywords(of: title), showsSections: title == "proxies"))
        }
        try GeneratedFile(path: Self.path).expect(lines.dropLast())
    }

    @Test("shows messages that the reader really gives")
    func showsRealMessages() throws {
        let lines = try Configuration.lines(ofPackageFile: Self.path)
        let shown = lines.filter { $0.hasPrefix("    haproxy.cfg:") }
        #expect(shown.count >= 6)
        let real = Set(PlantedError.all.map { "    haproxy.cfg:\($0.line): \($0.what); \($0.advice)" })
        for line in shown { #expect(real.contains(line), "\(line)") }
    }

    @Test("shows examples that can be read")
    func showsReadableExamples() throws {
        let lines = try Configuration.lines(ofPackageFile: Self.path)
        let starts = lines.indices.filter { lines[$0] == "```haproxy" }
        var text = ""
        for start in starts {
            let end = try #require(lines[start...].firstIndex(of: "```"))
            text += lines[(start + 1)..<end].joined(separator: "\n") + "\n"
        }
        let seed = try Configuration.bytes(of: "tsukada01.cfg")
        let (configuration, diagnostics) = ConfigurationReader(environment: [:]).read(files: [("haproxy.cfg", seed), ("tsukada.cfg", Array(text.utf8))])
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.probes.count == 1)
        #expect(configuration.gossip?.nodes.count == 2)
    }
}
