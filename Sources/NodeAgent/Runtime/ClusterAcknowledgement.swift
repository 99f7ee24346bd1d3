import Gossip
import LinuxIO
import Wire

/// The acknowledgement of a command `on cluster`: waits briefly for the live peers to acknowledge the command, then reports which have and which have not.
struct ClusterAcknowledgement: Equatable, Sendable {
    /// How long it waits for a live peer: several round trips and a lost datagram.
    static let timeout = Duration.milliseconds(200)
    /// The interval at which it checks the acknowledgements.
    static let pause = Duration.milliseconds(5)

    /// The revision that carries the command.
    let revision: UInt64
    private let deadline: Instant
    /// Whether `on cluster` was written, so that an answer is expected. Otherwise, with `admin-scope`, HAProxy's empty answer means success.
    private let isExplicit: Bool

    /// The acknowledgement of a command that was spread at `now` with `revision`.
    init(revision: UInt64, isExplicit: Bool = true, now: Instant) {
        self.revision = revision
        self.isExplicit = isExplicit
        deadline = now.advanced(by: Self.timeout)
    }

    /// The answer; `nil` while a live peer may still acknowledge.
    func answer(_ peers: [PeerAcknowledgement], now: Instant) -> String? {
        let missing = peers.filter { !$0.isAcknowledged }
        guard now >= deadline || missing.allSatisfy({ $0.state == .dead || $0.state == .left }) else { return nil }
        if missing.isEmpty, !isExplicit { return "" }
        let known = peers.filter(\.isAcknowledged).map(\.name)
        var sentences: [String] = []
        if !known.isEmpty { sentences.append("Acknowledged by \(known.joined(separator: ", ")).") }
        if !missing.isEmpty {
            let names = missing.map { "\($0.name) (\(Self.word($0.state)))" }
            sentences.append("Not yet acknowledged by \(names.joined(separator: ", ")): takes effect there once they are reached.")
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

/// Checks the acknowledgements repeatedly until there is an answer, without blocking the control thread.
final class AcknowledgementWait {
    private let acknowledgement: ClusterAcknowledgement
    private let reactor: Reactor
    private let peers: () -> [PeerAcknowledgement]
    private let answer: (String) -> Void
    private var timer: TimerToken?

    /// Calls `answer` once, with the answer.
    init(_ acknowledgement: ClusterAcknowledgement, reactor: Reactor, peers: @escaping () -> [PeerAcknowledgement], answer: @escaping (String) -> Void) {
        (self.acknowledgement, self.reactor, self.peers, self.answer) = (acknowledgement, reactor, peers, answer)
    }

    /// Answers now, or schedules the next check.
    func poll() {
        timer = nil
        if let text = acknowledgement.answer(peers(), now: reactor.now) { return answer(text) }
        timer = reactor.setTimer(at: reactor.now.advanced(by: ClusterAcknowledgement.pause)) { self.poll() }
    }

    /// Stops checking: the answer is not needed.
    func cancel() {
        if let timer { reactor.cancel(timer) }
        timer = nil
    }
}
