import Gossip
import Wire

/// What a command `on cluster` waits for: that the live peers acknowledge it, for a moment. What it answers is who has and who has not.
struct ClusterReceipt: Equatable, Sendable {
    /// How long a live peer is waited for: several round trips and a lost datagram.
    static let patience = Duration.milliseconds(200)
    /// How often the receipts are looked at meanwhile.
    static let pause = Duration.milliseconds(5)

    /// The change that carries the command.
    let revision: UInt64
    private let deadline: Instant

    /// The command was spread `now`, as the change `revision`.
    init(revision: UInt64, now: Instant) {
        self.revision = revision
        deadline = now.advanced(by: Self.patience)
    }

    /// The answer; `nil` as long as a peer that is not known to be dead may still acknowledge.
    func answer(_ peers: [PeerReceipt], now: Instant) -> String? {
        let missing = peers.filter { !$0.isAcknowledged }
        guard now >= deadline || missing.allSatisfy({ $0.state == .dead || $0.state == .left }) else { return nil }
        let known = peers.filter(\.isAcknowledged).map(\.name)
        var sentences: [String] = []
        if !known.isEmpty { sentences.append("Acknowledged by \(known.joined(separator: ", ")).") }
        if !missing.isEmpty {
            let names = missing.map { "\($0.name) (\(Self.word($0.state)))" }
            sentences.append("Not yet acknowledged by \(names.joined(separator: ", ")): it counts there once they hear this node.")
        }
        return sentences.joined(separator: " ") + "\n"
    }

    private static func word(_ state: PeerState) -> String {
        switch state {
        case .unknown: "never heard"
        case .alive: "alive"
        case .suspect: "suspect"
        case .dead: "dead"
        case .left: "left"
        }
    }
}
