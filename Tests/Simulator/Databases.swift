import Gossip
import Simulation
import Wire

/// The servers that the nodes check: what they are like now, and how a check of a node's ends.
struct Databases {
    /// What a server is like.
    enum Condition: Equatable {
        case up
        case refused
        case silent
        case full
        /// The check's user is refused.
        case denied
    }

    struct Database {
        let server: GossipServer
        var condition = Condition.up
        var address: SocketAddress
        /// Nodes whose hosts it refuses (1129).
        var blocks: Set<Int> = []
    }

    private(set) var list: [Database]
    /// Nodes that have run out of descriptors.
    var exhausted: Set<Int> = []

    init(_ servers: [GossipServer]) {
        list = servers.enumerated().map { Database(server: $1, address: .ip(.v4(0x0a01_0001 + UInt32($0)), port: 3_306)) }
    }

    subscript(index: Int) -> Database {
        get { list[index] }
        set { list[index] = newValue }
    }

    func index(_ id: ServerID) -> Int? { list.firstIndex { $0.server.id == id } }

    /// How a check of `node` that begins now ends, and after what time. `address` is where the node looks.
    func check(_ index: Int, by node: Int, at address: SocketAddress, random: (Int) -> Int) -> (Observation, after: Duration) {
        let database = list[index]
        let quick = Duration.microseconds(300 + random(2_000))
        func end(_ finding: Finding, _ pause: Duration) -> (Observation, after: Duration) {
            (Observation(finding, address: address, code: finding == .passed ? 6 : 7, latency: pause, lag: .milliseconds(random(50)), weight: 1), pause)
        }
        if exhausted.contains(node) { return end(.ownFault, .microseconds(50)) }
        // Where it was, nobody answers.
        if address != database.address { return end(.failedSilently, .milliseconds(500)) }
        if database.blocks.contains(node) { return end(.blocked, quick) }
        return switch database.condition {
        case .up: end(.passed, quick)
        case .refused: end(.failedLoudly, quick)
        case .silent: end(.failedSilently, .milliseconds(500))
        case .full: end(.full, quick)
        case .denied: end(.accessDenied, quick)
        }
    }

    /// Everything is well again.
    mutating func recover() {
        exhausted = []
        for index in list.indices { (list[index].condition, list[index].blocks) = (.up, []) }
    }
}
