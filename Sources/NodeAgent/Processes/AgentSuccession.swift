import Gossip
import LinuxIO
import Proxy
import Wire

/// How an agent takes over from another process, and how another takes over from it.
extension Agent {
    /// How long the process before may take to say its last words; then this one speaks for itself.
    private static let lastStatePatience = Duration.seconds(1)

    /// Starts what the place of this process in a succession asks for. Sessions are served already.
    func startSuccession(_ inheritance: Inheritance, isWorker: Bool) throws(SystemError) {
        if let channel = inheritance.channel {
            inherited = inheritance.state
            remember(gossip: inheritance.state)
            let succession = try Succession(channel, to: isWorker ? .master : .predecessor, of: self) { [unowned self] in
                if isWorker { loseMaster() } else { inherit(nil) }
            }
            successions.append(succession)
            if isWorker {
                try succession.report()
            } else {
                try succession.takeOver()
            }
        }
        guard !inheritance.isAlone else { return inherit(nil) }
        reactor.setTimer(at: reactor.now.advanced(by: Agent.lastStatePatience)) { [unowned self] in inherit(nil) }
    }

    /// The process before is silent: what it counted counts here, and this one speaks from now on. Only the first call means anything.
    ///
    /// - Parameter last: its last words; `nil` for what it said first.
    func inherit(_ last: AgentState?) {
        if let state = last ?? inherited, inherited != nil {
            inherited = nil
            take(counters: state.counters)
            remember(gossip: state)
        }
        speakAlone()
        for succession in successions { succession.tellState() }
    }

    private func remember(gossip state: AgentState) {
        if let memory = GossipMemory(state.gossip, node: node) { gossipMemory = memory }
    }

    /// Gives another process everything that it needs to take over, and waits until it serves. Until then its connection counts under `stats maxconn`.
    func handOver(to file: OpenFile, _ place: RuntimePlace, within patience: Duration = Succession.takeoverPatience) {
        let subject = LogSubject(kind: "hand-over", about: "")
        guard draining.underWay == nil else { return log.write(.warning, "the sockets are not handed over: this process drains.", about: subject) }
        do throws(SystemError) {
            let succession = try Succession(ProcessChannel(file), to: .successor, of: self) { [unowned self] in
                successions.removeAll { $0.isOver }
            }
            try succession.handOver(sockets: exposedSockets, place, within: patience)
            successions.append(succession)
        } catch {
            log.write(.warning, "the sockets cannot be handed over: \(error)", about: subject)
        }
    }

    /// The master has died: no process would restart this one, so it ends with its last session. A supervisor starts another master, which needs
    /// the addresses.
    private func loseMaster() {
        log.write(.alert, "the master process has gone: this one stops when its sessions have ended.")
        abandon()
    }

    /// What a successor should know, in the form that goes from process to process.
    func stateText() -> AnswerText {
        var known = AgentState()
        known.writers = writerMemories
        known.names = names
        known.probes = probing?.memories ?? [:]
        known.gossip = (gossip?.memory ?? gossipMemory).map { $0.bytes(node: node) } ?? []
        var head = FieldText()
        head.append(AgentState.header)
        known.write(to: &head)
        return AnswerText(head: head.text, outlines) { [unowned self] in stateLines($1, of: $0) }
    }

    private func stateLines(_ part: ProxyOutline.Part, of proxy: ProxyOutline) -> String {
        var (text, known) = (FieldText(), AgentState())
        switch part {
        case .frontend(let frontend): known.counters[.init(kind: .frontend, name: proxy.name)] = state.totals(ofFrontend: frontend).numbers
        case .backend(let backend): known.counters[.init(kind: .backend, name: proxy.name)] = state.totals(ofBackend: backend).numbers
        case .server(let reference):
            let statistics = serverStatistics(reference)
            StatePart.writeRow(to: &text) { proxy.writeState(of: statistics, to: &$0) }
            known.servers[ServerName(backend: proxy.name, server: statistics.name)] = registry.memory(of: reference, now: reactor.now)
            let flat = state.flatIndex(reference)
            known.counters[.init(kind: .server, name: "\(proxy.name)/\(statistics.name)")] = state.totals(ofServers: flat..<flat + 1).numbers
        }
        known.write(to: &text)
        return text.text
    }

    private func take(counters: [AgentState.CounterKey: [UInt64]]) {
        for (index, backend) in configuration.backends.enumerated() {
            state.inherited.backends[index].pointee.add(counters[.init(kind: .backend, name: backend.name)] ?? [])
            for (place, server) in backend.servers.enumerated() {
                let flat = state.flatIndex(ServerReference(backend: index, server: place))
                state.inherited.servers[flat].pointee.add(counters[.init(kind: .server, name: "\(backend.name)/\(server.name)")] ?? [])
            }
        }
        for (index, frontend) in configuration.frontends.enumerated() {
            state.inherited.frontends[index].pointee.add(counters[.init(kind: .frontend, name: frontend.name)] ?? [])
        }
        startRates()
    }
}
