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
        for line in SwiftText(text).code.split(separator: "\n") {
            let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
            used.formUnion(words.lazy.filter { $0.first?.isUppercase == true }.map { Substring(String($0)) })
            guard line.first?.isWhitespace == false, let keyword = words.firstIndex(where: Self.keywords.contains), keyword + 1 < words.count else { continue }
            let modifiers = words[..<keyword]
            if Self.hiding.isDisjoint(with: modifiers) { declared.insert(Substring(String(words[keyword + 1]))) }
        }
    }
}
