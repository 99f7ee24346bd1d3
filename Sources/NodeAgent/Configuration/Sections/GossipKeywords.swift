import Gossip
import Proxy
import Wire

/// The keywords of `gossip`, a section of tsukada's own.
enum GossipKeywords {
    static let nodesMin = 2
    static let probeIntervals: ClosedRange<Duration> = .milliseconds(50) ... .seconds(5)
    static let deadAfterMax = Duration.seconds(60)
    /// So many heartbeats must be missing before a peer is dead.
    static let heartbeatsMissedMin = 3

    static let keywords: [Keyword] = [
        Keyword(
            "admin-scope", .gossip, "node|cluster", "How far an operator's command reaches that does not say it; `node` without it.", .gossip(adminScope)),
        Keyword("bind", .gossip, "<address:port>", "Where this node receives; without it the address of its own `node` line.", .gossip(bind)),
        Keyword("dead-after", .gossip, "<time>", "The silence after which a peer is dead, up to 60s; 1s without it.", .gossip(deadAfter)),
        Keyword("key-file", .gossip, "<path>", "The keys; needed unless every address is a loopback address.", .gossip(keyFile)),
        Keyword("min-up", .gossip, "<number>", "Peers' words never leave fewer servers of a proxy usable; 1 without it.", .gossip(minUp)),
        Keyword("node", .gossip, "<name> <address:port>", repetition: .many, "A node of the cluster, this one included; 2 to 16 lines.", .gossip(node)),
        Keyword(
            "policy", .gossip, "own|fast-down|any-down", "How a peer's word on a server counts, see below; `fast-down` without it.", .gossip(policy)),
        Keyword("probe-interval", .gossip, "<time>", "The time between heartbeats, 50ms to 5s; 180ms without it.", .gossip(probeInterval)),
        Keyword("state-dir", .gossip, "<folder>", "Where operators' words outlive a restart; without it peers alone remember them.", .gossip(stateDirectory)),
    ]

    @Sendable private static func node(_ draft: inout GossipDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.needName()
        let endpoint = try AddressReader(line).readGossipNode(line.need())
        if let first = draft.section.nodes.first(where: { $0.name == name }) { throw .duplicate(name, kind: "node", first: first.location) }
        if let first = draft.section.nodes.first(where: { $0.endpoint == endpoint }) {
            throw .badValue(endpoint.description, of: line.keyword, expected: "an address that no other node has: it is the one of \(first.location)")
        }
        guard draft.section.nodes.count < GossipLimits.nodesMax else { throw .tooMany(what: "nodes in a cluster", limit: GossipLimits.nodesMax) }
        draft.section.nodes.append(GossipSection.Node(name: name, endpoint: endpoint, location: line.location))
    }

    @Sendable private static func bind(_ draft: inout GossipDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.section.bind = try AddressReader(line).readGossipBind(line.need())
        draft.bindLocation = line.location
    }

    @Sendable private static func keyFile(_ draft: inout GossipDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.section.keyFile = try line.needAbsolutePath(example: "/etc/tsukada/gossip.key")
    }

    @Sendable private static func stateDirectory(_ draft: inout GossipDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.section.stateDirectory = try line.needAbsolutePath(example: "/var/lib/tsukada")
    }

    @Sendable private static func policy(_ draft: inout GossipDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.section.policy = try line.needChoice(["own": VerdictPolicy.own, "fast-down": .fastDown, "any-down": .anyDown])
    }

    @Sendable private static func minUp(_ draft: inout GossipDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.section.minUp = try line.needNumber(in: 0...ProxyDraft.serversMax)
        draft.minUpLocation = line.location
    }

    @Sendable private static func probeInterval(_ draft: inout GossipDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let time = try line.needTime()
        guard probeIntervals.contains(time) else {
            throw .badValue(line.words[line.next - 1], of: line.keyword, expected: "a time from 50ms to 5s")
        }
        draft.section.probeInterval = time
        draft.probeIntervalLocation = line.location
    }

    @Sendable private static func deadAfter(_ draft: inout GossipDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let time = try line.needPositiveTime()
        guard time <= deadAfterMax else {
            throw .badValue(line.words[line.next - 1], of: line.keyword, expected: "a time of at most 60s, three times the 'probe-interval' or more")
        }
        draft.section.deadAfter = time
        draft.deadAfterLocation = line.location
    }

    @Sendable private static func adminScope(_ draft: inout GossipDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.section.adminScope = try line.needChoice(["node": GossipSection.AdminScope.node, "cluster": .cluster])
    }
}

/// A `gossip` section, as far as it is read, and where its lines stand.
struct GossipDraft: Sendable {
    var section: GossipSection
    var bindLocation: ConfigurationLocation?
    var minUpLocation: ConfigurationLocation?
    var probeIntervalLocation: ConfigurationLocation?
    var deadAfterLocation: ConfigurationLocation?

    init(name: String, location: ConfigurationLocation) { section = GossipSection(name: name, location: location) }

    /// What its lines say together and cannot mean, each with its place.
    var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] {
        var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] = []
        if section.nodes.isEmpty {
            problems.append((section.location, .missingLine(of: "node", example: "node NAME ADDRESS:7946")))
        } else if section.nodes.count < GossipKeywords.nodesMin, let node = section.nodes.first {
            problems.append((node.location, .lonelyNode))
        }
        if section.keyFile == nil, let (location, address) = firstOpenAddress { problems.append((location, .missingKeyFile(address: address))) }
        if let (location, keyword, address) = firstOfOtherFamily {
            let expected = "an address of the family of all others (IPv4 or IPv6): a node sends and receives with one socket"
            problems.append((location, .badValue(address, of: keyword, expected: expected)))
        }
        if section.policy == .anyDown, section.minUp == 0 {
            let expected = "a number from 1 to \(ProxyDraft.serversMax): with 'policy any-down' a peer's mistake must not take the last server"
            problems.append((minUpLocation ?? section.location, .badValue("0", of: "min-up", expected: expected)))
        }
        let deadAfterMin = section.probeInterval * GossipKeywords.heartbeatsMissedMin
        if section.deadAfter < deadAfterMin {
            let (after, interval) = (ConfigurationValue.text(of: section.deadAfter), ConfigurationValue.text(of: section.probeInterval))
            let expected = "'dead-after \(ConfigurationValue.text(of: deadAfterMin))' or more: three heartbeats, of which there is one each \(interval)"
            problems.append((deadAfterLocation ?? probeIntervalLocation ?? section.location, .badValue(after, of: "dead-after", expected: expected)))
        }
        return problems
    }

    /// The first address that other hosts reach, or that may be one: names may mean anything.
    private var firstOpenAddress: (ConfigurationLocation, String)? {
        if let node = section.nodes.first(where: { !$0.endpoint.isLoopback }) { return (node.location, node.endpoint.description) }
        guard let bind = section.bind, !bind.isLoopback else { return nil }
        return (bindLocation ?? section.location, bind.description)
    }

    /// The first numeric address of another family than the one before it: what one socket cannot reach.
    private var firstOfOtherFamily: (ConfigurationLocation, keyword: String, address: String)? {
        var isV6: Bool?
        if case .ip(let address, _)? = section.bind { isV6 = address.isV6 }
        for node in section.nodes {
            guard case .ip(let address, _) = node.endpoint else { continue }
            if let isV6, isV6 != address.isV6 { return (node.location, "node", node.endpoint.description) }
            isV6 = address.isV6
        }
        return nil
    }
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
