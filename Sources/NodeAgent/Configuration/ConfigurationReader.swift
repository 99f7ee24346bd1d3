import Proxy

/// Parses configuration files, from bytes to an `AgentConfiguration`, without I/O.
///
/// It collects all problems. If one of them is an alert, the configuration must not be used.
struct ConfigurationReader {
    static let fileBytesMax = 16 * 1_024 * 1_024

    private let environment: [String: String]
    private let sections: ConfigurationSections

    /// Creates a reader of `sections` whose files see `environment` and HAProxy's variables. `localPeer` is the name given with `-L`, or the host's.
    init(environment: [String: String], localPeer: String = "localhost", sections: ConfigurationSections = .all) {
        self.sections = sections
        let branch = ConfigurationCondition.version.prefix(2).map(String.init).joined(separator: ".")
        self.environment = environment.merging(["HAPROXY_BRANCH": branch, "HAPROXY_LOCALPEER": localPeer]) { $1 }
    }

    /// Parses and checks `files` as if they were one file.
    func read(files: [(name: String, bytes: [UInt8])]) -> (configuration: AgentConfiguration, diagnostics: [Diagnostic]) {
        ConfigurationChecks(draft(of: files)).combine()
    }

    /// Parses `files`, without the checks that need all sections.
    func draft(of files: [(name: String, bytes: [UInt8])]) -> ConfigurationDraft {
        let names = files.map(\.name).joined(separator: ";")
        var pass = ConfigurationPass(environment: environment.merging(["HAPROXY_CFGFILES": names]) { $1 }, sections: sections)
        for file in files { pass.read(file: file.name, bytes: file.bytes) }
        return pass.draft
    }
}

/// One pass over all files.
private struct ConfigurationPass {
    /// The owner of the following lines.
    private enum Place {
        /// No section yet.
        case nowhere
        /// A section that is not read, which is reported once, at its beginning.
        case skipped
        case section(any ConfigurationSection)
    }

    private(set) var draft = ConfigurationDraft()
    private let lexer: ConfigurationLexer
    private let sections: ConfigurationSections
    private var blocks = ConfigurationBlocks()
    private var place = Place.nowhere
    /// The name of the open section in messages: "listen mysql".
    private var title: String?

    init(environment: [String: String], sections: ConfigurationSections) {
        lexer = ConfigurationLexer(environment: environment)
        self.sections = sections
    }

    /// Parses one file, which must begin with a section.
    mutating func read(file: String, bytes: [UInt8]) {
        closeSection()
        (title, blocks) = (nil, ConfigurationBlocks())
        guard bytes.count <= ConfigurationReader.fileBytesMax else {
            let problem = ConfigurationProblem.tooMany(what: "bytes in a file", limit: ConfigurationReader.fileBytesMax)
            return draft.report(.alert, problem, at: ConfigurationLocation(file: file, line: 1), in: nil)
        }
        // Editors on Windows begin a file with the byte order mark of UTF-8.
        var rest = bytes.dropFirst(bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0)
        var number = 0
        while !rest.isEmpty, draft.diagnostics.count < ConfigurationDraft.diagnosticsMax {
            let end = rest.firstIndex(of: 0x0a)
            number += 1
            let location = ConfigurationLocation(file: file, line: number)
            read(rest[..<(end ?? rest.endIndex)], at: location)
            if end == nil { draft.report(.alert, .missingLineFeed, at: location, in: nil) }
            rest = end.map { rest[($0 + 1)...] } ?? []
        }
        if let line = blocks.openLine {
            let problem = ConfigurationProblem.misplacedDirective(".if", advice: "end the block with '.endif'")
            draft.report(.alert, problem, at: ConfigurationLocation(file: file, line: line), in: nil)
        }
        closeSection()
    }

    /// Parses one line: a directive, the beginning of a section, or a keyword of the open section.
    private mutating func read(_ bytes: ArraySlice<UInt8>, at location: ConfigurationLocation) {
        let first = ConfigurationLexer.firstWord(of: bytes)
        if first.isEmpty || !(blocks.isReading || Self.blockDirectives.contains(first)) { return }
        do throws(ConfigurationProblem) {
            if first == ".if", !blocks.isReading { return try blocks.open(line: location.line, isTrue: false) }
            if first == ".elif", !blocks.wantsCondition { return try blocks.change(first, isTrue: false) }
            let cut = try lexer.read(bytes)
            for name in cut.unsetVariables { draft.report(.warning, .unsetVariable(name), at: location, in: title) }
            guard let word = cut.words.first else { return }
            if word.utf8.first == UInt8(ascii: ".") { return try readDirective(cut.words, at: location) }
            var line = ConfigurationLine(words: cut.words, location: location, environment: lexer.environment)
            defer { for remark in line.remarks { draft.report(remark.severity, remark.problem, at: location, in: title) } }
            try readLine(&line)
        } catch {
            draft.report(.alert, error, at: location, in: title)
        }
    }

    private static let blockDirectives: Set<String> = [".if", ".elif", ".else", ".endif"]
    private static let directives = [".if", ".elif", ".else", ".endif", ".notice", ".warning", ".alert", ".diag"]

    private mutating func readDirective(_ words: [String], at location: ConfigurationLocation) throws(ConfigurationProblem) {
        let rest = words.dropFirst().joined(separator: " ")
        switch words[0] {
        case ".if": try blocks.open(line: location.line, isTrue: decideBlock(rest, at: location))
        case ".elif": try blocks.change(".elif", isTrue: ConfigurationCondition.evaluate(rest, environment: lexer.environment))
        case ".else", ".endif":
            if let word = words.dropFirst().first { throw .surplusArgument(word, of: words[0], shape: "") }
            if words[0] == ".else" { try blocks.change(".else", isTrue: true) } else { try blocks.close() }
        case ".notice": draft.report(.notice, .message(rest), at: location, in: nil)
        case ".warning": draft.report(.warning, .message(rest), at: location, in: nil)
        case ".alert": draft.report(.alert, .message(rest), at: location, in: nil)
        case ".diag": break
        default: throw .unknownDirective(words[0], suggestion: Spelling.nearest(to: words[0], among: Self.directives))
        }
    }

    /// Evaluates a condition. An invalid one counts as false, so that its `.endif` still ends the block.
    private mutating func decideBlock(_ condition: String, at location: ConfigurationLocation) -> Bool {
        do throws(ConfigurationProblem) {
            return try ConfigurationCondition.evaluate(condition, environment: lexer.environment)
        } catch {
            draft.report(.alert, error, at: location, in: title)
            return false
        }
    }

    /// Parses a line of the open section, or the beginning of another one.
    private mutating func readLine(_ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        if let prefix = line.peek, line.words.count > 1, prefix == "no" || prefix == "default" {
            line.prefix = prefix == "no" ? .no : .standard
            line.next = 1
        }
        let word = line.peek ?? ""
        if line.prefix == .nothing {
            if let kind = sections.section(named: word) { return try open(kind, &line) }
            if let problem = ConfigurationSections.problem(withForeign: word) {
                try beginSection(line.words.prefix(2).joined(separator: " "))
                throw problem
            }
        }
        switch place {
        case .nowhere:
            let suggestion = Spelling.nearest(to: word, among: sections.names)
            throw .outsideSection(word, sections: sections.names, suggestion: suggestion)
        case .skipped: return
        case .section(var section):
            // Remove the section from `place` while it changes, so that its lists are not copied.
            place = .nowhere
            defer { place = .section(section) }
            try section.read(&line, among: sections)
        }
    }

    private mutating func open(_ kind: any ConfigurationSection.Type, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        line.keyword = kind.name
        line.next += 1
        try beginSection(kind.title(argument: line.peek))
        var section = kind.init(at: line.location)
        defer { place = .section(section) }
        try section.open(&line, in: &draft)
    }

    /// Closes the open section and begins the next one, whose lines are skipped unless `open` opens it.
    private mutating func beginSection(_ title: String) throws(ConfigurationProblem) {
        closeSection()
        (place, self.title) = (.skipped, title)
        if draft.isFull { throw .tooMany(what: "sections", limit: ConfigurationDraft.sectionsMax) }
    }

    /// Ends the open section.
    private mutating func closeSection() {
        if case .section(let section) = place { section.finish(in: &draft) }
        place = .nowhere
    }
}
