import Gossip
import Simulation
import Wire

/// The verdicts that a node may reach, by a second implementation from its own checks: S7, S8, S9.
struct VerdictShadow {
    private struct Failure {
        let at: Instant
        let isSilent: Bool
    }

    private struct Server {
        var configured: GossipServer
        var address: SocketAddress?
        /// Failures of this address since the last pass.
        var failures: [Failure] = []
        var failuresInRow = 0
        var passesWhileNotUp = 0
        var verdict = ServerVerdict.up
    }

    private var servers: [ServerID: Server] = [:]
    /// The same node without peers, with the same checks.
    private var twin: GossipNode?
    private var usable: [Int: Int] = [:]
    private var outputs = GossipOutputs()

    init(twin: GossipNode?) { self.twin = twin }

    mutating func willHandle(_ event: GossipEvent?, _ core: GossipNode, now: Instant) {
        for server in servers.values { usable[server.configured.proxy] = core.usableCount(ofProxy: server.configured.proxy) }
        switch event {
        case .configured(let configured, _)?: configure(configured)
        case .observed(let server, let observation)?: observe(server, observation, now: now)
        case .addressChanged(let server, let address)?: move(server, to: address)
        case .peerAddress?, .administered?, .localState?, .maintenanceEnded?, .requestPeerChecks?, .wallClock?, .acquireLease?, .releaseLease?, .ballot?,
            .leave?,
            nil:
            break
        }
    }

    mutating func configure(_ configured: [GossipServer]) {
        let old = servers
        servers = [:]
        for server in configured {
            servers[server.id] = old[server.id] ?? Server(configured: server, failuresInRow: server.fall - 1)
            servers[server.id]?.configured = server
        }
    }

    private mutating func move(_ id: ServerID, to address: SocketAddress?) {
        guard servers[id] != nil, servers[id]?.address != address else { return }
        servers[id]?.address = address
        servers[id]?.failures = []
    }

    private mutating func observe(_ id: ServerID, _ observation: Observation, now: Instant) {
        move(id, to: observation.address)
        guard var server = servers[id] else { return }
        switch observation.finding {
        case .passed:
            server.failures = []
            server.failuresInRow = 0
            server.passesWhileNotUp += 1
        case .failedWithResponse, .failedWithoutResponse, .accessDenied:
            server.failures = server.failures.suffix(63) + [Failure(at: now, isSilent: observation.finding == .failedWithoutResponse)]
            server.failuresInRow += 1
            server.passesWhileNotUp = 0
        case .blocked: server.passesWhileNotUp = 0
        case .full, .ownFault: break
        }
        servers[id] = server
    }

    /// True for two spaced failures of this node that are at most two seconds old.
    private static func hasOwnEvidence(_ failures: [Failure], now: Instant) -> Bool {
        let fresh = failures.filter { $0.at.duration(to: now) <= .seconds(2) }
        return fresh.indices.contains { later in
            fresh[..<later].contains {
                $0.at.duration(to: fresh[later].at) >= ($0.isSilent || fresh[later].isSilent ? .milliseconds(500) : .milliseconds(50))
            }
        }
    }

    mutating func didHandle(
        _ input: GossipWorld.Input, _ core: GossipNode, _ list: [GossipOutput], now: Instant
    ) -> Violation? {
        followTwin(input, now: now)
        var (isGossips, hasOperatorCommand): (Set<Int>, Bool) = ([], false)
        for output in list {
            switch output {
            case .verdictChanged(let id, let verdict):
                guard let server = servers[id] else { return Violation("S8", "a verdict on a server that is not configured") }
                if let violation = judge(server, verdict, now: now) { return violation }
                if verdict == .down(.peers) || verdict == .down(.ownAndPeers) { isGossips.insert(server.configured.proxy) }
                if server.verdict == .up || isFull(server.verdict) { servers[id]?.passesWhileNotUp = 0 }
                servers[id]?.verdict = verdict
            case .administrativeChanged: hasOperatorCommand = true
            case .send, .requestCheck, .peerChanged, .leaseChanged, .leaseGranted, .ballotChanged, .persist, .alert: break
            }
        }
        for proxy in isGossips.sorted() where !hasOperatorCommand {
            let (before, after) = (usable[proxy] ?? 0, core.usableCount(ofProxy: proxy))
            let floor = servers.values.first { $0.configured.proxy == proxy }?.configured.minUp ?? 0
            guard after >= floor || after >= before else { return Violation("S9", "gossip leaves \(after) of \(before) servers usable, min-up is \(floor)") }
        }
        return compareWithTwin(core)
    }

    private func isFull(_ verdict: ServerVerdict) -> Bool { if case .full = verdict { true } else { false } }

    private func judge(_ server: Server, _ verdict: ServerVerdict, now: Instant) -> Violation? {
        let name = server.configured.name
        switch verdict {
        case .down(.ownChecks):
            guard server.failuresInRow >= server.configured.fall else { return Violation("S8", "\(name) DOWN by \(server.failuresInRow) own failures") }
        case .down(.ownAndPeers):
            guard server.configured.policy != .own else { return Violation("S7", "\(name) DOWN by peers under \(server.configured.policy)") }
            guard Self.hasOwnEvidence(server.failures, now: now) else { return Violation("S8", "\(name) DOWN without own evidence") }
        case .down(.peers):
            guard server.configured.policy == .anyDown else { return Violation("S7", "\(name) DOWN by peers under \(server.configured.policy)") }
        case .up, .full:
            let wasOff: Bool =
                switch server.verdict {
                case .down, .blocked: true
                case .up, .full: false
                }
            guard !wasOff || server.passesWhileNotUp >= server.configured.rise else {
                return Violation("S8", "\(name) UP after \(server.passesWhileNotUp) own passes")
            }
        case .blocked: break
        }
        return nil
    }

    private mutating func followTwin(_ input: GossipWorld.Input, now: Instant) {
        guard twin != nil else { return }
        outputs.removeAll()
        switch input {
        case .tick: twin?.tick(now: now, into: &outputs)
        case .local(.configured(let servers, let hash)): twin?.local(.configured(servers: servers, configuration: hash), now: now, into: &outputs)
        case .local(.observed(let server, let observation)): twin?.local(.observed(server, observation), now: now, into: &outputs)
        case .local(.addressChanged(let server, let address)): twin?.local(.addressChanged(server, address), now: now, into: &outputs)
        case .local, .start, .datagram, .command: break
        }
    }

    private func compareWithTwin(_ core: GossipNode) -> Violation? {
        guard let twin else { return nil }
        for server in servers.values where server.configured.policy == .own {
            let (mine, alone) = (core.verdict(of: server.configured.id), twin.verdict(of: server.configured.id))
            guard mine == alone else {
                return Violation("S7", "\(server.configured.name) is \(mine.map { "\($0)" } ?? "unknown"), without peers \(alone.map { "\($0)" } ?? "unknown")")
            }
        }
        return nil
    }
}
