import Gossip
import Wire

extension GossipWorld {
    /// A node and what it has said.
    package final class Member {
        /// The node while it runs.
        package internal(set) var core: GossipNode?
        /// Where it is.
        package internal(set) var address: SocketAddress
        /// What it has stored.
        package var memory = GossipMemory()
        /// The member whose name it bears: itself, unless it is an impostor.
        package internal(set) var identity: Int
        /// How often it was started.
        package internal(set) var runs = 0
        /// Stopped: what comes waits in `inbox`.
        package internal(set) var isPaused = false
        /// The socket's buffer while it is paused.
        package internal(set) var inbox: [Datagram] = []
        /// The rules of its own program; `nil` for those of the world. A liar's program has fewer.
        package var rules: SafetyRules?
        /// Its key file.
        package var ring: KeyRing
        /// Every output but datagrams, with its time.
        package internal(set) var log: [(at: Instant, output: GossipOutput)] = []
        /// With 28 bytes of IP and UDP each.
        package internal(set) var sentBytes = 0
        /// Datagrams.
        package internal(set) var sentDatagrams = 0
        /// What it is configured to check.
        package var servers: [GossipServer]

        init(address: SocketAddress, identity: Int, ring: KeyRing, servers: [GossipServer]) {
            (self.address, self.identity, self.ring, self.servers) = (address, identity, ring, servers)
        }

        /// Changes the node where it lies: a copy of it costs more than most inputs do.
        func feed<Result>(_ deadline: inout Instant, _ body: (inout GossipNode) throws -> Result) rethrows -> Result? { try core?.fed(body, &deadline) }
    }
}

extension GossipNode {
    fileprivate mutating func fed<Result>(_ body: (inout GossipNode) throws -> Result, _ deadline: inout Instant) rethrows -> Result {
        defer { deadline = nextDeadline }
        return try body(&self)
    }
}
