import LinuxIO
import Proxy
import Wire

/// Encodes the state of every proxy for another process, and adds the counters of a predecessor.
struct StateReport {
    private let state: ForwardingState
    private let statistics: any StatisticsSource
    private let servers: ServerControl
    private let now: () -> Instant

    /// Reads from `state`, `statistics` and `servers` when a row is composed.
    init(_ state: ForwardingState, _ statistics: any StatisticsSource, servers: ServerControl, now: @escaping () -> Instant) {
        (self.state, self.statistics, self.servers, self.now) = (state, statistics, servers, now)
    }

    /// The state as text: `known`, then the lines of every proxy.
    func text(_ known: AgentState) -> AnswerText {
        var head = FieldText()
        head.append(AgentState.header)
        known.write(to: &head)
        return AnswerText(head: head.text, statistics.outlines) { [self] in lines($1, of: $0) }
    }

    private func lines(_ part: ProxyOutline.Part, of proxy: ProxyOutline) -> String {
        var (text, known) = (FieldText(), AgentState())
        switch part {
        case .frontend(let frontend): known.counters[.init(kind: .frontend, name: proxy.name)] = state.totals(ofFrontend: frontend).numbers
        case .socket: break
        case .backend(let backend): known.counters[.init(kind: .backend, name: proxy.name)] = state.totals(ofBackend: backend).numbers
        case .server(let reference):
            let row = statistics.serverStatistics(reference)
            StatePart.writeRow(to: &text) { proxy.writeState(of: row, to: &$0) }
            known.servers[ServerName(backend: proxy.name, server: row.name)] = servers.registry.memory(of: reference, now: now())
            let flat = state.flatIndex(reference)
            known.counters[.init(kind: .server, name: "\(proxy.name)/\(row.name)")] = state.totals(ofServers: flat..<flat + 1).numbers
            for part in StatePart.ofServer { part.write(known, &text) }
        }
        StatePart.counters.write(known, &text)
        return text.text
    }

    /// Adds the counters of a predecessor.
    func addCounters(_ counters: [AgentState.CounterKey: [UInt64]]) {
        for (index, backend) in state.backends.enumerated() {
            state.inherited.backends[index].pointee.add(counters[.init(kind: .backend, name: backend.name)] ?? [])
            for (place, server) in backend.servers.enumerated() {
                let flat = state.flatIndex(ServerReference(backend: index, server: place))
                state.inherited.servers[flat].pointee.add(counters[.init(kind: .server, name: "\(backend.name)/\(server.name)")] ?? [])
            }
        }
        for (index, frontend) in state.frontends.enumerated() {
            state.inherited.frontends[index].pointee.add(counters[.init(kind: .frontend, name: frontend.name)] ?? [])
        }
    }
}
