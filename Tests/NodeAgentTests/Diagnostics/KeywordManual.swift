/// HAProxy's keywords, as its manual lists them.
///
/// A fixture contains the list, so that the tests do not need the manual. `keywords(in:)` extracts it again from `configuration.txt`:
///
///     chapter 3             " - NAME" in the list of the keywords of 'global'
///     chapter 4.1           the first column of the matrix, without "(*)" and "(deprecated)"
///     chapters of sections  paragraphs that begin in the first column with a lower-case letter or a digit and continue with an indented line;
///     and of options        their words up to the first argument, which begins with one of <[{(
enum KeywordManual {
    /// One keyword, with a place that has it: a section, or the line "bind" or "server". Keywords of proxies are those of "listen".
    struct Keyword: Hashable, Comparable {
        let place: String
        let name: String

        static func < (left: Keyword, right: Keyword) -> Bool { (left.place, left.name) < (right.place, right.name) }
    }

    /// The lists of the fixture.
    enum Origin: String, CaseIterable {
        /// What `keywords(in:)` finds in HAProxy 2.6's manual.
        case manual
        /// Other keywords of 2.6: described outside these chapters, or registered by the program only.
        case other
        /// Keywords of HAProxy 2.7 to 3.5.
        case newer
    }

    static let fixture = "Tests/NodeAgentTests/Fixtures/Configuration/haproxy-keywords.txt"
    static let source = "/usr/share/doc/haproxy/configuration.txt.gz"

    /// The keywords of the fixture, in its order.
    static func list() throws -> [(keyword: Keyword, origin: Origin)] {
        var origin = Origin.manual
        var list: [(keyword: Keyword, origin: Origin)] = []
        for line in try Configuration.lines(ofPackageFile: fixture) where !line.isEmpty {
            if line.hasPrefix("# === ") { origin = Origin(rawValue: String(line.dropFirst(6).prefix { $0 != ":" })) ?? origin }
            guard !line.hasPrefix("#"), let blank = line.firstIndex(of: " ") else { continue }
            list.append((Keyword(place: String(line[..<blank]), name: String(line[line.index(after: blank)...])), origin))
        }
        return list
    }

    /// The chapters that list keywords, and their places.
    private static let chapters = [
        "3.": "global", "3.1.": "global", "3.2.": "global", "3.3.": "global", "3.4.": "userlist", "3.5.": "peers", "3.6.": "mailers", "3.7.": "program",
        "3.8.": "http-errors", "3.9.": "ring", "3.10.": "log-forward", "4.1.": "listen", "5.1.": "bind", "5.2.": "server", "5.3.2.": "resolvers",
        "6.2.1.": "cache", "10.1.1.": "fcgi-app",
    ]

    /// Extracts the keywords from the text of HAProxy 2.6's manual, sorted.
    static func keywords(in text: String) -> [Keyword] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var found: Set<Keyword> = []
        var chapter = ""
        var index = 0
        while index < lines.count {
            let line = lines[index]
            let number = String(line.prefix { $0.isNumber || $0 == "." })
            if number.hasSuffix("."), line.dropFirst(number.count).first == " ", index + 1 < lines.count, lines[index + 1].hasPrefix("---") {
                chapter = number
            }
            guard let place = chapters[chapter] else {
                index += 1
                continue
            }
            switch chapter {
            case "3.": if line.hasPrefix("   - ") { found.insert(Keyword(place: place, name: String(line.dropFirst(5).prefix { $0 != " " }))) }
            case "4.1.": if let name = nameInMatrix(line) { found.insert(Keyword(place: place, name: name)) }
            default:
                let headings = headings(lines[index...], isFirst: index == 0 || lines[index - 1].isEmpty)
                for heading in headings { if let keyword = keyword(of: heading, place) { found.insert(keyword) } }
                index += max(0, headings.count - 1)
            }
            index += 1
        }
        return found.sorted()
    }

    /// The keyword of a row of the matrix, which ends in a mark for each of four kinds of sections.
    private static func nameInMatrix(_ line: Substring) -> String? {
        let words = line.split(separator: " ").filter { !["(*)", "(!)", "(deprecated)"].contains($0) }
        guard words.count > 4, words.suffix(4).allSatisfy({ $0 == "X" || $0 == "-" }) else { return nil }
        return words.dropLast(4).joined(separator: " ")
    }

    /// The lines at the front of `lines` that begin the description of keywords.
    private static func headings(_ lines: ArraySlice<Substring>, isFirst: Bool) -> [Substring] {
        guard isFirst else { return [] }
        let group = lines.prefix { $0.first.map { $0 != " " } ?? false }
        guard let next = lines.dropFirst(group.count).first, next.hasPrefix("  ") else { return [] }
        return group.allSatisfy { $0.first.map { $0.isLowercase || $0.isNumber } ?? false } ? Array(group) : []
    }

    private static func keyword(of heading: Substring, _ place: String) -> Keyword? {
        let words = heading.split(separator: " ").prefix { word in !"<[{(".contains(word.first ?? "<") }
        guard let first = words.first, first != "no" else { return nil }
        if first == place { return Keyword(place: "section", name: place) }
        let isOption = place == "bind" || place == "server"
        return Keyword(place: place, name: isOption ? String(first) : words.joined(separator: " "))
    }
}
