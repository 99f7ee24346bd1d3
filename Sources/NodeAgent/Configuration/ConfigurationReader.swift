import Proxy

/// Parses configuration files, from bytes to an `AgentConfiguration`, without I/O.
///
/// It collects all problems. If one of them is an alert, the configuration must not be used.
struct ConfigurationReader {
    static let fileBytesMax = 16 * 1_024 * 1_024

    private let environment: [String: String]
    private let givenName: String?
    private let sections: ConfigurationSections

    /// Creates a reader of `sections` whose files see `environment` and HAProxy's variables. `localPeer` is the host's name; `givenName`, the name given with
    /// `-L`, takes precedence over it and over `localpeer` in the files.
    init(environment: [String: String], localPeer: String = "localhost", givenName: String? = nil, sections: ConfigurationSections = .all) {
        (self.sections, self.givenName) = (sections, givenName)
        let branch = ConfigurationCondition.version.prefix(2).map(String.init).joined(separator: ".")
        self.environment = environment.merging(["HAPROXY_BRANCH": branch, ConfigurationLexer.localPeerVariable: givenName ?? localPeer]) { $1 }
    }

    /// Parses and checks `files` as if they were one file.
    func read(files: [(name: String, bytes: [UInt8])]) -> (configuration: AgentConfiguration, diagnostics: [Diagnostic]) {
        let (configuration, found) = ConfigurationChecks(draft(of: files)).combine()
        let diagnostics = DiagnosticSummary.combining(found) { sections.extent(of: $0) }
        return (configuration, locating(DiagnosticSummary.limiting(diagnostics), in: files))
    }

    /// Adds the lines of `files` to the diagnostics that do not have theirs.
    func locating(_ diagnostics: [Diagnostic], in files: [(name: String, bytes: [UInt8])]) -> [Diagnostic] {
        var wanted: [String: Set<Int>] = [:]
        for each in diagnostics where each.excerpt == nil { wanted[each.location.file, default: []].insert(each.location.line) }
        var lines: [ConfigurationLocation: ArraySlice<UInt8>] = [:]
        for file in files {
            guard let numbers = wanted.removeValue(forKey: file.name), let last = numbers.max() else { continue }
            for line in SourceLines(file.bytes) {
                if numbers.contains(line.number) { lines[ConfigurationLocation(file: file.name, line: line.number)] = line.bytes }
                if line.number >= last { break }
            }
        }
        return diagnostics.map { diagnostic in
            guard diagnostic.excerpt == nil, let bytes = lines[diagnostic.location] else { return diagnostic }
            var located = diagnostic
            located.excerpt = SourceLine(bytes, environment: environment).excerpt(of: diagnostic.problem, hidesValues: false)
            return located
        }
    }

    /// Parses `files`, without the checks that need all sections.
    func draft(of files: [(name: String, bytes: [UInt8])]) -> ConfigurationDraft {
        let names = files.map(\.name).joined(separator: ";")
        let environment = environment.merging(["HAPROXY_CFGFILES": names]) { $1 }
        var pass = ConfigurationPass(environment: environment, givenName: givenName, sections: sections)
        for file in files { pass.read(file: file.name, bytes: file.bytes) }
        return pass.finished
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

    private var draft = ConfigurationDraft()
    private var lexer: ConfigurationLexer
    private let givenName: String?
    private let sections: ConfigurationSections
    private var blocks = ConfigurationBlocks()
    private var place = Place.nowhere
    /// The name of the open section in messages: "listen mysql".
    private var title: String?

    init(environment: [String: String], givenName: String?, sections: ConfigurationSections) {
        lexer = ConfigurationLexer(environment: environment)
        (self.sections, self.givenName) = (sections, givenName)
    }

    /// All sections, and the environment at the end of the last file.
    var finished: ConfigurationDraft {
        var draft = draft
        draft.global.draft.environment = lexer.environment
        return draft
    }

    /// Parses one file, which must begin with a section.
    mutating func read(file: String, bytes: [UInt8]) {
        closeSection()
        (title, blocks) = (nil, ConfigurationBlocks())
        guard bytes.count <= ConfigurationReader.fileBytesMax else {
            let problem = ConfigurationProblem.tooMany(what: "bytes in a file", limit: ConfigurationReader.fileBytesMax)
            return draft.report(.alert, problem, at: ConfigurationLocation(file: file, line: 1), in: nil)
        }
        for line in SourceLines(bytes) {
            if draft.hasTooManyDiagnostics { break }
            let location = ConfigurationLocation(file: file, line: line.number)
            read(line.bytes, at: location)
            if !line.isComplete { draft.report(.alert, .missingLineFeed, at: location, in: nil) }
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
        let cut: ConfigurationLexer.Line
        do throws(ConfigurationLexer.ReadError) { cut = try split(bytes, first) } catch {
            return report(.alert, error.problem, on: bytes, columns: error.columns, at: location)
        }
        for variable in cut.unsetVariables {
            report(.warning, .unsetVariable(variable.name), on: bytes, columns: variable.columns, at: location)
        }
        var line = ConfigurationLine(
            words: cut.words, columns: cut.columns, location: location, environment: lexer.environment, givenName: givenName)
        // Until the line ends, its environment has no other owner, so that a change does not copy it.
        lexer.environment = [:]
        do throws(ConfigurationProblem) {
            defer {
                lexer.environment = line.environment
                for remark in line.remarks { report(remark.severity, remark.problem, on: line, bytes) }
            }
            try read(&line, first)
        } catch {
            report(.alert, error, on: line, bytes)
            // Afterwards, because the line itself may refer to this name.
            if line.words.count > 1 { draft.recordFailure(of: line.words[1]) }
            skipMisspelledSection(error)
        }
    }

    /// The words of a line. A skipped directive is not split, because its condition may have any form.
    private func split(_ bytes: ArraySlice<UInt8>, _ first: String) throws(ConfigurationLexer.ReadError) -> ConfigurationLexer.Line {
        let isSkipped = first == ".if" && !blocks.isReading || first == ".elif" && !blocks.wantsCondition
        return isSkipped ? ConfigurationLexer.Line(words: [first]) : try lexer.read(bytes)
    }

    private mutating func read(_ line: inout ConfigurationLine, _ first: String) throws(ConfigurationProblem) {
        if first == ".if", !blocks.isReading { return try blocks.open(line: line.location.line, isTrue: false) }
        if first == ".elif", !blocks.wantsCondition { return try blocks.change(first, isTrue: false) }
        guard let word = line.words.first else { return }
        if word.utf8.first == UInt8(ascii: ".") {
            line.next = 1
            return try readDirective(line)
        }
        try readLine(&line)
    }

    private mutating func report(_ severity: DiagnosticSeverity, _ problem: ConfigurationProblem, on line: ConfigurationLine, _ bytes: ArraySlice<UInt8>) {
        let excerpt = SourceLine(bytes, line).excerpt(of: problem, hidesValues: hidesValues(of: bytes))
        draft.report(severity, problem, at: line.location, in: title, excerpt: excerpt)
    }

    /// Reports a problem of `columns` of a line that has not been parsed.
    private mutating func report(
        _ severity: DiagnosticSeverity, _ problem: ConfigurationProblem, on bytes: ArraySlice<UInt8>, columns: Range<Int>, at location: ConfigurationLocation
    ) {
        let excerpt = SourceExcerpt(bytes, columns: columns, hidesValues: hidesValues(of: bytes))
        draft.report(severity, problem, at: location, in: title, excerpt: excerpt)
    }

    /// Whether messages must not show what follows the first word of the line `bytes`.
    private func hidesValues(of bytes: ArraySlice<UInt8>) -> Bool { sections.hidesValues(of: ConfigurationLexer.firstWord(of: bytes), in: title) }

    /// Skips the lines of a section whose name is misspelled: in the section before it, they would cause further errors.
    private mutating func skipMisspelledSection(_ problem: ConfigurationProblem) {
        switch problem {
        case .unknownKeyword(_, let suggestion?) where sections.section(named: suggestion) != nil: closeSection()
        case .outsideSection: break
        default: return
        }
        place = .skipped
    }

    private static let blockDirectives: Set<String> = [".if", ".elif", ".else", ".endif"]
    private static let directives = [".if", ".elif", ".else", ".endif", ".notice", ".warning", ".alert", ".diag"]

    private mutating func readDirective(_ line: ConfigurationLine) throws(ConfigurationProblem) {
        let (words, location) = (line.words, line.location)
        let rest = words.dropFirst().joined(separator: " ")
        switch words[0] {
        case ".if": try blocks.open(line: location.line, isTrue: decideBlock(rest, on: line))
        case ".elif": try blocks.change(".elif", isTrue: ConfigurationCondition.evaluate(rest, environment: line.environment))
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
    private mutating func decideBlock(_ condition: String, on line: ConfigurationLine) -> Bool {
        do throws(ConfigurationProblem) {
            return try ConfigurationCondition.evaluate(condition, environment: line.environment)
        } catch {
            draft.report(.alert, error, at: line.location, in: title)
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
            if let section = ConfigurationSections.foreignSection(named: word) {
                try beginSection(line.words.prefix(2).joined(separator: " "))
                draft.addForeignSection(section)
                throw section.problem
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
