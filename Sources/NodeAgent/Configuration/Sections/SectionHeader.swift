import Proxy

/// The lines that start sections.
enum SectionHeader {
    /// The sections that tsukada reads.
    static let names = ["global", "defaults", "listen", "frontend", "backend", "resolvers", "probe", "gossip", "database"]

    /// True for every section of HAProxy's and of ours.
    static func isSection(_ word: String) -> Bool {
        names.contains(word) || ForeignKeywords.sections.contains(word)
    }
}

extension ConfigurationPass {
    /// Ends the open section: a `defaults` section counts from here on.
    mutating func closeSection() {
        if let proxy = openProxy {
            if proxy.place == .defaults {
                defaults = proxy
                if !proxy.name.isEmpty { namedDefaults.append(proxy) }
            } else {
                proxies.append(proxy)
            }
        }
        openProxy = nil
        if case .global = section { globalUses = firstUses }
        firstUses = [:]
    }

    /// Starts the section `name`. Whatever is wrong with its line, the section is open afterwards: its own lines are checked, too.
    mutating func openSection(_ name: String, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        closeSection()
        line.next += 1
        line.keyword = name
        sectionName = ([name] + (line.peek.map { [$0] } ?? [])).joined(separator: " ")
        guard proxies.count + resolvers.count + probes.count + gossips.count + databases.count + namedDefaults.count < ConfigurationReader.sectionsMax else {
            section = .skipped
            throw .tooMany(what: "sections", limit: ConfigurationReader.sectionsMax)
        }
        switch name {
        case "global":
            (section, place, sectionName) = (.global, .global, name)
            firstUses = globalUses
            try line.end()
        case "defaults": try openProxy(.defaults, &line)
        case "listen": try openProxy(.listen, &line)
        case "frontend": try openProxy(.frontend, &line)
        case "backend": try openProxy(.backend, &line)
        case "resolvers": try openResolvers(&line)
        case "probe": try openProbe(&line)
        case "gossip": try openGossip(&line)
        case "database": try openDatabase(&line)
        default:
            section = .skipped
            throw .unsupported(name, advice: "keep HAProxy for what needs it")
        }
    }

    private mutating func openProxy(_ kind: KeywordPlaces, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        (section, place) = (.proxy, kind)
        line.shape = kind == .defaults ? "[<name>] [from <defaults>]" : "<name> [from <defaults>]"
        let base = (kind == .defaults ? nil : defaults) ?? ProxyDraft(place: .defaults, location: line.location)
        openProxy = base.inherited(by: kind, name: "", location: line.location)
        var name = ""
        if kind == .defaults, line.peek == nil || line.peek == "from" { sectionName = "defaults" } else { name = try line.needName() }
        openProxy = base.inherited(by: kind, name: name, location: line.location)
        if line.peek == "from" {
            line.next += 1
            openProxy = try findDefaults(&line).inherited(by: kind, name: name, location: line.location)
        }
        if let word = line.peek, word.utf8.contains(UInt8(ascii: ":")), kind == .listen || kind == .frontend {
            throw .removed("\(line.keyword) \(name) \(word)", replacement: "write a line 'bind \(word)'")
        }
        try line.end()
        try register(name, kind, at: line.location)
    }

    private func findDefaults(_ line: inout ConfigurationLine) throws(ConfigurationProblem) -> ProxyDraft {
        let name = try line.needName()
        let matches = namedDefaults.filter { $0.name == name }
        guard matches.count < 2 else { throw .ambiguous(name, kind: "section 'defaults'") }
        guard let found = matches.first else {
            let names = namedDefaults.map(\.name)
            throw .unknownName(name, kind: "section 'defaults'", of: "from", suggestion: Spelling.nearest(to: name, among: names))
        }
        return found
    }

    /// Proxies must have different names, even a frontend and a backend, as in HAProxy since 3.3.
    private mutating func register(_ name: String, _ kind: KeywordPlaces, at location: ConfigurationLocation) throws(ConfigurationProblem) {
        guard kind != .defaults else { return }
        if let first = proxyLocations[name] { throw .duplicate(name, kind: "proxy", first: first) }
        proxyLocations[name] = location
    }

    private mutating func openResolvers(_ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        (section, place) = (.resolvers, .resolvers)
        line.shape = "<name>"
        resolvers.append(ResolverSettings(name: ""))
        let name = try line.needName()
        resolvers[resolvers.count - 1].name = name
        if let first = resolverLocations[name] { throw .duplicate(name, kind: "section 'resolvers'", first: first) }
        resolverLocations[name] = line.location
        try line.end()
    }

    private mutating func openProbe(_ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        (section, place) = (.probe, .probe)
        line.shape = "<name>"
        let known = probes
        probes.append(ProbeDraft(name: "", location: line.location))
        let name = try line.needName()
        probes[probes.count - 1].settings.name = name
        if let first = known.first(where: { $0.settings.name == name }) {
            throw .duplicate(name, kind: "section 'probe'", first: first.location)
        }
        try line.end()
    }

    /// A node belongs to one cluster: the lines of a second section are read for their own mistakes only.
    private mutating func openGossip(_ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        (section, place) = (.gossip, .gossip)
        line.shape = "<name>"
        let first = gossips.first
        gossips.append(GossipDraft(name: "", location: line.location))
        gossips[gossips.count - 1].section.name = try line.needName()
        if let first { throw .secondGossip(first: first.section.location) }
        try line.end()
    }
}
