import Proxy

/// All sections parsed so far, and the diagnostics about them.
struct ConfigurationDraft {
    static let sectionsMax = 4_096
    /// The most diagnostics that are kept. Many refused keywords of one section become one message, so that fewer are shown.
    static let diagnosticsMax = 4_096
    static let failedNamesMax = 4_096

    private(set) var diagnostics: [Diagnostic] = []
    /// Names on lines that could not be read. References to them cause no further errors.
    private var failedNames: Set<String> = []
    /// The complete sections in the order of the files, except `global` and `defaults`.
    var sections: [any ConfigurationSection] = []
    /// All `global` sections, merged.
    var global = GlobalSection()
    /// The last `defaults` section, which the following proxies inherit.
    var defaults: ProxyDraft?
    /// The `defaults` sections with a name.
    var namedDefaults: [ProxyDraft] = []
    /// The lines of the `defaults` sections that proxies name with `from`, and of those that proxies take because they are the last ones.
    private var namedUses: Set<ConfigurationLocation> = []
    private var unnamedUses: Set<ConfigurationLocation> = []
    /// HAProxy's sections in the files that tsukada does not support.
    private(set) var foreignSections: [ForeignSection] = []
    /// The line of each name's owner, by kind and name.
    private var owners: [String: [String: ConfigurationLocation]] = [:]

    /// Records that a section takes its settings from `defaults`, which it names or not. As in HAProxy, a section that is used both ways causes a warning.
    mutating func use(_ defaults: ProxyDraft, isNamed: Bool) -> ConfigurationProblem? {
        guard !defaults.name.isEmpty else { return nil }
        if isNamed { namedUses.insert(defaults.location) } else { unnamedUses.insert(defaults.location) }
        guard namedUses.contains(defaults.location), unnamedUses.contains(defaults.location) else { return nil }
        let advice = "write 'from \(defaults.name)' in all sections that need it, or another 'defaults' section before the others"
        return .custom("'defaults \(defaults.name)' is used both with and without 'from'", advice: advice)
    }

    /// Records that the files have one of HAProxy's sections that tsukada does not support.
    mutating func addForeignSection(_ section: ForeignSection) {
        if !foreignSections.contains(where: { $0.name == section.name }) { foreignSections.append(section) }
    }

    /// Drops the errors about references to sections that tsukada does not support: the error about the section says enough.
    mutating func dropReferencesToForeignSections() {
        let (references, own) = (foreignSections.flatMap(\.references), foreignSections.map(\.problem))
        diagnostics.removeAll { diagnostic in
            guard case .unsupported(let name, _) = diagnostic.problem else { return false }
            return references.contains(name) && !own.contains(diagnostic.problem)
        }
    }

    /// Whether no further section is allowed.
    var isFull: Bool { sections.count + namedDefaults.count >= Self.sectionsMax }

    /// Whether a problem makes the configuration unusable.
    var hasAlert: Bool { diagnostics.contains { $0.severity == .alert } }

    /// The complete sections of one kind, in the order of the files.
    func all<Section: ConfigurationSection>(_ kind: Section.Type) -> [Section] { sections.compactMap { $0 as? Section } }

    /// Registers `name` for the line at `location`. If another line has registered it for this `kind`, returns that line instead.
    mutating func register(_ name: String, kind: String, at location: ConfigurationLocation) -> ConfigurationLocation? {
        if let first = owners[kind]?[name] { return first }
        owners[kind, default: [:]][name] = location
        return nil
    }

    /// Registers `name` for the line at `location`.
    ///
    /// - Throws: `duplicate` if another line has registered the name for this `kind`.
    mutating func registerUnique(_ name: String, kind: String, at location: ConfigurationLocation) throws(ConfigurationProblem) {
        if let first = register(name, kind: kind, at: location) { throw .duplicate(name, kind: kind, first: first) }
    }

    /// Whether the rest of the files need not be read.
    var hasTooManyDiagnostics: Bool { diagnostics.count >= Self.diagnosticsMax }

    /// Records that a line whose keyword is followed by `name` could not be read.
    mutating func recordFailure(of name: String) { if failedNames.count < Self.failedNamesMax { failedNames.insert(name) } }

    /// Adds a diagnostic, up to `diagnosticsMax`, unless the problem follows from another one, or a notice about its file lists it.
    mutating func report(
        _ severity: DiagnosticSeverity, _ problem: ConfigurationProblem, at location: ConfigurationLocation, in section: String?, excerpt: SourceExcerpt? = nil
    ) {
        if case .unknownName(let name, _, _, _) = problem, failedNames.contains(name) { return }
        if case .ignored = problem, mergeIntoNotice(problem, ofFile: location.file) { return }
        guard !hasTooManyDiagnostics else { return }
        diagnostics.append(Diagnostic(severity: severity, location: location, section: section, problem: problem, excerpt: excerpt))
    }

    /// Adds keywords without an effect to the notice of their file. Returns false if there is none yet.
    private mutating func mergeIntoNotice(_ problem: ConfigurationProblem, ofFile file: String) -> Bool {
        for index in diagnostics.indices where diagnostics[index].location.file == file {
            guard let merged = diagnostics[index].problem.merged(with: problem) else { continue }
            diagnostics[index].problem = merged
            return true
        }
        return false
    }
}
