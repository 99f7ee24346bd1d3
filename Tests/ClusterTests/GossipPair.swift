import ClusterWorld
import Foundation
import Support
import Testing

/// tsukada01 and tsukada02 with the article's files and a gossip section.
final class GossipPair {
    let cluster: Cluster
    let first: GossipMember
    let second: GossipMember

    /// Starts both nodes.
    /// - Parameters:
    ///   - asAdministrator: the runtime sockets have level admin.
    ///   - options: additional command line arguments.
    ///   - hasStore: both nodes have a state-dir.
    ///   - sections: lines of further sections, the same on both nodes.
    ///   - configuration: the text of haproxy.cfg, the same on both nodes; the article's when nil.
    init(
        _ cluster: Cluster, asAdministrator: Bool = false, hasStore: Bool = false, options: [String] = [], sections: [String] = [],
        configuration: String? = nil
    ) throws {
        self.cluster = cluster
        var file = GossipFile(key: try GossipFile.newKey(on: cluster.tsukada01))
        if hasStore { file.more = ["state-dir \(GossipMember.stateDirectory)"] }
        file.more += sections
        func member(_ node: Node) throws -> GossipMember {
            let article = try seedConfiguration(of: node.name)
            let changed = article.replacingOccurrences(of: "stats socket /var/lib/haproxy/stats", with: GossipMember.adminSocket)
            return try GossipMember(node, of: cluster, file, configuration: configuration ?? (asAdministrator ? changed : nil), options: options)
        }
        first = try member(cluster.tsukada01)
        do {
            second = try member(cluster.tsukada02)
        } catch {
            first.proxy.stop()
            throw error
        }
    }

    var both: [GossipMember] { [first, second] }

    /// Ends both nodes, and removes the tests' packet filters.
    func stop() {
        for member in both {
            member.proxy.stop()
            try? member.node.drop(percent: 0)
        }
    }

    /// Waits until both nodes see each other.
    func waitUntilAlive(within seconds: Double = 10) throws {
        for (one, other) in [(first, second), (second, first)] {
            try eventually(within: seconds, "\(one.node.name) to see \(other.node.name) ALIVE: \(try one.rows("members"))", interval: 20) {
                try one.row(of: other)["state"] == "alive"
            }
        }
    }

    /// Waits until both nodes see each other and both databases.
    func waitUntilSettled() throws {
        try waitUntilAlive()
        for member in both { try member.proxy.waitUntilBothServersAreUp() }
    }

    /// Fails when a node declares a death within `seconds`.
    func expectNoDeath(for seconds: Double) throws {
        let before = both.map(\.deathsClaimed)
        try holds(for: seconds, "no death is declared", interval: 50) { both.map(\.deathsClaimed) == before }
    }

    /// Fails unless each node has declared this number of deaths since its start; every other one was false.
    func expectDeathsClaimed(first: Int, second: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        for (member, expected) in [(self.first, first), (self.second, second)] {
            let claims = member.lines(with: "is DEAD").map(\.datagram)
            #expect(claims.count == expected, "\(member.node.name) claimed:\n\(claims.joined(separator: "\n"))", sourceLocation: sourceLocation)
        }
    }
}

extension Node {
    /// Drops this percentage of the gossip datagrams that arrive here, only those from `source` if it is given; 0 ends it.
    func drop(percent: Int, from source: Node? = nil) throws {
        let match = (source.map { "ip saddr \($0.address) " } ?? "") + "udp dport 7946"
        let chance = percent == 100 ? "" : "numgen random mod 100 < \(percent) "
        let chain = "chain input { type filter hook input priority 0; \(match) \(chance)drop; };"
        try demand(["nft", percent == 0 ? "flush ruleset" : "flush ruleset; table inet gossip { \(chain) }"])
    }
}

/// Measured times of one kind, in seconds.
struct MeasuredTimes {
    private(set) var seconds: [Double] = []

    /// Adds the time between two moments.
    mutating func add(from start: Int64, to end: Int64) { seconds.append(Double(end - start) / 1e9) }

    var median: Double { seconds.isEmpty ? .nan : seconds.sorted()[seconds.count / 2] }
    var worst: Double { seconds.max() ?? .nan }

    /// "0.98 s (worst 1.07 of 3)"
    var text: String { String(format: "%.3f s (worst %.3f of %d)", median, worst, seconds.count) }

    /// Prints a line of the tests' table, and fails when the median is above `median` or one value above `worst`.
    /// - Parameter target: the design's promise; the limits leave room for a busy machine.
    func expect(
        _ scenario: String, _ what: String, target: Double, median medianMax: Double, worst worstMax: Double, at place: SourceLocation = #_sourceLocation
    ) {
        let limits = String(format: "target %.2f s | allowed: median %.2f s, worst %.2f s", target, medianMax, worstMax)
        print("| gossip | \(scenario) | \(what) | \(text) | \(limits) |")
        #expect(!seconds.isEmpty && median <= medianMax && worst <= worstMax, "\(scenario): \(what): \(seconds)", sourceLocation: place)
    }
}
