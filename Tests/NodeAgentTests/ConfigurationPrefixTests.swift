import Testing

@testable import NodeAgent

@Suite("The prefixes 'no' and 'default'")
struct ConfigurationPrefixTests {
    private static let sections = ["defaults", "frontend", "listen", "backend"]

    /// Each option that takes a prefix, in each section that has it.
    static let options: [(section: String, name: String)] = sections.flatMap { section in
        entries(of: section).filter { $0.inversion == .no && $0.name.hasPrefix("option ") }.map { (section, $0.name) }
    }

    private static func entries(of section: String) -> [any KeywordEntry] { Configuration.place(section)?.entries ?? [] }

    private static func title(_ section: String) -> String { ["global", "defaults"].contains(section) ? section : "\(section) a" }

    /// The configuration of a section with two lines, after a `defaults` section with one. An empty line keeps the numbers of the others.
    private static func read(_ section: String, inherited: String, _ lines: (String, String)) -> AgentConfiguration {
        let proxies = section == "defaults" ? "listen b\nfrontend c\nbackend d\n" : ""
        let (configuration, diagnostics) = Configuration.read("defaults\n \(inherited)\n\(title(section))\n \(lines.0)\n \(lines.1)\n\(proxies)")
        #expect(Configuration.alerts(diagnostics).isEmpty)
        return configuration
    }

    @Test("'default' before an option gives it the value that it has without a line, whatever earlier lines say", arguments: options.indices)
    func standard(index: Int) {
        let (section, name) = Self.options[index]
        let plain = Self.read(section, inherited: "", ("", ""))
        for earlier in ["", name, "no \(name)"] {
            #expect(Self.read(section, inherited: "", (earlier, "default \(name)")) == plain, "\(section): \(earlier)")
            #expect(Self.read(section, inherited: earlier, ("", "default \(name)")) == plain, "inherited by \(section): \(earlier)")
        }
    }

    @Test("are refused before all other keywords; 'default' is for options only, as in HAProxy", arguments: ["global"] + sections)
    func others(section: String) {
        for prefix in ["no", "default"] {
            for entry in Self.entries(of: section) where entry.inversion == .none || (prefix == "default" && !entry.name.hasPrefix("option ")) {
                let problems = Configuration.read("\(Self.title(section))\n \(prefix) \(entry.name)\n").diagnostics.map(\.problem)
                #expect(problems.contains(.notInvertible(entry.name, prefix: prefix)), "\(section): \(entry.name): \(problems)")
            }
        }
    }

    @Test("are allowed before options of every section")
    func isComplete() {
        for section in Self.sections { #expect(Self.options.contains { $0.section == section }) }
        #expect(Self.options.contains { $0 == ("backend", "option allbackups") })
    }
}
