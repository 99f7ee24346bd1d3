import Proxy
import Wire

/// A `probe` section being parsed.
struct ProbeDraft: Sendable {
    /// `require` before the proxy is looked up.
    struct Requirement: Sendable {
        let proxy: NameReference
        let serversMin: Int
    }

    var settings = ProbeSettings(name: "")
    var requirements: [Requirement] = []
}

/// `probe`, a section of tsukada: reports to the load balancer whether this node should get traffic.
struct ProbeSection: ConfigurationSection {
    static let name = "probe"
    static let requirementsMax = 64

    let location: ConfigurationLocation
    var draft = ProbeDraft()
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) { self.location = location }

    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        line.shape = "<name>"
        let name = try line.takeName()
        draft.settings.name = name
        try configuration.registerUnique(name, kind: "'probe' section", at: location)
        try line.end()
    }

    static let keywords = KeywordTable<ProbeDraft>([
        Keyword("bind", .probe, "<address:port>[,...]", repetition: .many, "Address that the load balancer probes.", bind),
        Keyword("drain", .probe, "<time>", "How long the ports accept connections after a drain has made the probe fail; default 0.", drain),
        Keyword("mode", .probe, "tcp|http", "`tcp` accepts or refuses connections, `http` answers 200 or 503; default `tcp`.", mode),
        Keyword("require", .probe, "<proxy> <number>", repetition: .many, "Minimum number of usable servers of this `backend` or `listen`.", require),
        Keyword(
            "when-none", .probe, "pass|fail", "Answer when no peer sees enough servers either; default `pass`.", whenNone),
    ])

    @Sendable private static func bind(_ probe: inout ProbeDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let binds = try AddressReader(line).readBinds(line.takeRequired())
        guard probe.settings.binds.count + binds.count <= ProxyDraft.bindsMax else {
            throw .tooMany(what: "addresses in a section", limit: ProxyDraft.bindsMax)
        }
        probe.settings.binds += binds
    }

    @Sendable private static func drain(_ probe: inout ProbeDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = line.peek ?? ""
        probe.settings.drain = try line.takeTime()
        if probe.settings.drain > .zero, probe.settings.drain < .seconds(1) { line.warn(.shortTime(word, of: line.keyword)) }
    }

    @Sendable private static func mode(_ probe: inout ProbeDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        probe.settings.mode = try line.takeChoice(["tcp": .tcp, "http": .http])
    }

    @Sendable private static func require(_ probe: inout ProbeDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let reference = NameReference(name: try line.takeName(), keyword: line.keyword, location: line.location)
        let count = try line.takeNumber(in: 1...ProxyDraft.serversMax)
        guard probe.requirements.count < requirementsMax else { throw .tooMany(what: "'require' lines", limit: requirementsMax) }
        probe.requirements.append(ProbeDraft.Requirement(proxy: reference, serversMin: count))
    }

    @Sendable private static func whenNone(_ probe: inout ProbeDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        probe.settings.whenNone = try line.takeChoice(["pass": .pass, "fail": .fail])
    }
}

extension KeywordPlaces {
    fileprivate static let probe: KeywordPlaces = ["probe"]
}
