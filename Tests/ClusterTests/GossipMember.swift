import ClusterWorld
import Foundation
import Support

/// One of two gossiping nodes: a proxy that a test may kill and start again, and its log since the start.
final class GossipMember {
    /// The article's runtime socket, with level admin.
    static let adminSocket = "stats socket /var/lib/haproxy/stats level admin"

    /// Where a node stores state; the user of the article's file owns it.
    static let stateDirectory = "/var/lib/tsukada"

    let node: Node
    var file: GossipFile
    private let log: LogReceiver
    private let mark: Int
    private let cluster: Cluster
    private let configuration: String?
    private let options: [String]
    private(set) var proxy: RunningProxy

    /// Starts a proxy.
    /// - Parameters:
    ///   - configuration: the text of haproxy.cfg; the article's when nil.
    ///   - options: additional command line arguments.
    init(_ node: Node, of cluster: Cluster, _ file: GossipFile, configuration: String?, options: [String] = []) throws {
        (self.node, self.file, self.cluster, self.configuration, self.options) = (node, file, cluster, configuration, options)
        log = try cluster.log(of: node)
        mark = log.mark
        proxy = try Self.start(on: node, of: cluster, file, configuration, options)
    }

    private static func start(
        on node: Node, of cluster: Cluster, _ file: GossipFile, _ configuration: String?, _ options: [String]
    ) throws -> RunningProxy {
        try file.writeKey(on: node)
        return try RunningProxy(.tsukada, on: node, in: cluster.world, configuration: configuration, ownSections: file.text, options: options)
    }

    /// Kills the proxy.
    /// - Returns: the moment before the signal.
    @discardableResult
    func killAtOnce() throws -> Int64 {
        let moment = MonotonicMoment.now
        proxy.send(signal: SIGKILL)
        try proxy.waitForEnd(within: 5)
        return moment
    }

    /// Starts the proxy again after its end.
    /// - Returns: the moment before the start.
    @discardableResult
    func start() throws -> Int64 {
        let moment = MonotonicMoment.now
        proxy = try Self.start(on: node, of: cluster, file, configuration, options)
        return moment
    }

    /// Removes the proxy's stored state.
    func loseStore() throws {
        let stored = try FileManager.default.contentsOfDirectory(atPath: "\(node.directory)/lib-tsukada")
        guard !stored.isEmpty else { throw ChildProcessError(description: "nothing is stored on \(node.name)") }
        for name in stored { try FileManager.default.removeItem(atPath: "\(node.directory)/lib-tsukada/\(name)") }
    }

    /// The lines logged since the start that contain `text`.
    func lines(with text: String) -> [LogLine] { log.lines(from: mark).filter { $0.text.contains(text) } }

    /// Waits for the first line that contains `text` and was received after `moment`.
    /// - Returns: the moment at which it was received.
    @discardableResult
    func wait(for text: String, after moment: Int64, within seconds: Double) throws -> Int64 {
        var found: Int64?
        let seen = { [self] in log.lines(from: mark).suffix(40).map(\.datagram).joined(separator: "\n") }
        try eventually(within: seconds, "'\(text)' on \(node.name); the last lines:\n\(seen())") {
            found = lines(with: text).first { $0.receivedAt >= moment }?.receivedAt
            return found != nil
        }
        return found ?? 0
    }

    /// The rows of `show gossip TABLE`, by the names of their columns.
    func rows(_ table: String) throws -> [[String: String]] {
        let lines = try proxy.command("show gossip \(table)").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        guard let header = lines.first, header.first == "#" else { return [] }
        return lines.dropFirst().map { Dictionary(zip(header.dropFirst(), $0), uniquingKeysWith: { first, _ in first }) }
    }

    /// This node's view of another one: a row of `show gossip members`.
    func row(of other: GossipMember) throws -> [String: String] {
        try rows("members").first { $0["name"] == other.node.name } ?? [:]
    }

    /// The number of times that this node has declared a peer dead.
    var deathsClaimed: Int { lines(with: "is DEAD").count }
}
