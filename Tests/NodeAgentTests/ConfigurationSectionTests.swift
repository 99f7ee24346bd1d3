import Glibc
import Proxy
import Testing

@testable import NodeAgent

/// A section that exists only in this test: one type, which would be one entry of `ConfigurationSections.all`.
private struct MailSection: ConfigurationSection {
    static let name = "mail"
    static let keywords = KeywordTable<[String]>([
        Keyword("to", ["mail"], "<name>", "The recipient.") { draft, line throws(ConfigurationProblem) in draft.append(try line.takeName()) },
        Keyword("cc", ["mail"], "<name>", repetition: .many, "A recipient of a copy.") { draft, line throws(ConfigurationProblem) in
            draft.append(try line.takeName())
        },
    ])

    var draft: [String] = []
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) {}

    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) { try line.end() }
}

@Suite("A section")
struct ConfigurationSectionTests {
    /// The Swift files of a folder of the package.
    private func names(in folder: String) throws -> [String] {
        let stream = try #require(opendir("\(Configuration.folder)/../../\(folder)"))
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { $0.hasSuffix(".swift") }.map { "\(folder)/\($0)" }
    }

    private func line(_ words: String..., number: Int = 1) -> ConfigurationLine {
        ConfigurationLine(words: words, location: ConfigurationLocation(file: "t.cfg", line: number), environment: [:])
    }

    @Test("is one type with its name, its keywords, its opening and its end; no other code refers to it")
    func standsAlone() throws {
        var configuration = ConfigurationDraft()
        var first = line("mail")
        first.next = 1
        var section: any ConfigurationSection = MailSection(at: first.location)
        try section.open(&first, in: &configuration)
        for words in [["to", "a"], ["cc", "b"], ["cc", "c"]] {
            var line = ConfigurationLine(words: words, location: first.location, environment: [:])
            try section.read(&line)
        }
        section.finish(in: &configuration)
        #expect(configuration.all(MailSection.self).map(\.draft) == [["a", "b", "c"]])
        #expect(configuration.proxies.isEmpty && configuration.all(ProbeSection.self).isEmpty)
    }

    @Test("refuses a wrong line without additional code")
    func refusesLines() throws {
        var section = MailSection(at: ConfigurationLocation(file: "t.cfg", line: 1))
        var second = line("to", "b", number: 2)
        try section.read(&second)
        var third = line("to", "c", number: 3)
        try section.read(&third)
        #expect(third.remarks.map(\.problem) == [.overwritten("to", first: second.location)])
        let wrong: [([String], ConfigurationProblem)] = [
            (["to"], .missingArgument(of: "to", shape: "<name>")), (["to", "a", "b"], .surplusArgument("b", of: "to", shape: "<name>")),
            (["too", "a"], .unknownKeyword("too", suggestion: "to")), (["nbthread", "2"], .misplaced("nbthread", places: "a section 'global'")),
            (["slowstart", "2s"], .unknownKeyword("slowstart", suggestion: nil)), (["slowstart"], .misplaced("slowstart", places: "a line 'server'")),
        ]
        for (words, problem) in wrong {
            var line = ConfigurationLine(words: words, location: second.location, environment: [:])
            #expect(throws: problem) { try section.read(&line) }
        }
    }

    @Test("has a unique name, at least one keyword, and each keyword under one name")
    func isComplete() {
        let names = Configuration.places.map { $0.name }
        #expect(Set(names).count == names.count && names.count == 12, "\(names)")
        for place in Configuration.places {
            let keywords = place.entries.map(\.name)
            #expect(!keywords.isEmpty && Set(keywords).count == keywords.count, "\(place.name)")
            #expect(place.entries.allSatisfy { $0.places.contains(place.name) }, "\(place.name)")
        }
        for name in ConfigurationSections.names { #expect(ConfigurationSections.problem(withForeign: name) == nil, "\(name)") }
    }

    @Test("takes a keyword in every place that the keyword lists")
    func takesWhatItsKeywordsSay() throws {
        for place in Configuration.places {
            for keyword in place.entries {
                for name in keyword.places.names { #expect(try #require(Configuration.place(name)).takes(keyword.name), "\(keyword.name) in \(name)") }
            }
        }
    }

    @Test("has each keyword of the manual in one file")
    func definesKeywordsOnce() throws {
        let sections = "Sources/NodeAgent/Configuration/Sections"
        let files = try (names(in: sections) + names(in: sections + "/Keywords")).map { (name: $0, text: try Configuration.lines(ofPackageFile: $0).joined()) }
        #expect(files.count > 20)
        for title in ConfigurationManualTests.titles {
            for keyword in try ConfigurationManualTests.keywords(of: title) {
                // A short name, such as "maxconn", is a keyword of several places.
                let parts = ["\"\(keyword.name)\"", "\"\(keyword.meaning)\""]
                let defining = files.filter { file in parts.allSatisfy(file.text.contains) }
                #expect(defining.count == 1, "\(keyword.name) of \(title): \(defining.map(\.name))")
            }
        }
    }
}
