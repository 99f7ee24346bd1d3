import Foundation
import Testing

@Suite("Banned phrases")
struct PhraseTests {
    private let finder: PhraseFinder

    init() throws { finder = try PhraseFinder() }

    /// These files contain the phrases.
    private static let lists: Set = ["Tests/TidyTests/Phrases.swift", "Tests/TidyTests/PhraseTests.swift"]

    /// Test data, and words of other programs.
    private static func isExempt(_ path: String) -> Bool { lists.contains(path) || path.contains("/Fixtures/") || path.contains("/Corpus/") }

    @Test("are absent from all comments, strings and documents")
    func absent() throws {
        let manifest = try #require(SourceTree.file("Package.swift"))
        let files = try SourceTree.files(in: "Sources", "Tests", "docs", "deploy", ".ci", ending: "") + SourceTree.rootDocuments() + [manifest]
        #expect(files.count > 700)
        for file in files where !Self.isExempt(file.path) {
            for each in finder.findings(in: file.prose) {
                Issue.record("\(file.path):\(each.line): '\(each.words)': write a better sentence; \(each.advice)")
            }
        }
    }

    private func findings(_ path: String, _ text: String) -> [String] {
        finder.findings(in: SourceTree.File(path: path, lines: text.components(separatedBy: "\n")).prose).sorted { $0.line < $1.line }
            .map { "\($0.line): \($0.words)" }
    }

    @Test("are found in Swift's comments and strings, also across lines, but not in code and names")
    func foundInSwift() {
        let text = ##"""
            /// The caller comes
            /// round. Names: `nobody`.
            let nobody = whoever(anew: 1) // Tried anew.
            let text = "Nobody \(nobody.anew("once more")) \nanew"
            let long = """
                A node that goes \
                on
                """
            let raw = #"the "key" stands in line 1"# + "stands for"
            let such = [a, "such"] + "a"
            let name = #"\#(nobody.anew("a")) once more"#
            """##
        #expect(
            findings("a.swift", text) == [
                "1: comes round", "3: anew", "4: Nobody", "4: anew", "4: once more", "6: goes on", "9: stands", "11: once more",
            ])
    }

    @Test("are found in documents and scripts, also across lines")
    func foundInDocuments() {
        #expect(findings("a.md", "# Title\n\nIt is such\na list, too. `nobody`\nToo many, too late.") == ["3: such a", "4: , too"])
        #expect(findings("deploy/a", "#!/bin/sh\n# It goes\n# on.\necho 'in vain'") == ["2: goes on", "4: in vain"])
    }

    @Test(
        "do not include similar phrases that are plain",
        arguments: [
            "Server a/b is going DOWN for maintenance.", "the one that the client connected to", "two failures of its own checks",
            "costs no more than its fields",
            "an active server has come up", "the path stands for the address", "too many, too late, such as",
        ])
    func plain(sentence: String) {
        #expect(findings("a.md", sentence).isEmpty)
    }

    @Test("each have an advice that does not contain the phrase itself")
    func advice() throws {
        for phrase in Phrase.banned {
            let found = try PhraseFinder([phrase]).findings(in: phrase.advice)
            #expect(found.isEmpty && !phrase.advice.isEmpty, "\(phrase.pattern)")
        }
    }
}
