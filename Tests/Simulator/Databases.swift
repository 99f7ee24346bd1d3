import Gossip
import Simulation
import Wire

/// The servers that the nodes check: their condition, and the results of checks.
struct Databases {
    /// The condition of a server.
    enum Condition: Equatable {
        case up
        case refused
        case silent
        case full
        /// The server refuses the check's user.
        case denied
    }

    struct Database {
        let server: GossipServer
        var condition = Condition.up
        var address: SocketAddress
        /// Nodes whose hosts the server blocks (1129).
        var blocks: Set<Int> = []
    }

    private(set) var list: [Database]
    /// Nodes without free descriptors.
    var exhausted: Set<Int> = []

    init(_ servers: [GossipServer]) {
        list = servers.enumerated().map { Database(server: $1, address: .ip(.v4(0x0a01_0001 + UInt32($0)), port: 3_306)) }
    }

    subscript(index: Int) -> Database {
        get { list[index] }
        set { list[index] = newValue }
    }

    func index(_ id: ServerID) -> Int? { list.firstIndex { $0.server.id == id } }

    /// The result of a check that `node` starts at this time, and its duration. `address` is the address that the node checks.
    func check(_ index: Int, by node: Int, at address: SocketAddress, random: (Int) -> Int) -> (Observation, after: Duration) {
        let database = list[index]
        let quick = Duration.microseconds(300 + random(2_000))
        func end(_ finding: Finding, _ pause: Duration) -> (Observation, after: Duration) {
            (Observation(finding, address: address, code: finding == .passed ? 6 : 7, latency: pause, lag: .milliseconds(random(50)), weight: 1), pause)
        }
        if exhausted.contains(node) { return end(.ownFault, .microseconds(50)) }
        // The old address of a server does not answer.
        if address != database.address { return end(.failedWithoutResponse, .milliseconds(500)) }
        if database.blocks.contains(node) { return end(.blocked, quick) }
        return switch database.condition {
        case .up: end(.passed, quick)
        case .refused: end(.failedWithResponse, quick)
        case .silent: end(.failedWithoutResponse, .milliseconds(500))
        case .full: end(.full, quick)
        case .denied: end(.accessDenied, quick)
        }
    }

    /// Ends all faults.
    mutating func recover() {
        exhausted = []
        for index in list.indices { (list[index].condition, list[index].blocks) = (.up, []) }
    }
}
