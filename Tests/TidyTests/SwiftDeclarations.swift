/// The names that Swift sources declare, except those inside functions.
struct SwiftDeclarations {
    /// Types, members and functions, alone ("merge") and with the innermost type that declares them ("SharedTables.merge"). Functions and initializers also
    /// with their labels ("merge(_:from:)").
    private(set) var names: Set<String> = []

    private static let types: Set<String> = ["struct", "class", "enum", "protocol", "actor", "extension"]

    /// A walk over the tokens of one file.
    private struct Walk {
        var tokens: [String]
        var next = 0
        /// The type of each open brace; `nil` for a body of another kind.
        var scopes: [String?] = []
        /// The type whose brace is about to open.
        var opening: String?

        var token: String? { next < tokens.count ? tokens[next] : nil }
        /// True where a declaration is visible in other places of the sources.
        var isVisible: Bool { scopes.allSatisfy { $0 != nil } }
    }

    /// Adds the declarations of a file.
    mutating func add(_ text: String) {
        var walk = Walk(tokens: Self.tokens(of: SwiftText(text).code))
        while let token = walk.token {
            let previous = walk.next > 0 ? walk.tokens[walk.next - 1] : ""
            walk.next += 1
            switch token {
            case "{":
                walk.scopes.append(walk.opening)
                walk.opening = nil
            case "}": _ = walk.scopes.popLast()
            case _ where !walk.isVisible || previous == ".": continue
            case _ where Self.types.contains(token): addType(token, &walk)
            case "typealias", "associatedtype": declare(walk.token, in: walk)
            case "var", "let": addVariable(&walk)
            case "case": addCases(walk)
            case "func", "init": addFunction(token, walk)
            default: continue
            }
        }
    }

    private mutating func declare(_ name: String?, labels: String = "", in walk: Walk) {
        guard let name, let first = name.first, first.isLetter || first == "_" else { return }
        let type = walk.scopes.last.flatMap(\.self).map { $0 + "." } ?? ""
        names.formUnion([name, name + labels, type + name, type + name + labels])
    }

    private mutating func addType(_ keyword: String, _ walk: inout Walk) {
        // "class" is also a modifier.
        guard let name = walk.token, name.first?.isLetter == true || name == "[", !["func", "var", "let"].contains(name) else { return }
        if keyword != "extension" { declare(name, in: walk) }
        var last = name == "[" ? "Array" : name
        while walk.next + 2 < walk.tokens.count, walk.tokens[walk.next + 1] == ".", walk.tokens[walk.next + 2].first?.isLetter == true {
            walk.next += 2
            last = walk.tokens[walk.next]
        }
        walk.opening = last
    }

    private mutating func addVariable(_ walk: inout Walk) {
        guard walk.token == "(" else { return declare(walk.token, in: walk) }
        while let token = walk.token, token != ")" {
            declare(token, in: walk)
            walk.next += 1
        }
    }

    private mutating func addCases(_ walk: Walk) {
        var (place, depth, isName) = (walk.next, 0, true)
        while place < walk.tokens.count, walk.tokens[place] != "\n" || depth > 0 {
            let token = walk.tokens[place]
            if isName { declare(token, in: walk) }
            if token == "(" { depth += 1 }
            if token == ")" { depth -= 1 }
            isName = token == "," && depth == 0
            place += 1
        }
    }

    private mutating func addFunction(_ keyword: String, _ walk: Walk) {
        let name = keyword == "init" ? keyword : walk.token
        var place = walk.next
        while place < walk.tokens.count, walk.tokens[place] != "(", walk.tokens[place] != "{" { place += 1 }
        guard place < walk.tokens.count, walk.tokens[place] == "(" else { return declare(name, in: walk) }
        var (labels, depth, isLabel) = ("(", 0, true)
        repeat {
            let token = walk.tokens[place]
            if ["(", "[", "<", "{"].contains(token) { depth += 1 }
            if [")", "]", "}"].contains(token) || token == ">" && walk.tokens[place - 1] != "-" { depth -= 1 }
            if depth == 1, isLabel, token.first?.isLetter == true || token == "_" {
                labels += token + ":"
                isLabel = false
            }
            if depth == 1, token == "," { isLabel = true }
            place += 1
        } while place < walk.tokens.count && depth > 0
        declare(name, labels: labels + ")", in: walk)
    }

    /// Words, punctuation characters and line feeds.
    static func tokens(of code: String) -> [String] {
        var tokens: [String] = []
        var word: [UInt8] = []
        for byte in code.utf8 {
            let isWord = byte >= 0x80 || byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte & 0xdf)
            if isWord {
                word.append(byte)
                continue
            }
            if !word.isEmpty { tokens.append(String(decoding: word, as: UTF8.self)) }
            word = []
            if byte != UInt8(ascii: " ") { tokens.append(String(UnicodeScalar(byte))) }
        }
        if !word.isEmpty { tokens.append(String(decoding: word, as: UTF8.self)) }
        return tokens
    }
}
