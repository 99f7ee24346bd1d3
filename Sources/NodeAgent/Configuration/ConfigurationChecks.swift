import Proxy

/// What can be said only when all files are read: names that refer to sections, and what a section lacks.
extension ConfigurationPass {
    /// Puts the drafts together. What a section lacks is said only when every line of it could be read.
    mutating func finish() -> (configuration: AgentConfiguration, diagnostics: [Diagnostic]) {
        var configuration = AgentConfiguration()
        let isReadable = !hasAlert
        configuration.global = global
        var backendIndices: [String: Int] = [:]
        for (index, proxy) in proxies.enumerated() where proxy.hasBackend {
            backendIndices[proxy.name] = configuration.backends.count
            configuration.backends.append(finishedBackend(proxy, identifier: index + 2))
        }
        finishDatabases(&configuration.backends, backendIndices, isReadable: isReadable)
        finishDiscoveries(&configuration.backends, backendIndices, isReadable: isReadable)
        for (index, proxy) in proxies.enumerated() {
            checkMode(of: proxy)
            if isReadable { checkLacks(of: proxy) }
            guard proxy.hasFrontend else { continue }
            configuration.frontends.append(finishedFrontend(proxy, identifier: index + 2, backendIndices))
        }
        checkResolvers(&configuration)
        configuration.probes = probes.map { finishedProbe($0, configuration.backends, backendIndices) }
        configuration.gossip = finishedGossip(isReadable)
        checkListeners(configuration)
        return (configuration, diagnostics)
    }

    private func finishedBackend(_ proxy: ProxyDraft, identifier: Int) -> Backend {
        var backend = proxy.backend
        backend.identifier = identifier
        backend.log = finishedLog(proxy, LogSettings())
        for place in backend.servers.indices {
            guard let zone = backend.servers[place].zone, let own = global.zone else { continue }
            backend.servers[place].isFar = zone != own
        }
        return backend
    }

    private mutating func finishedFrontend(_ proxy: ProxyDraft, identifier: Int, _ backends: [String: Int]) -> Frontend {
        var frontend = proxy.frontend
        frontend.identifier = identifier
        frontend.log = finishedLog(proxy, proxy.frontend.log)
        for reference in proxy.usedBackends + [proxy.defaultBackend].compactMap(\.self) {
            guard let backend = index(of: reference, backends, in: proxy), !frontend.namedBackends.contains(backend) else { continue }
            frontend.namedBackends.append(backend)
        }
        if proxy.defaultBackend == nil, let own = proxy.hasBackend ? backends[proxy.name] : nil, !frontend.namedBackends.contains(own) {
            frontend.namedBackends.append(own)
        }
        frontend.backend = frontend.namedBackends.first
        return frontend
    }

    private func finishedLog(_ proxy: ProxyDraft, _ settings: LogSettings) -> LogSettings {
        var log = settings
        log.tag = proxy.logTag
        for line in proxy.log {
            switch line {
            case .global: log.targets += global.logTargets
            case .target(let target): log.targets.append(target)
            }
        }
        return log
    }

    private mutating func index(of reference: NameReference, _ backends: [String: Int], in proxy: ProxyDraft) -> Int? {
        if let index = backends[reference.name] { return index }
        let suggestion = Spelling.nearest(to: reference.name, among: proxies.filter(\.hasBackend).map(\.name))
        let problem = ConfigurationProblem.unknownName(reference.name, kind: "backend", of: reference.keyword, suggestion: suggestion)
        say(.alert, problem, at: reference.location, in: sectionName(of: proxy))
        return nil
    }

    private mutating func checkMode(of proxy: ProxyDraft) {
        guard let mode = proxy.httpMode, !proxy.frontend.isDisabled, !proxy.name.isEmpty else { return }
        say(.alert, .httpMode(from: mode), at: proxy.location, in: sectionName(of: proxy))
    }

    /// A proxy that cannot work, or not for long.
    private mutating func checkLacks(of proxy: ProxyDraft) {
        guard !proxy.frontend.isDisabled else { return }
        let name = sectionName(of: proxy)
        if proxy.place == .frontend, proxy.usedBackends.isEmpty, proxy.defaultBackend == nil {
            say(.warning, .missingLine(of: "default_backend", example: "default_backend NAME"), at: proxy.location, in: name)
        }
        if proxy.place == .frontend, proxy.frontend.binds.isEmpty {
            say(.warning, .missingLine(of: "bind", example: "bind *:3306"), at: proxy.location, in: name)
        }
        var missing: [String] = []
        if proxy.hasFrontend, proxy.frontend.clientTimeout == nil { missing.append("client") }
        if proxy.hasBackend, !proxy.backend.servers.isEmpty {
            if proxy.backend.connectTimeout == nil { missing.append("connect") }
            if proxy.backend.serverTimeout == nil { missing.append("server") }
        }
        if !missing.isEmpty { say(.warning, .missingTimeouts(missing), at: proxy.location, in: name) }
    }

    /// `resolvers NAME` of servers. HAProxy always has a section `default`, made from /etc/resolv.conf.
    private mutating func checkResolvers(_ configuration: inout AgentConfiguration) {
        configuration.resolvers = resolvers
        for (index, section) in resolvers.enumerated() where section.nameservers.isEmpty && !section.usesSystemNameservers {
            guard let location = resolverLocations[section.name], resolvers.firstIndex(where: { $0.name == section.name }) == index else { continue }
            say(.warning, .missingLine(of: "nameserver", example: "nameserver NAME ADDRESS:53"), at: location, in: "resolvers \(section.name)")
        }
        for proxy in proxies {
            for reference in proxy.resolverReferences where resolverLocations[reference.name] == nil {
                resolverLocations[reference.name] = reference.location
                if reference.name == "default" {
                    var system = ResolverSettings(name: reference.name)
                    system.usesSystemNameservers = true
                    configuration.resolvers.append(system)
                } else {
                    let suggestion = Spelling.nearest(to: reference.name, among: resolvers.map(\.name))
                    let problem = ConfigurationProblem.unknownName(reference.name, kind: "section 'resolvers'", of: "resolvers", suggestion: suggestion)
                    say(.alert, problem, at: reference.location, in: sectionName(of: proxy))
                }
            }
        }
    }

    private mutating func finishedProbe(_ draft: ProbeDraft, _ backends: [Backend], _ indices: [String: Int]) -> ProbeSettings {
        var probe = draft.settings
        let name = "probe \(probe.name)"
        if probe.binds.isEmpty, !hasAlert { say(.alert, .missingLine(of: "bind", example: "bind *:3307"), at: draft.location, in: name) }
        if draft.requirements.isEmpty, !hasAlert {
            say(.warning, .nothingRequired(example: "require \(backends.first?.name ?? "PROXY") 1"), at: draft.location, in: name)
        }
        for requirement in draft.requirements {
            let reference = requirement.proxy
            guard let index = indices[reference.name] else {
                let suggestion = Spelling.nearest(to: reference.name, among: backends.map(\.name))
                say(.alert, .unknownName(reference.name, kind: "backend", of: "require", suggestion: suggestion), at: reference.location, in: name)
                continue
            }
            let servers = backends[index].servers.count
            if requirement.serversMin > servers, !hasAlert {
                let expected = servers == 0 ? "a proxy that has servers" : "a number from 1 to \(servers), the servers of '\(reference.name)'"
                say(.alert, .badValue(String(requirement.serversMin), of: "require", expected: expected), at: reference.location, in: name)
            }
            probe.requirements.append(ProbeSettings.Requirement(backend: index, serversMin: requirement.serversMin))
        }
        return probe
    }

    /// One address twice. Proxies with several threads can share one, as HAProxy's do: a mistake all the same. With anything else the start would fail.
    private mutating func checkListeners(_ configuration: AgentConfiguration) {
        typealias Listener = (endpoint: Endpoint, location: ConfigurationLocation, section: String, isShareable: Bool)
        var listeners = global.statsSockets.map { Listener($0.endpoint, $0.location, "global", false) }
        for proxy in proxies where proxy.hasFrontend && !proxy.frontend.isDisabled {
            let isShareable = global.threads != 1
            listeners += proxy.frontend.binds.map { Listener($0.endpoint, $0.location, sectionName(of: proxy), isShareable && $0.endpoint.port > 0) }
        }
        for probe in configuration.probes { listeners += probe.binds.map { Listener($0.endpoint, $0.location, "probe \(probe.name)", false) } }
        var seen: [Endpoint: Listener] = [:]
        for listener in listeners {
            guard let first = seen[listener.endpoint] else {
                seen[listener.endpoint] = listener
                continue
            }
            let isShared = first.isShareable && listener.isShareable
            let problem = ConfigurationProblem.boundTwice(listener.endpoint.description, isShared: isShared, first: first.location)
            say(isShared ? .warning : .alert, problem, at: listener.location, in: listener.section)
        }
    }

    private mutating func finishedGossip(_ isReadable: Bool) -> GossipSection? {
        guard let draft = gossips.first else { return nil }
        if isReadable { for (location, problem) in draft.problems { say(.alert, problem, at: location, in: "gossip \(draft.section.name)") } }
        return draft.section
    }

    private func sectionName(of proxy: ProxyDraft) -> String {
        let kind = KeywordPlaces.all.first { $0.place == proxy.place }?.name ?? ""
        return "\(kind) \(proxy.name)"
    }
}
