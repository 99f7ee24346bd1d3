import Glibc
import Proxy
import Testing

@testable import NodeAgent

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

    @Test("has a unique name, at least one keyword, and each keyword under one name")
    func isComplete() {
        let names = Configuration.places.map { $0.name }
        #expect(Set(names).count == names.count && names.count == 13, "\(names)")
        for place in Configuration.places {
            let keywords = place.entries.map(\.name)
            #expect(!keywords.isEmpty && Set(keywords).count == keywords.count, "\(place.name)")
            #expect(place.entries.allSatisfy { $0.places.contains(place.name) }, "\(place.name)")
        }
        for name in ConfigurationSections.all.names { #expect(ConfigurationSections.foreignSection(named: name) == nil, "\(name)") }
    }

    @Test("has a name that does not begin another section's lines, because a section's name ends the section before it")
    func nameIsDistinct() {
        let words = ConfigurationSections.all.types.flatMap { $0.firstWords }
        for name in ConfigurationSections.all.names { #expect(!words.contains(name), "\(name)") }
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
