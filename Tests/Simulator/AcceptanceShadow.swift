import Gossip
import Wire

/// The datagrams that one run of a node has accepted: S6 (no duplicates, no datagram of another session), S13 (address and session only after proof).
struct AcceptanceShadow {
    private struct ChannelName: Hashable {
        let sender: NodeID
        let senderSession: UInt64
        let receiverSession: UInt64
        let key: UInt32
    }

    private var accepted: [ChannelName: Set<UInt64>] = [:]
    private var highest: [ChannelName: UInt64] = [:]
    /// The counters and the proven state before the input.
    private var refusals = 0
    private var replays = 0
    private var session: UInt64 = 0
    private var proven: (address: SocketAddress, session: UInt64)?

    mutating func willReceive(_ header: Header?, _ core: GossipNode) {
        (refusals, replays, session) = (Self.refusals(core.counters), core.counters.replayed, core.session)
        proven = header.flatMap { core.proven($0.sender) }
    }

    private static func refusals(_ counters: GossipCounters) -> Int {
        counters.malformed + counters.unknownVersion + counters.foreign + counters.unknownKey + counters.replayed + counters.notAuthentic + counters.limited
            + counters.outdated
    }

    /// True when the datagram was accepted as its sender's; `header` is `nil` when it has none.
    func isAccepted(_ header: Header?, _ core: GossipNode) -> Bool {
        guard let header, header.kind != .hello, header.kind != .helloAnswer else { return false }
        return Self.refusals(core.counters) == refusals
    }

    mutating func hasReceived(_ header: Header?, from source: SocketAddress, _ core: GossipNode) -> Violation? {
        guard let header else { return provenMoved(core.proven, false, nil, source) }
        let isAccepted = isAccepted(header, core)
        let name = ChannelName(sender: header.sender, senderSession: header.senderSession, receiverSession: header.receiverSession, key: header.key)
        if isAccepted {
            guard header.receiverSession == session else {
                return Violation("S6", "accepted for session \(header.receiverSession), but the node is in session \(session)")
            }
            guard accepted[name, default: []].insert(header.sequence).inserted else { return Violation("S6", "datagram \(header.sequence) accepted twice") }
            highest[name] = max(highest[name] ?? 0, header.sequence)
        } else if core.counters.replayed > replays, accepted[name]?.contains(header.sequence) != true {
            // A datagram that was neither accepted nor too old is not a replay: only verified datagrams move the window.
            guard header.sequence + 1_024 <= highest[name] ?? 0 else {
                return Violation("S6", "datagram \(header.sequence) rejected as a replay, but it is new")
            }
        }
        return provenMoved(core.proven, isAccepted, header, source)
    }

    private func provenMoved(
        _ ask: (NodeID) -> (address: SocketAddress, session: UInt64)?, _ isAccepted: Bool, _ header: Header?, _ source: SocketAddress
    ) -> Violation? {
        guard let header, let after = ask(header.sender), proven.map({ $0 != after }) ?? true else { return nil }
        guard isAccepted, after.session == header.senderSession, after.session >= proven?.session ?? 0 else {
            return Violation("S13", "session \(after.session) adopted without proof")
        }
        guard after.address == source || after.address == proven?.address else { return Violation("S13", "an address adopted from which no datagram came") }
        return nil
    }
}
