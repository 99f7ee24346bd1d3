import Proxy

/// All sections as far as they are read, and what there is to say of them.
struct ConfigurationDraft {
    static let sectionsMax = 4_096
    static let diagnosticsMax = 200

    private(set) var diagnostics: [Diagnostic] = []
    /// The sections that are finished, in the order of the files, but for `global` and `defaults`.
    var sections: [any ConfigurationSection] = []
    /// All `global` sections are one.
    var global = GlobalSection()
    /// What proxies inherit: the last `defaults` section.
    var defaults: ProxyDraft?
    /// The `defaults` sections with a name.
    var namedDefaults: [ProxyDraft] = []
    /// Where the owner of each name stands, by kind and name.
    private var owners: [String: [String: ConfigurationLocation]] = [:]

    /// True once there is room for no other section.
    var isFull: Bool { sections.count + namedDefaults.count >= Self.sectionsMax }

    /// True once something makes the configuration unusable.
    var hasAlert: Bool { diagnostics.contains { $0.severity == .alert } }

    /// The finished sections of one kind, in the order of the files.
    func all<Section: ConfigurationSection>(_ kind: Section.Type) -> [Section] { sections.compactMap { $0 as? Section } }

    /// Gives `name` to what stands at `location`; the place of the `kind` that has it already, when there is one.
    mutating func register(_ name: String, kind: String, at location: ConfigurationLocation) -> ConfigurationLocation? {
        if let first = owners[kind]?[name] { return first }
        owners[kind, default: [:]][name] = location
        return nil
    }

    /// Gives `name` to what stands at `location`.
    ///
    /// - Throws: `duplicate` when another `kind` has it.
    mutating func need(_ name: String, kind: String, at location: ConfigurationLocation) throws(ConfigurationProblem) {
        if let first = register(name, kind: kind, at: location) { throw .duplicate(name, kind: kind, first: first) }
    }

    /// Adds a diagnostic, up to `diagnosticsMax` of them.
    mutating func say(_ severity: DiagnosticSeverity, _ problem: ConfigurationProblem, at location: ConfigurationLocation, in section: String?) {
        guard diagnostics.count < Self.diagnosticsMax else { return }
        let isLast = diagnostics.count == Self.diagnosticsMax - 1
        let problem = isLast ? .tooMany(what: "problems: the others are not shown", limit: Self.diagnosticsMax - 1) : problem
        diagnostics.append(Diagnostic(severity: isLast ? .alert : severity, location: location, section: section, problem: problem))
    }
}
