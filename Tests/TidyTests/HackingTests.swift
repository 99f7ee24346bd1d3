import Foundation
import Testing

@Suite("HACKING.md")
struct HackingTests {
    /// Words in backticks that are neither in the repository nor declared in its sources.
    private static let allowed: Set = ["greeting-timeout", "nil", "show retries", "switch"]
    /// Programs that commands may begin with, besides the files of the repository.
    private static let programs: Set = ["swift", "tsukada", "Simulator"]
    private static let linesMax = 220

    private static let sources = SourceTree.files(in: "Sources", "Tests", ending: ".swift")
    private static let declarations = declarations(of: sources)

    private static func declarations(of files: [SourceTree.File]) -> SwiftDeclarations {
        files.reduce(into: SwiftDeclarations()) { $0.add($1.text) }
    }

    private let lines: [String]

    init() throws {
        lines = try #require(SourceTree.file("HACKING.md")).lines
    }

    /// Text in backticks outside code blocks, with its line.
    private var quotations: [(line: Int, text: String)] {
        lines.enumerated().filter { $0.element.indentation < 4 }.flatMap { number, line in
            line.textsInBackticks.map { (number + 1, $0) }
        }
    }

    /// Words in code blocks, with their lines.
    private var blockWords: [(line: Int, text: Substring)] {
        lines.enumerated().filter { $0.element.indentation >= 4 }.flatMap { number, line in
            line.split { " ,:;|".contains($0) }.map { (number + 1, $0) }
        }
    }

    private func exists(_ path: some StringProtocol) -> Bool {
        FileManager.default.fileExists(atPath: SourceTree.root.appendingPathComponent(String(path)).path)
    }

    private func isFile(named name: some StringProtocol) -> Bool { exists(name) || Self.sources.contains { $0.path.hasSuffix("/" + name) } }

    /// True for a command: a file of the repository, or a program.
    private func isCommand(_ words: [Substring]) -> Bool {
        guard let first = words.first, words.count > 1 else { return false }
        return exists(first) || Self.programs.contains(String(first.hasPrefix(".build/") ? first.split(separator: "/").last ?? "" : first))
    }

    /// True for a declared name, a path, a file's name, a command or an allowed word.
    private func isKnown(_ text: String) -> Bool {
        if Self.declarations.names.contains(text) || Self.allowed.contains(text) { return true }
        if text.contains(" ") { return isCommand(text.split(separator: " ")) }
        return text.contains("/") ? exists(text) : text.contains(".") && isFile(named: text)
    }

    @Test("names only files, symbols and commands that exist")
    func namesExist() {
        #expect(quotations.count > 100)
        for (number, line) in lines.enumerated() { #expect(line.count { $0 == "`" } % 2 == 0, "HACKING.md:\(number + 1): an unclosed backtick") }
        for (line, text) in quotations {
            #expect(isKnown(text), "HACKING.md:\(line): `\(text)` is neither a path nor a name that a source declares, nor a command or an allowed word")
        }
    }

    @Test("shows each function beside the file that declares it")
    func blocksExist() {
        var (filesCount, functionsCount) = (0, 0)
        var declared = SwiftDeclarations()
        for (line, word) in blockWords {
            if ["deploy/", "Sources/", "Tests/"].contains(where: word.hasPrefix) { #expect(exists(word), "HACKING.md:\(line): no file \(word)") }
            if word.hasSuffix(".swift"), !word.contains("/") {
                let files = Self.sources.filter { $0.path.hasSuffix("/" + word) }
                #expect(!files.isEmpty || exists(word), "HACKING.md:\(line): no file \(word)")
                declared = Self.declarations(of: files)
                filesCount += 1
            }
            if word.hasSuffix("()") {
                let isDeclared = declared.names.contains(String(word.dropLast(2)))
                #expect(isDeclared, "HACKING.md:\(line): no function \(word) in the file before it")
                functionsCount += 1
            }
        }
        #expect(filesCount > 10 && functionsCount > 20)
    }

    @Test("uses every allowed word, and none that exists anyway")
    func allowedWordsAreUsed() {
        #expect(Self.allowed.subtracting(quotations.map(\.text)).sorted() == [])
        for word in Self.allowed { #expect(!Self.declarations.names.contains(word) && !exists(word), "\(word) is known without the list") }
    }

    @Test("stays short")
    func staysShort() { #expect(lines.count <= Self.linesMax + 1) }
}

@Suite("Declarations in a Swift source")
struct SwiftDeclarationsTests {
    @Test("are those of types, extensions and the top level, with their labels")
    func declarations() {
        var found = SwiftDeclarations()
        found.add(
            ##"""
            package struct Outer<Value: Equatable>: ~Copyable where Value: Sendable {
                static let all = [1]
                static let text = "{ func inString() } \(Value.self { $0 })"
                private(set) var (first, second) = (0, 0)
                enum Inner: UInt8 { case one = 1, two(Int, label: String) }
                init?(_ value: Value, for other: Int = { 3 }()) { let local = 1 }
                mutating func take<Other>(_ other: Other, from source: (Int, String) -> Void, now: Int) throws -> Bool {
                    func inside() {}
                    switch self { case .hidden: break }
                    return true
                }
                func mark(_ text: String = "\(Value.self, 1) of \(first)", by author: Int) {}
                var computed: Int { let inner = 1; return inner }
                let raw = #"a " quote { "#
            }
            extension Outer.Inner { func show() {} }
            extension [UInt8] { mutating func write() {} }
            func free() {}
            """##)
        let expected: Set<String> = [
            "Outer", "all", "Outer.all", "text", "Outer.text", "first", "Outer.first", "second", "Outer.second", "Inner", "Outer.Inner", "one", "Inner.one",
            "two", "Inner.two",
            "init", "init(_:for:)", "Outer.init", "Outer.init(_:for:)", "take", "take(_:from:now:)", "Outer.take", "Outer.take(_:from:now:)", "computed",
            "Outer.computed", "mark", "mark(_:by:)", "Outer.mark", "Outer.mark(_:by:)",
            "raw", "Outer.raw", "show", "show()", "Inner.show", "Inner.show()", "write", "write()", "Array.write", "Array.write()", "free",
            "free()",
        ]
        #expect(found.names == expected, "\(found.names.symmetricDifference(expected).sorted())")
    }
}
