import Gossip
import Wire

extension GossipWorld {
    /// A node with its records.
    package final class Member {
        /// The core while the node runs.
        package internal(set) var core: GossipNode?
        /// The node's address.
        package internal(set) var address: SocketAddress
        /// The stored state.
        package var memory = GossipMemory()
        /// The index of the member whose name it uses: its own, unless it is an impostor.
        package internal(set) var identity: Int
        /// The number of starts.
        package internal(set) var runs = 0
        /// True while the node is suspended; datagrams wait in `inbox`.
        package internal(set) var isPaused = false
        /// The socket's buffer during a pause.
        package internal(set) var inbox: [Datagram] = []
        /// The safety rules of this node's program; `nil` for those of the world. A malicious program has fewer.
        package var rules: SafetyRules?
        /// The key file.
        package var ring: KeyRing
        /// All outputs except datagrams, with their times.
        package internal(set) var log: [(at: Instant, output: GossipOutput)] = []
        /// Sent bytes, including 28 bytes of IP and UDP headers per datagram.
        package internal(set) var sentBytes = 0
        /// Sent datagrams.
        package internal(set) var sentDatagrams = 0
        /// The servers that it is configured with.
        package var servers: [GossipServer]

        init(address: SocketAddress, identity: Int, ring: KeyRing, servers: [GossipServer]) {
            (self.address, self.identity, self.ring, self.servers) = (address, identity, ring, servers)
        }

        /// Changes the core in place, because a copy costs more than most inputs.
        func feed<Result>(_ deadline: inout Instant, _ body: (inout GossipNode) throws -> Result) rethrows -> Result? { try core?.fed(body, &deadline) }
    }
}

extension GossipNode {
    fileprivate mutating func fed<Result>(_ body: (inout GossipNode) throws -> Result, _ deadline: inout Instant) rethrows -> Result {
        defer { deadline = nextDeadline }
        return try body(&self)
    }
}
