import LinuxIO
import Proxy
import Wire

/// Resolves every name of a configuration before threads start: binds, log targets, servers, the gossip's own address.
///
/// `ask` looks all of them up at once. For a name without an answer, the first matching row decides:
///
///     the predecessor or `state-dir` knows an address            use that address
///     a nameserver reports that there is no address              an error, except for a server whose `resolvers` section asks again
///     nameservers are silent, refuse or fail                     a server, a log target: start without it, with a warning
///                                                                a bind: an error, for `-c` a warning
///                                                                the gossip: receive at all addresses, with a warning
struct NameResolution {
    /// The knowledge of a predecessor and of `state-dir`.
    struct Memory {
        /// The predecessor's answers.
        var answers: [NameQuestion: IPAddress] = [:]
        /// The servers' states, with their addresses, from the predecessor or a state file.
        var servers: [ServerName: ServerMemory] = [:]
        /// Recent addresses of names, for names that nameservers do not answer.
        var addresses = AddressMemory()
        /// The time of the start, in seconds since 1970.
        var time: Int64 = 0
        /// Whether `answers` replace lookups, because there is no time for them. Otherwise they are only a fallback.
        var isTrusted = false
    }

    private static let advice = "add the name to /etc/hosts or to DNS, or write the address"

    private let lookup: NameLookup
    private var memory: Memory
    /// Whether the process only checks the configuration (`-c`): names without an answer now may have one at the real start.
    private let checksOnly: Bool
    private var known: [NameQuestion: Result<IPAddress, NameLookupError>] = [:]
    /// Servers that start with a remembered address: they are down until a check passes.
    private(set) var unproven: [ServerName: ServerMemory] = [:]
    /// The nameservers' answers, in the order of asking.
    private(set) var found: [AddressMemory.Known] = []
    /// Warnings for the operator.
    private(set) var warnings: [String] = []
    /// The names that prevent the start, each with a line that needs it.
    private(set) var failures: [Diagnostic] = []
    private var failedNames: [ConfigurationLocation: Set<String>] = [:]

    /// Resolves names with `lookup`, each at most once.
    init(lookup: NameLookup, memory: Memory = Memory(), checksOnly: Bool = false) { (self.lookup, self.memory, self.checksOnly) = (lookup, memory, checksOnly) }

    /// Replaces the memory. Keeps the addresses found so far.
    mutating func remember(_ memory: Memory) { self.memory = memory }

    /// The addresses found.
    var answers: [NameQuestion: IPAddress] { known.compactMapValues { try? $0.get() } }

    /// Looks up all names of `configuration` that a start needs, at once. `own` is this node's line of the `gossip` section.
    mutating func ask(for configuration: AgentConfiguration, own: ClusterSettings.Node?) {
        lookUpAll(inquiries(placesOf: configuration, own) + inquiries(serversOf: configuration))
    }

    /// Looks up the names that are needed while the process has privileges: those of listeners and log targets.
    mutating func ask(forPlacesOf configuration: AgentConfiguration, own: ClusterSettings.Node?) { lookUpAll(inquiries(placesOf: configuration, own)) }

    /// Looks up the names of servers.
    mutating func ask(forServersOf configuration: AgentConfiguration) { lookUpAll(inquiries(serversOf: configuration)) }

    private func inquiries(placesOf configuration: AgentConfiguration, _ own: ClusterSettings.Node?) -> [NameInquiry] {
        let binds = configuration.ownBinds.map { ($0.endpoint, $0.family ?? .v4) }
        let others = configuration.logTargets.map(\.endpoint) + [configuration.gossip.flatMap { $0.bind ?? own?.endpoint }].compactMap(\.self)
        return (binds + others.map { ($0, AddressFamily.v4) }).compactMap { endpoint, family in
            if case .name(let name, _) = endpoint { inquiry(NameQuestion(family: family, name: name), hasFallback: false) } else { nil }
        }
    }

    private func inquiries(serversOf configuration: AgentConfiguration) -> [NameInquiry] {
        var inquiries: [NameInquiry] = []
        for backend in configuration.backends {
            for server in backend.servers {
                for name in [server.check?.addressName, server.agent?.check.addressName].compactMap(\.self) {
                    inquiries.append(inquiry(NameQuestion(family: server.preference.family, name: name), hasFallback: false))
                }
                if let inquiry = inquiry(server, owner: backend.name) { inquiries.append(inquiry) }
            }
        }
        return inquiries
    }

    private mutating func lookUpAll(_ inquiries: [NameInquiry]) {
        var unique: [NameQuestion: Int] = [:]
        var merged: [NameInquiry] = []
        for inquiry in inquiries {
            if let place = unique[inquiry.question] {
                merged[place].hasFallback = merged[place].hasFallback && inquiry.hasFallback
            } else {
                unique[inquiry.question] = merged.count
                merged.append(inquiry)
            }
        }
        ask(merged)
    }

    /// The address that a listening socket is bound to; `nil` for an inherited descriptor, and for a name without an answer yet.
    mutating func address(of bind: Bind, owner: String) throws(StartError) -> SocketAddress? {
        switch bind.endpoint {
        case .ip(let address, let port): return .ip(address, port: port)
        case .unix(let path): return .unix(path)
        case .inherited: return nil
        case .name(let name, let port):
            let subject = "'\(owner)' cannot listen"
            let context = "\(bind.location): \(subject)"
            do throws(NameLookupError) { return .ip(try address(of: name, bind.family ?? .v4, context, only: bind.family), port: port) } catch {
                guard checksOnly, !error.isDenial else { throw failure(bind.location, subject, error, Self.advice) }
                warnings.append("\(context) unless this is fixed before the start: \(error)")
                return nil
            }
        }
    }

    /// A log target's address; `nil` for a name without an answer. A UNIX socket is not connected yet.
    mutating func place(of target: LogTarget) throws(StartError) -> LogDestination.Place? {
        switch target.endpoint {
        case .ip(let address, let port): return .datagram(.ip(address, port: port))
        case .unix(let path): return .local(try StartError.wrapping("\(target.location): log: ") { () throws(SystemError) in try LocalLogSocket(path) })
        case .inherited(let descriptor): return .descriptor(descriptor)
        case .name(let name, let port):
            do throws(NameLookupError) { return .datagram(.ip(try address(of: name, .v4, "\(target.location): log"), port: port)) } catch {
                let advice = "add the name to /etc/hosts or to DNS, or write the log target's address"
                try continueStart(without: error, target.location, "log", advice, "no lines are sent there until a reload")
                return nil
            }
        }
    }

    /// The address at which this node receives gossip: `bind` of the section, or else its own line's address.
    mutating func place(ofGossip section: ClusterSettings, own: ClusterSettings.Node) throws(StartError) -> SocketAddress {
        let (endpoint, location) = (section.bind ?? own.endpoint, section.bind == nil ? own.location : section.location)
        switch endpoint {
        case .ip(let address, let port): return .ip(address, port: port)
        case .unix, .inherited: throw StartError("\(location): not an address to receive gossip on")
        case .name(let name, let port):
            let subject = "this node's gossip address"
            do throws(NameLookupError) { return .ip(try address(of: name, .v4, "\(location): \(subject)"), port: port) } catch {
                try continueStart(without: error, location, subject, Self.advice, "gossip is received on all IPv4 addresses, as with 'bind *:\(port)'")
                return .ip(.anyV4, port: port)
            }
        }
    }

    /// The address of a server's `addr`, resolved if it is a name; `nil` without `addr`, and for a name without an answer: its checks then fail.
    mutating func checkAddress(of server: Server, owner: String) throws(StartError) -> IPAddress? {
        try address(of: server.check, "checks", "its checks fail until a reload", server, owner)
    }

    /// The address of a server's agent, resolved if it is a name; `nil` for an agent at the server's address, and for a name without an answer: the agent is
    /// then not asked.
    mutating func agentAddress(of server: Server, owner: String) throws(StartError) -> IPAddress? {
        try address(of: server.agent?.check, "agent", "its agent is not asked until a reload", server, owner)
    }

    private mutating func address(
        of check: CheckSettings?, _ user: String, _ consequence: String, _ server: Server, _ owner: String
    ) throws(StartError) -> IPAddress? {
        guard let name = check?.addressName else { return check?.address }
        let subject = "server '\(owner)/\(server.name)': address of its \(user)"
        do throws(NameLookupError) { return try address(of: name, server.preference.family, "\(server.location): \(subject)") } catch {
            try continueStart(without: error, server.location, subject, Self.advice, consequence)
            return nil
        }
    }

    /// A server's address at start, by its `init-addr`; `nil` if it waits for its resolver or its name has no answer.
    mutating func address(of server: Server, owner: String) throws(StartError) -> SocketAddress? {
        guard case .name(let name, let port) = server.endpoint else { return ServerRegistry.numericAddress(of: server) }
        let remembered = remembered(server, owner)
        if server.isFilledLater { return remembered }
        var failure: NameLookupError?
        for method in server.initialAddresses {
            switch method {
            case .last: if let remembered { return remembered }
            case .none: return nil
            case .ip(let address): return .ip(address, port: port)
            case .libc:
                let question = NameQuestion(family: server.preference.family, name: name)
                do throws(NameLookupError) { return .ip(try resolve(question, only: server.family), port: port) } catch { failure = error }
            }
        }
        guard let failure else { return nil }
        if let address = restoredAddress(name, port: port, for: server, owner: owner, failure) { return address }
        let subject = "server '\(owner)/\(server.name)'"
        if server.resolvers != nil {
            warnings.append("\(server.location): \(subject): \(failure); it has no address until '\(server.resolvers ?? "")' finds one")
        } else {
            let advice = "add the name to /etc/hosts or to DNS, or write 'init-addr none' after 'resolvers' to start without it"
            let consequence = "it has no address until a reload; with 'resolvers default' it is resolved again"
            try continueStart(without: failure, server.location, subject, advice, consequence)
        }
        return nil
    }

    // MARK: Known addresses

    /// The address that the server's name had before the start. Its checks must pass before it takes sessions.
    private mutating func restoredAddress(_ name: String, port: UInt16, for server: Server, owner: String, _ failure: NameLookupError) -> SocketAddress? {
        guard let host = lastAddress(of: NameQuestion(family: server.preference.family, name: name)) else { return nil }
        warnings.append("\(server.location): server '\(owner)/\(server.name)': \(failure); its previous address is used: \(host)")
        if let check = server.check {
            unproven[ServerName(backend: owner, server: server.name)] = ServerMemory(
                hostName: name, address: host, flags: [], weight: server.weight, initialWeight: server.weight, isRunning: false, health: check.rise - 1,
                lastCheck: nil, sinceChange: .zero)
        }
        return .ip(host, port: port)
    }

    /// The address of a name that is not a server's; without an answer, the address that it had before the start.
    ///
    /// - Parameter only: the family that the address must have; `nil` for either.
    private mutating func address(
        of name: String, _ family: AddressFamily, _ context: String, only: AddressFamily? = nil
    ) throws(NameLookupError) -> IPAddress {
        let question = NameQuestion(family: family, name: name)
        do throws(NameLookupError) { return try resolve(question, only: only) } catch {
            guard let host = lastAddress(of: question), only == nil || host.isV6 == (only == .v6) else { throw error }
            warnings.append("\(context): \(error); its previous address is used: \(host)")
            return host
        }
    }

    /// Continues without an address until the next reload if nameservers fail; throws if the name is wrong.
    private mutating func continueStart(
        without error: NameLookupError, _ location: ConfigurationLocation, _ subject: String, _ advice: String, _ consequence: String
    ) throws(StartError) {
        if error.isDenial { throw failure(location, subject, error, advice) }
        warnings.append("\(location): \(subject): \(error); \(consequence)")
    }

    /// Records a name that prevents the start, once for each line. The servers of a template have the same line.
    private mutating func failure(_ location: ConfigurationLocation, _ subject: String, _ error: NameLookupError, _ advice: String) -> StartError {
        let problem = ConfigurationProblem.custom("\(subject): \(error)", advice: advice)
        let diagnostic = Diagnostic(severity: .alert, location: location, section: nil, problem: problem)
        if failedNames[location, default: []].insert(error.name).inserted { failures.append(diagnostic) }
        return StartError(diagnostic.description)
    }

    private func remembered(_ server: Server, _ owner: String) -> SocketAddress? {
        memory.servers[ServerName(backend: owner, server: server.name)]?.address(of: server)
    }

    /// The address of a name according to `state-dir`.
    private func lastAddress(of question: NameQuestion) -> IPAddress? {
        let hosts = DNSName(question.name).map { memory.addresses.entries(of: $0, now: memory.time).map(\.address.host) } ?? []
        return hosts.first { $0.isV6 == (question.family == .v6) } ?? hosts.first
    }

    // MARK: Asking

    private var isSilent: Bool {
        known.values.contains { if case .failure(let error) = $0, case .noAnswer = error.problem { true } else { false } }
    }

    /// The inquiry for a server; `nil` if it needs no lookup.
    private func inquiry(_ server: Server, owner: String) -> NameInquiry? {
        guard case .name(let name, _) = server.endpoint, !server.isFilledLater else { return nil }
        for (place, method) in server.initialAddresses.enumerated() {
            switch method {
            case .last: if remembered(server, owner) != nil { return nil }
            case .none, .ip: return nil
            case .libc:
                let hasOther = server.initialAddresses.dropFirst(place + 1).contains { $0 != .last && $0 != .libc }
                return inquiry(NameQuestion(family: server.preference.family, name: name), hasFallback: server.resolvers != nil || hasOther)
            }
        }
        return nil
    }

    private func inquiry(_ question: NameQuestion, hasFallback: Bool) -> NameInquiry {
        let isKnown = memory.answers[question] != nil || lastAddress(of: question) != nil
        // After nameservers have been silent once, later lookups wait less.
        return NameInquiry(question: question, hasFallback: hasFallback || isKnown || memory.isTrusted || isSilent)
    }

    /// The answer for one name; looks it up if `ask` has not.
    ///
    /// - Parameter only: the family that the address must have; `nil` for either.
    private mutating func resolve(_ question: NameQuestion, only: AddressFamily? = nil) throws(NameLookupError) -> IPAddress {
        if known[question] == nil { ask([inquiry(question, hasFallback: false)]) }
        guard let result = known[question] else { throw NameLookupError(name: question.name, problem: .notAName) }
        let address = try result.get()
        if let only, address.isV6 != (only == .v6) { throw NameLookupError(name: question.name, problem: .noAddressOfFamily(only)) }
        return address
    }

    private mutating func ask(_ inquiries: [NameInquiry]) {
        var open: [NameInquiry] = []
        for inquiry in inquiries where known[inquiry.question] == nil {
            if memory.isTrusted, let remembered = memory.answers[inquiry.question] {
                known[inquiry.question] = .success(remembered)
            } else {
                open.append(inquiry)
            }
        }
        let results = lookup.addresses(for: open, random: SystemRandomNumberGenerator())
        for question in open.map(\.question) {
            guard let result = results[question] else { continue }
            known[question] = answer(to: question, result)
        }
    }

    private mutating func answer(to question: NameQuestion, _ result: Result<[IPAddress], NameLookupError>) -> Result<IPAddress, NameLookupError> {
        switch result {
        case .success(let addresses):
            guard let address = addresses.first else { return .failure(NameLookupError(name: question.name, problem: .notAName)) }
            if lookup.nameToResolve(question.name) != nil, let name = DNSName(question.name) {
                found.append(.init(name: name, time: memory.time, entries: addresses.map { KnownName.Entry(ResolvedAddress($0)) }))
            }
            return .success(address)
        case .failure(let error): return memory.answers[question].map { .success($0) } ?? .failure(error)
        }
    }
}

extension AgentConfiguration {
    /// The addresses at which the process listens.
    var ownBinds: [Bind] { frontends.filter { !$0.isDisabled }.flatMap(\.binds) + probes.flatMap(\.binds) + global.statsSockets.map(\.bind) }

    /// The names of listeners and log targets.
    var ownEndpoints: [Endpoint] { ownBinds.map(\.endpoint) + logTargets.map(\.endpoint) }

    /// Every `log` line in effect.
    var logTargets: [LogTarget] { global.logTargets + frontends.flatMap(\.log.targets) + backends.flatMap(\.log.targets) }

    /// Every name that a start looks up.
    var names: [String] {
        let servers = backends.flatMap(\.servers)
        let gossip = gossip.map { $0.nodes.map(\.endpoint) + [$0.bind].compactMap(\.self) } ?? []
        return (ownEndpoints + gossip + servers.map(\.endpoint)).compactMap { if case .name(let name, _) = $0 { name } else { nil } }
            + servers.compactMap(\.check?.addressName) + servers.compactMap(\.agent?.check.addressName)
    }
}

extension Server {
    /// Whether a resolver or a database's list fills this slot after the start.
    fileprivate var isFilledLater: Bool { isDiscovered || (isTemplateSlot && resolvers != nil) }
}
