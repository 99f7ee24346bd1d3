import Proxy

/// Combines the sections after all files are read, and performs the checks that need all of them: references to other sections, and missing lines.
struct ConfigurationChecks {
    var configuration = AgentConfiguration()
    private var draft: ConfigurationDraft
    /// Whether every line could be parsed. Missing lines are only reported if so.
    let isReadable: Bool
    let proxies: [ProxyDraft]
    /// The proxies with servers, in the order of `configuration.backends`.
    let servingProxies: [ProxyDraft]
    let databases: [DatabaseSection]
    /// Indices into `configuration.backends`, by name. After a duplicate name, which is an alert, the last section of the name counts.
    private var backendIndices: [String: Int] = [:]

    /// Prepares the checks of all parsed sections.
    init(_ draft: ConfigurationDraft) {
        self.draft = draft
        isReadable = !draft.hasAlert
        let unixBind = draft.global.draft.unixBind
        proxies = draft.proxies.map { proxy in
            var proxy = proxy
            for index in proxy.frontend.binds.indices { unixBind.apply(to: &proxy.frontend.binds[index]) }
            return proxy
        }
        servingProxies = proxies.filter(\.hasBackend)
        databases = draft.all(DatabaseSection.self)
    }

    /// Returns the configuration and all diagnostics.
    consuming func combine() -> (configuration: AgentConfiguration, diagnostics: [Diagnostic]) {
        configuration.global = draft.global.draft
        for (index, proxy) in proxies.enumerated() where proxy.hasBackend {
            backendIndices[proxy.name] = configuration.backends.count
            var backend = combinedBackend(proxy, identifier: index + 2)
            completeCheck(of: &backend, proxy)
            configuration.backends.append(backend)
        }
        assignDatabases()
        assignExternalPrograms()
        markDiscoveredServers()
        resolveTracking()
        for (index, proxy) in proxies.enumerated() {
            checkMode(of: proxy)
            if isReadable { checkMissingLines(of: proxy) }
            guard proxy.hasFrontend else { continue }
            configuration.frontends.append(combinedFrontend(proxy, identifier: index + 2))
        }
        checkIgnoredLines()
        resolveReferences()
        checkUserlists()
        for section in draft.all(ProbeSection.self) { configuration.probes.append(combinedProbe(section)) }
        combineGossip()
        checkListeners()
        draft.dropReferencesToForeignSections()
        return (configuration, draft.diagnostics)
    }

    mutating func report(_ severity: DiagnosticSeverity, _ problem: ConfigurationProblem, at location: ConfigurationLocation, in section: String) {
        draft.report(severity, problem, at: location, in: section)
    }

    private func combinedBackend(_ proxy: ProxyDraft, identifier: Int) -> Backend {
        var backend = proxy.backend
        backend.identifier = identifier
        backend.log = combinedLog(proxy, LogSettings())
        backend.numberServers()
        for place in backend.servers.indices {
            guard let zone = backend.servers[place].zone, let own = configuration.global.zone else { continue }
            backend.servers[place].isFar = zone != own
        }
        return backend
    }

    private mutating func combinedFrontend(_ proxy: ProxyDraft, identifier: Int) -> Frontend {
        var frontend = proxy.frontend
        frontend.identifier = identifier
        frontend.log = combinedLog(proxy, proxy.frontend.log)
        for reference in proxy.usedBackends + [proxy.defaultBackend].compactMap(\.self) {
            guard let backend = backendIndex(of: reference, kind: "backend", in: proxy.title), !frontend.namedBackends.contains(backend) else { continue }
            frontend.namedBackends.append(backend)
        }
        if proxy.defaultBackend == nil, let own = proxy.hasBackend ? backendIndices[proxy.name] : nil, !frontend.namedBackends.contains(own) {
            frontend.namedBackends.append(own)
        }
        frontend.backend = frontend.namedBackends.first
        return frontend
    }

    private func combinedLog(_ proxy: ProxyDraft, _ settings: LogSettings) -> LogSettings {
        var log = settings
        log.tag = proxy.logTag
        for line in proxy.log {
            switch line {
            case .global: log.targets += configuration.global.logTargets
            case .target(let target): log.targets.append(target)
            }
        }
        return log
    }

    /// The index of the backend that a line of `section` names; `nil`, with a report, if there is none. Messages call it a `kind`.
    mutating func backendIndex(of reference: NameReference, kind: String = "backend or listen", in section: String) -> Int? {
        if let index = backendIndices[reference.name] { return index }
        let suggestion = Spelling.nearest(to: reference.name, among: configuration.backends.map(\.name))
        let problem = ConfigurationProblem.unknownName(reference.name, kind: kind, of: reference.keyword, suggestion: suggestion)
        report(.alert, problem, at: reference.location, in: section)
        return nil
    }

    private mutating func checkMode(of proxy: ProxyDraft) {
        guard let mode = proxy.httpMode, !proxy.frontend.isDisabled, !proxy.name.isEmpty else { return }
        let advice = "it comes from \(mode), and tsukada forwards TCP only: keep HAProxy for this proxy"
        report(.alert, .unsupported("mode http", advice: advice), at: proxy.location, in: proxy.title)
    }

    /// Warns of HTTP keywords in proxies in `mode tcp`, once for each line. Several proxies may inherit a line.
    private mutating func checkIgnoredLines() {
        var reported: Set<ConfigurationLocation> = []
        for proxy in proxies where !proxy.isHTTP && !proxy.frontend.isDisabled {
            for line in proxy.ignoredLines where reported.insert(line.location).inserted {
                report(.warning, line.problem, at: line.location, in: line.section)
            }
        }
    }

    /// Warns of missing lines without which a proxy does not work, or not for long.
    private mutating func checkMissingLines(of proxy: ProxyDraft) {
        guard !proxy.frontend.isDisabled else { return }
        let name = proxy.title
        if proxy.kind == .frontend, proxy.usedBackends.isEmpty, proxy.defaultBackend == nil {
            report(.warning, .missingLine(of: "default_backend", example: "default_backend NAME"), at: proxy.location, in: name)
        }
        if proxy.kind == .frontend, proxy.frontend.binds.isEmpty {
            report(.warning, .missingLine(of: "bind", example: "bind *:3306"), at: proxy.location, in: name)
        }
        var missing: [String] = []
        if proxy.hasFrontend, proxy.frontend.clientTimeout == nil { missing.append("client") }
        if proxy.hasBackend, !proxy.backend.servers.isEmpty {
            if proxy.backend.connectTimeout == nil { missing.append("connect") }
            if proxy.backend.serverTimeout == nil { missing.append("server") }
        }
        if !missing.isEmpty { report(.warning, .missingTimeouts(missing), at: proxy.location, in: name) }
    }

    /// Resolves the servers' references to `resolvers` sections. As in HAProxy, a section `default` with the nameservers of /etc/resolv.conf always exists.
    private mutating func resolveReferences() {
        let sections = draft.all(ResolversSection.self)
        configuration.resolvers = sections.map(\.draft)
        var known: Set<String> = []
        for section in sections where !section.draft.name.isEmpty && known.insert(section.draft.name).inserted {
            guard isReadable, section.draft.nameservers.isEmpty, !section.draft.usesSystemNameservers else { continue }
            let problem = ConfigurationProblem.missingLine(of: "nameserver", example: "nameserver NAME ADDRESS:53")
            report(.warning, problem, at: section.location, in: "resolvers \(section.draft.name)")
        }
        for proxy in proxies {
            for reference in proxy.resolverReferences where known.insert(reference.name).inserted {
                if reference.name == "default" {
                    var system = ResolverSettings(name: reference.name)
                    system.usesSystemNameservers = true
                    configuration.resolvers.append(system)
                } else {
                    let suggestion = Spelling.nearest(to: reference.name, among: sections.map(\.draft.name))
                    let problem = ConfigurationProblem.unknownName(reference.name, kind: "'resolvers' section", of: "resolvers", suggestion: suggestion)
                    report(.alert, problem, at: reference.location, in: proxy.title)
                }
            }
        }
    }

    private mutating func combinedProbe(_ section: ProbeSection) -> ProbeSettings {
        var probe = section.draft.settings
        let backends = configuration.backends
        let name = "probe \(probe.name)"
        if probe.binds.isEmpty, !draft.hasAlert { report(.alert, .missingLine(of: "bind", example: "bind *:3307"), at: section.location, in: name) }
        if section.draft.requirements.isEmpty, !draft.hasAlert {
            let example = "require \(backends.first?.name ?? "PROXY") 1"
            let advice = "it passes even when no server is usable: write '\(example)'"
            report(.warning, .custom("missing 'require'", advice: advice), at: section.location, in: name)
        }
        for requirement in section.draft.requirements {
            let reference = requirement.proxy
            guard let index = backendIndex(of: reference, kind: "backend", in: name) else { continue }
            let servers = backends[index].servers.count
            if requirement.serversMin > servers, !draft.hasAlert {
                let expected = servers == 0 ? "a proxy that has servers" : "a number from 1 to \(servers), the servers of '\(reference.name)'"
                report(.alert, .badValue(String(requirement.serversMin), of: "require", expected: expected), at: reference.location, in: name)
            }
            probe.requirements.append(ProbeSettings.Requirement(backend: index, serversMin: requirement.serversMin))
        }
        return probe
    }

    /// Reports addresses that are used twice. Proxies can share one if there are several threads, as in HAProxy: this is a warning. Otherwise the start would
    /// fail.
    private mutating func checkListeners() {
        typealias Listener = (bind: Bind, section: String, isShareable: Bool)
        var listeners = configuration.global.statsSockets.map { Listener($0.bind, "global", false) }
        for proxy in proxies where proxy.hasFrontend && !proxy.frontend.isDisabled {
            let isShareable = configuration.global.threads != 1
            listeners += proxy.frontend.binds.map { Listener($0, proxy.title, isShareable && $0.endpoint.port > 0) }
        }
        for probe in configuration.probes { listeners += probe.binds.map { Listener($0, "probe \(probe.name)", false) } }
        var seen: [ListenerPlace: Listener] = [:]
        for listener in listeners {
            let place = ListenerPlace(listener.bind)
            guard let first = seen[place] else {
                seen[place] = listener
                continue
            }
            let isShared = first.isShareable && listener.isShareable
            let advice =
                isShared
                ? "the kernel splits connections between this listener and \(first.bind.location): remove one of them"
                : "the first is at \(first.bind.location): write another address"
            let problem = ConfigurationProblem.custom("duplicate listener on '\(listener.bind.endpoint)'", advice: advice)
            report(isShared ? .warning : .alert, problem, at: listener.bind.location, in: listener.section)
        }
    }

    /// The users and groups of user lists must know each other.
    private mutating func checkUserlists() {
        guard isReadable else { return }
        for section in draft.all(UserlistSection.self) {
            for (location, problem) in section.draft.problems { report(.alert, problem, at: location, in: "userlist \(section.draft.name)") }
        }
    }

    private mutating func combineGossip() {
        guard let section = draft.all(GossipSection.self).first else { return }
        if isReadable { for (location, problem) in section.problems { report(.alert, problem, at: location, in: "gossip \(section.draft.name)") } }
        configuration.gossip = section.draft
    }
}

extension ConfigurationProblem {
    /// The problem of a proxy without the timeouts `names`, such as "client" and "connect".
    static func missingTimeouts(_ names: [String]) -> ConfigurationProblem {
        let list = names.map { "'timeout \($0)'" }.joined(separator: ", ")
        return .custom("missing \(list)", advice: "without a timeout a dead peer holds its session forever: write it here or in 'defaults'")
    }
}
