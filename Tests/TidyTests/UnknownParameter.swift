import Testing

/// A parameter that a doc comment describes but the declaration below it does not have.
struct UnknownParameter: Equatable {
    /// The line of the description, from 1.
    let line: Int
    /// The described name.
    let name: String

    private static let keywords: Set = ["func", "init", "subscript", "case"]
    /// The most lines of a signature.
    private static let linesMax = 40

    /// The unknown parameters of a Swift file, in the order of its lines. Reads `- Parameter x:`, and `- x:` in the list below `- Parameters:`.
    static func all(in lines: [String]) -> [UnknownParameter] {
        var (found, described, isList): ([UnknownParameter], [UnknownParameter], Bool) = ([], [], false)
        for (number, line) in lines.enumerated() {
            guard line.unindented.hasPrefix("///") else {
                isList = false
                guard !described.isEmpty else { continue }
                let known = parameters(of: lines[number..<min(number + linesMax, lines.count)])
                found += described.filter { !known.contains($0.name) }
                described = []
                continue
            }
            let text = line.unindented.dropFirst(3)
            var name: Substring?
            if text.hasPrefix(" - Parameter ") { name = text.dropFirst(" - Parameter ".count) }
            if isList, text.hasPrefix("   - ") { name = text.dropFirst("   - ".count) }
            if text.hasPrefix(" - ") { isList = text.hasPrefix(" - Parameters:") }
            if let name = name?.prefix(while: { $0 != ":" }) { described.append(UnknownParameter(line: number + 1, name: String(name))) }
        }
        return found
    }

    /// The names before a colon in the first signature in `lines`.
    private static func parameters(of lines: ArraySlice<String>) -> Set<String> {
        let tokens = SwiftDeclarations.tokens(of: SwiftText(lines.joined(separator: "\n")).code)
        guard let keyword = tokens.firstIndex(where: keywords.contains), let start = tokens[keyword...].firstIndex(of: "(") else { return [] }
        var (names, depth): (Set<String>, Int) = ([], 0)
        for place in start..<tokens.count {
            if tokens[place] == "(" { depth += 1 }
            if tokens[place] == ")" { depth -= 1 }
            if depth == 0 { break }
            if tokens[place] == ":" { names.insert(tokens[place - 1]) }
        }
        return names
    }
}

@Suite("Descriptions of parameters")
struct UnknownParameterTests {
    @Test("name a parameter of the declaration below, which may have several lines")
    func unknown() {
        let text = """
            /// Opens.
            ///
            /// - Parameter path: the file.
            /// - Returns: the file.
            @discardableResult
            func open(_ path: String) {}

            /// - Parameter old: the name before a change.
            init(new: Int) { let old: Int = 1 }

            /// - Parameters:
            ///   - first: a closure,
            ///     in several lines.
            ///   - last: a string.
            ///   - missing: nothing.
            /// - Returns: a list:
            ///   - item: not a parameter.
            func run(
                first: (_ value: Int) -> Void = { _ in }, second last: String = "a \\(first, 1)"
            ) {}

            /// - Parameter subject: the server.
            case effect(Int, about: String)
            """
        let found = UnknownParameter.all(in: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        #expect(found == [.init(line: 8, name: "old"), .init(line: 15, name: "missing"), .init(line: 22, name: "subject")])
    }
}
