/// The names of types in a Swift source: those that it declares for other files, and all words that could be a type.
struct SwiftNames {
    /// Types that the file declares at its top level, except private ones.
    private(set) var declared: Set<Substring> = []
    /// Words in its code that begin with a capital letter.
    private(set) var used: Set<Substring> = []

    private static let keywords: Set<Substring> = ["struct", "class", "enum", "protocol", "actor", "typealias"]
    /// Words before a keyword that prevent a declaration for other files.
    private static let hiding: Set<Substring> = ["private", "fileprivate", "extension", "func", "let", "var"]

    /// Reads a file's text.
    init(_ text: String) {
        for line in Self.code(of: text).split(separator: "\n") {
            let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
            used.formUnion(words.lazy.filter { $0.first?.isUppercase == true }.map { Substring(String($0)) })
            guard line.first?.isWhitespace == false, let keyword = words.firstIndex(where: Self.keywords.contains), keyword + 1 < words.count else { continue }
            let modifiers = words[..<keyword]
            if Self.hiding.isDisjoint(with: modifiers) { declared.insert(Substring(String(words[keyword + 1]))) }
        }
    }

    /// The text without comments and without the literal parts of strings; interpolations stay.
    static func code(of text: String) -> String {
        var code = ""
        var rest = text[...]
        /// The context of the present position: a string with its closing delimiter, or an interpolation with its open parentheses.
        var surroundings: [Surrounding] = []
        while let character = rest.first {
            switch surroundings.last {
            case .string(let delimiter):
                if rest.hasPrefix(delimiter) {
                    rest.removeFirst(delimiter.count)
                    surroundings.removeLast()
                } else if rest.hasPrefix("\\(") {
                    rest.removeFirst(2)
                    code.append(" ")
                    surroundings.append(.interpolation(parentheses: 0))
                } else {
                    rest.removeFirst(character == "\\" ? min(2, rest.count) : 1)
                    if character == "\n" { code.append("\n") }
                }
                continue
            case .interpolation(let parentheses):
                if character == "(" { surroundings[surroundings.count - 1] = .interpolation(parentheses: parentheses + 1) }
                if character == ")" {
                    surroundings.removeLast()
                    if parentheses > 0 { surroundings.append(.interpolation(parentheses: parentheses - 1)) }
                }
            case nil: break
            }
            if rest.hasPrefix("//") {
                rest = rest.drop { $0 != "\n" }
            } else if rest.hasPrefix("\"") {
                let delimiter = rest.hasPrefix("\"\"\"") ? "\"\"\"" : "\""
                rest.removeFirst(delimiter.count)
                surroundings.append(.string(delimiter))
            } else {
                code.append(character)
                rest.removeFirst()
            }
        }
        return code
    }

    private enum Surrounding {
        case string(String)
        case interpolation(parentheses: Int)
    }
}
