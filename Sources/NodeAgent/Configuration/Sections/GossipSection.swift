import Gossip
import Proxy
import Wire

/// `gossip`, a section of tsukada: the cluster that this node belongs to.
struct GossipSection: ConfigurationSection {
    static let name = "gossip"
    static let nodesMin = 2
    static let probeIntervals: ClosedRange<Duration> = .milliseconds(50) ... .seconds(5)
    static let deadAfterMax = Duration.seconds(60)
    /// The minimum number of missing heartbeats before a peer is declared dead.
    static let heartbeatsMissedMin = 3

    var draft: ClusterSettings
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) { draft = ClusterSettings(name: "", location: location) }

    /// Parses `gossip NAME`. A node belongs to one cluster, so a second section is an error, and its lines are only checked.
    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        line.shape = "<name>"
        let first = configuration.register("", kind: Self.name, at: draft.location)
        draft.name = try line.takeName()
        if let first {
            throw .custom("duplicate section 'gossip'", advice: "a node belongs to one cluster, that of \(first): remove this section")
        }
        try line.end()
    }

    static let keywords = KeywordTable<ClusterSettings>([
        Keyword(
            "admin-scope", .gossip, "node|cluster", "Scope of operators' commands that do not name one; default `node`.", adminScope),
        Keyword("bind", .gossip, "<address:port>", "Address on which this node receives; default: the address in its own `node` line.", bind),
        Keyword("dead-after", .gossip, "<time>", "Silence after which a peer is declared dead, up to 60s; default 1s.", deadAfter),
        Keyword("key-file", .gossip, "<path>", "File with the keys; required unless every address is a loopback address.", keyFile),
        Keyword("min-up", .gossip, "<number>", "Minimum number of usable servers that peers' reports leave in each proxy; default 1.", minUp),
        Keyword("node", .gossip, "<name> <address:port>", repetition: .many, "A node of the cluster, including this one; 2 to 16 lines.", node),
        Keyword(
            "policy", .gossip, "own|fast-down|any-down", "How much a peer's report about a server counts, see below; default `fast-down`.", policy),
        Keyword("probe-interval", .gossip, "<time>", "Time between heartbeats, 50ms to 5s; default 180ms.", probeInterval),
        Keyword(
            "state-dir", .gossip, "<folder>", "Folder that keeps operators' commands across restarts; without it only peers remember them.", stateDirectory),
    ])

    @Sendable private static func adminScope(_ draft: inout ClusterSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.adminScope = try line.takeChoice(["node": ClusterSettings.AdminScope.node, "cluster": .cluster])
    }

    @Sendable private static func bind(_ draft: inout ClusterSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.bind = try AddressReader(line).readGossipBind(line.takeRequired())
    }

    @Sendable private static func deadAfter(_ draft: inout ClusterSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let time = try line.takePositiveTime()
        guard time <= deadAfterMax else {
            throw .badValue(line.words[line.next - 1], of: line.keyword, expected: "a time of at most 60s, and at least three times the 'probe-interval'")
        }
        draft.deadAfter = time
    }

    @Sendable private static func keyFile(_ draft: inout ClusterSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.keyFile = try line.takeAbsolutePath(example: "/etc/tsukada/gossip.key")
    }

    @Sendable private static func minUp(_ draft: inout ClusterSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.minUp = try line.takeNumber(in: 0...ProxyDraft.serversMax)
    }

    @Sendable private static func node(_ draft: inout ClusterSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.takeName()
        let endpoint = try AddressReader(line).readGossipNode(line.takeRequired())
        if let first = draft.nodes.first(where: { $0.name == name }) { throw .duplicate(name, kind: "node", first: first.location) }
        if let first = draft.nodes.first(where: { $0.endpoint == endpoint }) {
            throw .badValue(endpoint.description, of: line.keyword, expected: "an address that no other node has: it belongs to the node at \(first.location)")
        }
        guard draft.nodes.count < GossipLimits.nodesMax else { throw .tooMany(what: "nodes in a cluster", limit: GossipLimits.nodesMax) }
        draft.nodes.append(ClusterSettings.Node(name: name, endpoint: endpoint, location: line.location))
    }

    @Sendable private static func policy(_ draft: inout ClusterSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.policy = try line.takeChoice(["own": VerdictPolicy.own, "fast-down": .fastDown, "any-down": .anyDown])
    }

    @Sendable private static func probeInterval(_ draft: inout ClusterSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let time = try line.takeTime()
        guard probeIntervals.contains(time) else {
            throw .badValue(line.words[line.next - 1], of: line.keyword, expected: "a time from 50ms to 5s")
        }
        draft.probeInterval = time
    }

    @Sendable private static func stateDirectory(_ draft: inout ClusterSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.stateDirectory = try line.takeAbsolutePath(example: "/var/lib/tsukada")
    }
}

extension GossipSection {
    /// Contradictions between the section's lines, each with its place.
    var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] {
        var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] = []
        if draft.nodes.isEmpty {
            problems.append((draft.location, .missingLine(of: "node", example: "node NAME ADDRESS:7946")))
        } else if draft.nodes.count < Self.nodesMin, let node = draft.nodes.first {
            problems.append((node.location, Self.singleNode))
        }
        if draft.keyFile == nil, let (location, address) = firstOpenAddress { problems.append((location, Self.missingKeyFile(address))) }
        if let (location, keyword, address) = firstOfOtherFamily {
            let expected = "an address of the same family (IPv4 or IPv6) as all others: a node has only one socket"
            problems.append((location, .badValue(address, of: keyword, expected: expected)))
        }
        if draft.policy == .anyDown, draft.minUp == 0 {
            let expected = "a number from 1 to \(ProxyDraft.serversMax): with 'policy any-down' a peer's mistake must not take out the last server"
            problems.append((uses["min-up"] ?? draft.location, .badValue("0", of: "min-up", expected: expected)))
        }
        let deadAfterMin = draft.probeInterval * Self.heartbeatsMissedMin
        if draft.deadAfter < deadAfterMin {
            let (after, interval) = (ConfigurationValue.text(of: draft.deadAfter), ConfigurationValue.text(of: draft.probeInterval))
            let expected = "'dead-after \(ConfigurationValue.text(of: deadAfterMin))' or more: three times the 'probe-interval' of \(interval)"
            problems.append((uses["dead-after"] ?? uses["probe-interval"] ?? draft.location, .badValue(after, of: "dead-after", expected: expected)))
        }
        return problems
    }

    /// The first address that other hosts may reach. A name counts, because it may have any address.
    private var firstOpenAddress: (ConfigurationLocation, String)? {
        if let node = draft.nodes.first(where: { !$0.endpoint.isLoopback }) { return (node.location, node.endpoint.description) }
        guard let bind = draft.bind, !bind.isLoopback else { return nil }
        return (uses["bind"] ?? draft.location, bind.description)
    }

    /// The first numeric address whose family differs from the preceding one: one socket cannot reach both.
    private var firstOfOtherFamily: (ConfigurationLocation, keyword: String, address: String)? {
        var isV6: Bool?
        if case .ip(let address, _)? = draft.bind { isV6 = address.isV6 }
        for node in draft.nodes {
            guard case .ip(let address, _) = node.endpoint else { continue }
            if let isV6, isV6 != address.isV6 { return (node.location, "node", node.endpoint.description) }
            isV6 = address.isV6
        }
        return nil
    }

    private static let singleNode = ConfigurationProblem.custom(
        "only one 'node'", advice: "a cluster needs at least two: add a line 'node NAME ADDRESS:PORT' for each other node, or remove the section")

    private static func missingKeyFile(_ address: String) -> ConfigurationProblem {
        let keygen = "run '(umask 077; tsukada keygen > /etc/tsukada/gossip.key)', copy the file to all nodes"
        return .custom("missing 'key-file'", advice: "other hosts can reach \(address): \(keygen), and add a line 'key-file /etc/tsukada/gossip.key'")
    }
}

extension KeywordPlaces {
    fileprivate static let gossip: KeywordPlaces = ["gossip"]
}

extension IPAddress {
    /// 127.0.0.0/8 and ::1.
    fileprivate var isLoopback: Bool {
        switch self {
        case .v4(let bits): bits >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }
}

extension Endpoint {
    fileprivate var isLoopback: Bool { if case .ip(let address, _) = self { address.isLoopback } else { false } }
}
