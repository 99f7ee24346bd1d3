import Foundation
import Testing

@Suite("The sources")
struct TidyTests {
    private static let linesMax = 600
    private static let functionLinesMax = 70

    @Test("have at most 600 lines a file")
    func filesStayShort() {
        for file in SourceTree.files(in: "Sources", "Tests", ending: ".swift") {
            #expect(file.lines.count <= Self.linesMax, "\(file.path) has \(file.lines.count) lines: split it by responsibility")
        }
    }

    @Test("have at most 70 lines a function")
    func functionsStayShort() {
        for file in SourceTree.files(in: "Sources", "Tests", ending: ".swift") {
            for (number, line) in file.lines.enumerated() where isFunction(line) && line.hasSuffix("{") {
                let length = length(from: number, in: file)
                #expect(length <= Self.functionLinesMax, "\(file.path):\(number + 1): a function of \(length) lines")
            }
        }
    }

    @Test("document every public and package declaration")
    func declarationsAreDocumented() {
        for file in SourceTree.files(in: "Sources", ending: ".swift") {
            for (number, line) in file.lines.enumerated() where line.unindented.hasPrefix("package ") || line.unindented.hasPrefix("public ") {
                #expect(isDocumented(number, in: file), "\(file.path):\(number + 1): no doc comment above: \(line.unindented)")
            }
        }
    }

    @Test("describe only parameters that the declarations have")
    func describedParametersExist() {
        for file in SourceTree.files(in: "Sources", "Tests", ending: ".swift") where file.path != "Tests/TidyTests/UnknownParameter.swift" {
            for each in UnknownParameter.all(in: file.lines) {
                Issue.record("\(file.path):\(each.line): the declaration below has no parameter '\(each.name)'")
            }
        }
    }

    @Test(
        "take time and chance as values, own their state, and leave nothing open",
        arguments: [
            ("nonisolated(unsafe)", "Sources/LinuxIO/"), ("@unchecked Sendable", "Sources/LinuxIO/"), ("static var ", nil), (".shuffled()", nil),
            (".randomElement()", nil), ("SystemRandomNumberGenerator()", "Sources/NodeAgent/"), ("import Foundation", nil), ("try!", nil),
            ("as!", nil), ("TODO", nil), ("FIXME", nil), ("XXX", nil),
        ] as [(String, String?)])
    func bannedWordsAreAbsent(word: String, allowedFolder: String?) {
        for file in SourceTree.files(in: "Sources", ending: ".swift") where allowedFolder.map({ !file.path.hasPrefix($0) }) ?? true {
            for (number, line) in file.lines.enumerated() where line.contains(word) && !line.unindented.hasPrefix("//") {
                let isComputed = word == "static var " && line.contains("{")
                #expect(isComputed, "\(file.path):\(number + 1): \(word)")
            }
        }
    }

    @Test("keep every random choice reproducible")
    func randomnessIsPassedIn() {
        for file in SourceTree.files(in: "Sources", ending: ".swift") {
            for (number, line) in file.lines.enumerated() where line.contains(".random(in:") {
                #expect(line.contains("using:"), "\(file.path):\(number + 1): random(in:) without using:")
            }
        }
    }

    /// The first one measures how late the machine runs a thread; the second one, this file, contains the banned words.
    private static let mayPause: Set = ["Tests/ClusterTests/RuntimeWatcher.swift", "Tests/TidyTests/TidyTests.swift"]

    @Test("of tests wait for conditions, never for a fixed time")
    func testsDoNotSleep() {
        for file in SourceTree.files(in: "Tests", ending: ".swift") where !Self.mayPause.contains(file.path) {
            guard file.path.split(separator: "/")[1].hasSuffix("Tests") else { continue }
            for (number, line) in file.lines.enumerated() {
                let isPause = ["usleep(", "nanosleep(", ".sleep("].contains { line.contains($0) } || line.unindented.hasPrefix("sleep(")
                #expect(!isPause, "\(file.path):\(number + 1): wait for a condition: `eventually`, or `holds` for what must not happen")
            }
        }
    }

    @Test("of tests have the names in docs/TESTING.md")
    func namedTestsExist() throws {
        let document = try #require(SourceTree.file("docs/TESTING.md"))
        let sources = SourceTree.files(in: "Tests", ending: ".swift")
        let text = sources.flatMap(\.lines).joined(separator: "\n")
        let names = document.lines.flatMap(\.textsInBackticks)
        #expect(names.count > 50)
        for name in Set(names) where !name.contains(" ") && !name.contains("*") {
            if name.hasPrefix("Tests/") || name.hasPrefix("deploy/") {
                #expect(FileManager.default.fileExists(atPath: SourceTree.root.appendingPathComponent(name).path), "no file or folder \(name)")
            } else if name.hasSuffix(".swift") {
                #expect(sources.contains { $0.path.hasSuffix("/" + name) }, "no file \(name)")
            } else if name.hasSuffix("Tests") {
                let isTarget = sources.contains { $0.path.hasPrefix("Tests/\(name)/") }
                #expect(isTarget || text.contains("struct \(name) {"), "no target or suite \(name)")
            }
        }
    }

    @Test("are described by documents whose links have existing targets")
    func linksLeadSomewhere() throws {
        let documents = try SourceTree.files(in: "docs", "deploy", ending: ".md") + SourceTree.rootDocuments()
        for document in documents {
            let folder = SourceTree.root.appendingPathComponent(document.path).deletingLastPathComponent()
            for target in document.lines.flatMap(links) where !target.contains("://") && !target.hasPrefix("#") {
                let path = target.split(separator: "#").first.map(String.init) ?? target
                let exists = FileManager.default.fileExists(atPath: folder.appendingPathComponent(path).path)
                #expect(exists, "\(document.path): no such file: \(target)")
            }
        }
    }

    /// The targets of a line's `[text](target)` links.
    private func links(_ line: String) -> [String] {
        line.components(separatedBy: "](").dropFirst().compactMap { $0.components(separatedBy: ")").first }
    }

    private func isFunction(_ line: String) -> Bool {
        let words = line.unindented.split(separator: " ")
        return words.contains("func") || words.contains { $0.hasPrefix("init(") || $0.hasPrefix("init?(") }
    }

    /// The number of lines from `number` to the brace that closes the function.
    private func length(from number: Int, in file: SourceTree.File) -> Int {
        let indentation = file.lines[number].indentation
        let end = file.lines[(number + 1)...].firstIndex { $0.indentation == indentation && $0.unindented.hasPrefix("}") }
        return (end ?? file.lines.count) - number + 1
    }

    /// True when the declaration has a doc comment, directly above or above its attributes. Consecutive `package let` lines share one.
    private func isDocumented(_ number: Int, in file: SourceTree.File) -> Bool {
        var above = number - 1
        while above >= 0 {
            let line = file.lines[above].unindented
            if line.hasPrefix("///") { return true }
            let belongs = line.hasPrefix("@") || line.hasPrefix("package let ") && file.lines[number].unindented.hasPrefix("package let ")
            guard belongs else { return false }
            above -= 1
        }
        return false
    }
}
