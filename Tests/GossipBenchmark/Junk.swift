import Gossip
import LinuxIO
import Seals
import Wire

/// Two nodes with the real seal after a handshake, and datagrams that a stranger might send to the first of them.
struct Junk {
    /// A kind of junk: its name, its datagrams, and the counter that must count them.
    struct Sort {
        let name: String
        let datagrams: [[UInt8]]
        let sources: [SocketAddress]
        let counter: @Sendable (GossipCounters) -> Int
    }

    private static let varietyCount = 1_024
    static let home = SocketAddress.ip(.v4(0x7f00_0001), port: 7_946)
    private static let away = SocketAddress.ip(.v4(0x7f00_0002), port: 7_946)

    private(set) var node: GossipNode
    let sorts: [Sort]

    init() throws {
        let seal = try OpenSSLSeal()
        let key = try KeyRing.key(Bytes32(1, 2, 3, 4), seal)
        var outputs = GossipOutputs()
        let now = MonotonicClock.now()
        func make(_ own: UInt64, _ other: UInt64, at address: SocketAddress) -> GossipNode {
            let peer = GossipPeer(id: NodeID(other), name: "tsukada\(other)", address: address)
            return GossipNode(
                GossipSettings(cluster: 7, node: NodeID(own), peers: [peer], configuration: 1), ring: KeyRing([key]), memory: GossipMemory(), seal: seal,
                random: SecureRandomGenerator(), wallMilliseconds: 1, now: now, into: &outputs)
        }
        var (one, other) = (make(1, 2, at: Junk.away), make(2, 1, at: Junk.home))
        var seen: [[UInt8]] = []
        for round in 0..<20 {
            seen += Junk.exchange(&other, with: &one, from: Junk.away, now: now.advanced(by: .milliseconds(10 * round)))
            seen += Junk.exchange(&one, with: &other, from: Junk.home, now: now.advanced(by: .milliseconds(10 * round)))
        }
        guard one.state(of: NodeID(2)) == .alive else { throw JunkError(message: "the nodes have not found each other") }
        func last(_ kind: DatagramKind) throws -> [UInt8] {
            guard let found = seen.last(where: { $0[3] == kind.rawValue && (try? Header($0[...]))?.receiver == NodeID(1) }) else {
                throw JunkError(message: "no \(kind) was sent")
            }
            return found
        }
        node = one
        sorts = Junk.sorts(traffic: try last(.heartbeat), hello: try last(.hello))
    }

    /// Runs one node's due work and delivers its datagrams to the other node.
    private static func exchange(_ from: inout GossipNode, with to: inout GossipNode, from source: SocketAddress, now: Instant) -> [[UInt8]] {
        var (sent, answered) = (GossipOutputs(), GossipOutputs())
        from.tick(now: now, into: &sent)
        var seen: [[UInt8]] = []
        for output in sent.list {
            guard case .send(let range, _) = output else { continue }
            seen.append(Array(sent.bytes[range]))
            to.receive(sent.bytes[range], from: source, now: now, into: &answered)
        }
        let target = source == home ? away : home
        for output in answered.list {
            guard case .send(let range, _) = output else { continue }
            seen.append(Array(answered.bytes[range]))
            from.receive(answered.bytes[range], from: target, now: now, into: &sent)
        }
        return seen
    }

    private static func sorts(traffic: [UInt8], hello: [UInt8]) -> [Sort] {
        var random = SplitMix64(seed: 1)
        func noise(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) } }
        func variety(_ make: (Int) -> [UInt8]) -> [[UInt8]] { (0..<varietyCount).map(make) }
        /// The header of a datagram with the next sequence numbers, followed by noise.
        func forged(_ header: [UInt8], _ number: Int, bytes: Int) -> [UInt8] {
            var forged = Array(header.prefix(Header.bytesCount)) + noise(bytes - Header.bytesCount)
            forged[37...39] = [1, UInt8(number >> 8), UInt8(number & 255)]
            return forged
        }
        func keyless(_ number: Int) -> [UInt8] {
            var forged = forged(traffic, number, bytes: 113)
            forged[4...7] = noise(4)[...]
            return forged
        }
        let many = (0..<varietyCount).map { SocketAddress.ip(.v4(0x0b00_0000 + UInt32($0)), port: 7_946) }
        return [
            Sort(name: "noise, 100 B", datagrams: variety { _ in noise(100) }, sources: [home], counter: { $0.malformed }),
            Sort(name: "noise, 1,400 B", datagrams: variety { _ in noise(1_400) }, sources: [home], counter: { $0.malformed }),
            Sort(name: "right header, no key, 113 B", datagrams: variety(keyless), sources: [home], counter: { $0.unknownKey }),
            Sort(name: "seen header, bad tag, 113 B", datagrams: variety { forged(traffic, $0, bytes: 113) }, sources: [home], counter: { $0.notAuthentic }),
            Sort(
                name: "seen header, bad tag, 1,400 B", datagrams: variety { forged(traffic, $0, bytes: 1_400) }, sources: [home], counter: { $0.notAuthentic }),
            Sort(name: "sent again, 113 B", datagrams: [traffic], sources: [home], counter: { $0.replayed }),
            Sort(name: "HELLO, one source", datagrams: variety { forged(hello, $0, bytes: 179) }, sources: [home], counter: { $0.limited }),
            Sort(name: "HELLO, 1,024 sources", datagrams: variety { forged(hello, $0, bytes: 179) }, sources: many, counter: { $0.limited }),
        ]
    }
}

/// The reason why nothing could be measured.
struct JunkError: Error {
    let message: String
}
