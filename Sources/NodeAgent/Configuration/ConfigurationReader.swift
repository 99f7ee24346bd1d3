import Proxy

/// Reads configuration files: from bytes to an `AgentConfiguration`, without I/O.
///
/// All problems are collected; when one of them is an alert, the configuration must not be used.
struct ConfigurationReader {
    static let fileBytesMax = 16 * 1_024 * 1_024
    static let diagnosticsMax = 200
    static let sectionsMax = 4_096

    private let environment: [String: String]

    /// Files see `environment` and HAProxy's variables. `localPeer` is the name given with `-L`, or the host's.
    init(environment: [String: String], localPeer: String = "localhost") {
        let branch = ConfigurationCondition.version.prefix(2).map(String.init).joined(separator: ".")
        self.environment = environment.merging(["HAPROXY_BRANCH": branch, "HAPROXY_LOCALPEER": localPeer]) { $1 }
    }

    /// Reads `files` as if each section of them stood in one file, in their order.
    func read(files: [(name: String, bytes: [UInt8])]) -> (configuration: AgentConfiguration, diagnostics: [Diagnostic]) {
        let names = files.map(\.name).joined(separator: ";")
        var pass = ConfigurationPass(environment: environment.merging(["HAPROXY_CFGFILES": names]) { $1 })
        for file in files { pass.read(file: file.name, bytes: file.bytes) }
        return pass.finish()
    }
}

/// One run over all files.
struct ConfigurationPass {
    /// The section that lines belong to.
    enum OpenSection {
        /// Before the first one.
        case none
        /// A section that tsukada does not read: said once, at its start.
        case skipped
        case global, proxy, resolvers, probe, gossip, database
    }

    let lexer: ConfigurationLexer
    private var blocks = ConfigurationBlocks()
    private(set) var diagnostics: [Diagnostic] = []

    // What is open.
    var section = OpenSection.none
    var place = KeywordPlaces.global
    /// As the file has it: "listen mysql".
    var sectionName: String?
    var openProxy: ProxyDraft?
    /// Where each keyword of the section stands, of all `global` sections together.
    var firstUses: [String: ConfigurationLocation] = [:]
    /// `firstUses` of the `global` sections that are closed.
    var globalUses: [String: ConfigurationLocation] = [:]

    // What is read.
    var global = GlobalSettings()
    var defaults: ProxyDraft?
    var namedDefaults: [ProxyDraft] = []
    var proxies: [ProxyDraft] = []
    var proxyLocations: [String: ConfigurationLocation] = [:]
    var resolvers: [ResolverSettings] = []
    var resolverLocations: [String: ConfigurationLocation] = [:]
    var probes: [ProbeDraft] = []
    var gossips: [GossipDraft] = []
    var databases: [DatabaseDraft] = []

    init(environment: [String: String]) { lexer = ConfigurationLexer(environment: environment) }

    /// True once something makes the configuration unusable.
    var hasAlert: Bool { diagnostics.contains { $0.severity == .alert } }

    mutating func say(_ severity: DiagnosticSeverity, _ problem: ConfigurationProblem, at location: ConfigurationLocation, in section: String?) {
        guard diagnostics.count < ConfigurationReader.diagnosticsMax else { return }
        let isLast = diagnostics.count == ConfigurationReader.diagnosticsMax - 1
        let problem = isLast ? .tooMany(what: "problems: the others are not shown", limit: ConfigurationReader.diagnosticsMax - 1) : problem
        diagnostics.append(Diagnostic(severity: isLast ? .alert : severity, location: location, section: section, problem: problem))
    }

    /// Reads one file, which starts with a section of its own.
    mutating func read(file: String, bytes: [UInt8]) {
        closeSection()
        (section, sectionName, blocks) = (.none, nil, ConfigurationBlocks())
        guard bytes.count <= ConfigurationReader.fileBytesMax else {
            let problem = ConfigurationProblem.tooMany(what: "bytes in a file", limit: ConfigurationReader.fileBytesMax)
            return say(.alert, problem, at: ConfigurationLocation(file: file, line: 1), in: nil)
        }
        // Editors on Windows begin a text with the mark for UTF-8.
        var rest = bytes.dropFirst(bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0)
        var number = 0
        while !rest.isEmpty, diagnostics.count < ConfigurationReader.diagnosticsMax {
            let end = rest.firstIndex(of: 0x0a)
            number += 1
            let location = ConfigurationLocation(file: file, line: number)
            read(rest[..<(end ?? rest.endIndex)], at: location)
            if end == nil { say(.alert, .missingLineFeed, at: location, in: nil) }
            rest = end.map { rest[($0 + 1)...] } ?? []
        }
        if let line = blocks.openLine {
            let problem = ConfigurationProblem.misplacedDirective(".if", advice: "end the block with '.endif'")
            say(.alert, problem, at: ConfigurationLocation(file: file, line: line), in: nil)
        }
        closeSection()
    }

    /// One line: a directive, the start of a section, or a keyword of the section.
    private mutating func read(_ bytes: ArraySlice<UInt8>, at location: ConfigurationLocation) {
        let first = ConfigurationLexer.firstWord(of: bytes)
        if first.isEmpty || !(blocks.isReading || Self.blockDirectives.contains(first)) { return }
        do throws(ConfigurationProblem) {
            if first == ".if", !blocks.isReading { return try blocks.open(line: location.line, isTrue: false) }
            if first == ".elif", !blocks.wantsCondition { return try blocks.change(first, isTrue: false) }
            let cut = try lexer.read(bytes)
            for name in cut.unsetVariables { say(.warning, .unsetVariable(name), at: location, in: sectionName) }
            guard let word = cut.words.first else { return }
            if word.utf8.first == UInt8(ascii: ".") { return try readDirective(cut.words, at: location) }
            var line = ConfigurationLine(words: cut.words, location: location, environment: lexer.environment)
            defer { for remark in line.remarks { say(remark.severity, remark.problem, at: location, in: sectionName) } }
            try readLine(&line)
        } catch {
            say(.alert, error, at: location, in: sectionName)
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
        case ".notice": say(.notice, .message(rest), at: location, in: nil)
        case ".warning": say(.warning, .message(rest), at: location, in: nil)
        case ".alert": say(.alert, .message(rest), at: location, in: nil)
        case ".diag": break
        default: throw .unknownDirective(words[0], suggestion: Spelling.nearest(to: words[0], among: Self.directives))
        }
    }

    /// A condition that cannot be decided counts as false, so that its `.endif` still ends it.
    private mutating func decideBlock(_ condition: String, at location: ConfigurationLocation) -> Bool {
        do throws(ConfigurationProblem) {
            return try ConfigurationCondition.evaluate(condition, environment: lexer.environment)
        } catch {
            say(.alert, error, at: location, in: sectionName)
            return false
        }
    }

    private mutating func readLine(_ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        if let prefix = line.peek, line.words.count > 1, prefix == "no" || prefix == "default" {
            line.prefix = prefix == "no" ? .no : .standard
            line.next = 1
        }
        if line.prefix == .nothing, let name = line.peek, SectionHeader.isSection(name) { return try openSection(name, &line) }
        switch section {
        case .skipped: return
        case .none:
            let word = line.peek ?? ""
            throw .outsideSection(word, suggestion: Spelling.nearest(to: word, among: SectionHeader.names))
        case .global, .proxy, .resolvers, .probe, .gossip, .database: try readKeyword(&line)
        }
    }

    /// Keywords that say the same thing in another way.
    private static let synonyms = ["uid": "user", "gid": "group", "enabled": "disabled"]

    /// A line of the open section.
    private mutating func readKeyword(_ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard let keyword = KeywordSearch(line, in: place).found else { return try refuseKeyword(line) }
        line.keyword = keyword.name
        line.shape = keyword.arguments
        line.next += keyword.name.contains(" ") ? 2 : 1
        if line.prefix != .nothing, keyword.inversion == .none || (line.prefix == .standard && !keyword.name.hasPrefix("option ")) {
            throw .notInvertible(keyword.name, prefix: line.words[0])
        }
        if line.prefix == .nothing, line.words.count - line.next < keyword.argumentCounts.lowerBound {
            throw .missingArgument(of: keyword.name, shape: keyword.arguments)
        }
        if keyword.repetition == .once, let first = firstUses.updateValue(line.location, forKey: Self.synonyms[keyword.name] ?? keyword.name) {
            line.warn(.overwritten(keyword.name, first: first))
        }
        try apply(keyword, &line)
        try line.end()
    }

    private mutating func apply(_ keyword: Keyword, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        switch keyword.action {
        case .global(let apply): try apply(&global, &line)
        case .proxy(let apply):
            guard var proxy = openProxy else { return }
            openProxy = nil
            defer { openProxy = proxy }
            try apply(&proxy, &line)
        case .resolvers(let apply): if !resolvers.isEmpty { try apply(&resolvers[resolvers.count - 1], &line) }
        case .probe(let apply): if !probes.isEmpty { try apply(&probes[probes.count - 1], &line) }
        case .gossip(let apply): if !gossips.isEmpty { try apply(&gossips[gossips.count - 1], &line) }
        case .database(let apply): if !databases.isEmpty { try apply(&databases[databases.count - 1], &line) }
        case .bind, .server, .statsSocket: preconditionFailure("'\(keyword.name)' is an option, not a line")
        }
    }

    /// A line whose keyword the section does not have.
    private mutating func refuseKeyword(_ line: ConfigurationLine) throws(ConfigurationProblem) {
        let search = KeywordSearch(line, in: place)
        switch (search.problem, place) {
        case (.http(let name, _), .defaults):
            say(.notice, search.problem, at: line.location, in: sectionName)
            if name == "option httplog" { openProxy?.frontend.log.sessions = .tcp }
        case (.noEffect, .global), (.noEffect, .defaults): say(.notice, search.problem, at: line.location, in: sectionName)
        case (.noEffect, _): say(.warning, search.problem, at: line.location, in: sectionName)
        default: throw search.problem
        }
    }
}

/// Looks a line's keyword up: two words first, then one.
private struct KeywordSearch {
    let one: String
    let two: String
    let place: KeywordPlaces

    init(_ line: ConfigurationLine, in place: KeywordPlaces) {
        one = line.peek ?? ""
        two = line.next + 1 < line.words.count ? "\(one) \(line.words[line.next + 1])" : one
        self.place = place
    }

    var found: Keyword? { KeywordTable.keyword(two, in: place) ?? KeywordTable.keyword(one, in: place) }

    /// Why there is none.
    var problem: ConfigurationProblem {
        if let problem = ForeignKeywords.problem(with: two, in: place) ?? ForeignKeywords.problem(with: one, in: place) { return problem }
        for name in [two, one] {
            let places = KeywordTable.places(of: name)
            if places.isEmpty || (name == one && two != one && places.isSubset(of: .lines)) { continue }
            return problem(withMisplaced: name, places)
        }
        let words = KeywordTable.secondWords(of: one, in: place)
        if !words.isEmpty {
            guard two != one else { return .missingArgument(of: one, shape: words.joined(separator: "|")) }
            let word = String(two.dropFirst(one.count + 1))
            return .unknownWord(word, of: one, allowed: words, suggestion: Spelling.nearest(to: word, among: words))
        }
        // What is joined to a keyword of `database` may be a password, which is not quoted: "password=...".
        let end = place == .database ? one.firstIndex { "=:".contains($0) } : nil
        let name = String(one[..<(end ?? one.endIndex)])
        let suggestion = Spelling.nearest(to: name, among: KeywordTable.firstWords(in: place) + SectionHeader.names)
        return .unknownKeyword(end.map { "\(name)\(one[$0])..." } ?? one, suggestion: suggestion)
    }

    /// Keywords that HAProxy refuses in a frontend, where it ignores the other keywords of backends.
    private static let servers: Set<String> = ["server", "server-template", "default-server"]

    /// A keyword of the other side has no effect, as in HAProxy; anything else stands in the wrong section.
    private func problem(withMisplaced name: String, _ places: KeywordPlaces) -> ConfigurationProblem {
        let proxies = places.intersection(.namedProxy)
        guard KeywordPlaces.namedProxy.contains(place), !proxies.isEmpty, !Self.servers.contains(name) else { return .misplaced(name, places: places) }
        return .noEffect(name, advice: "move it to \(proxies.description)")
    }
}
