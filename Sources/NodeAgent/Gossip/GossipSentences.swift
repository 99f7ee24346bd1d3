import Gossip
import Proxy
import Wire

/// What gossip says in the log, without the cluster's name and the final dot.
enum GossipSentences {
    /// A sentence and how bad it is.
    typealias Sentence = (level: LogLevel, text: String)

    /// A peer's new state; `nil` for the one it begins with.
    static func of(_ peer: String, _ state: PeerState, silence: Duration) -> Sentence? {
        switch state {
        case .unknown: nil
        case .alive: (.notice, "peer \(peer) is ALIVE")
        case .suspect: (.info, "peer \(peer) is SUSPECT after \(seconds(silence)) of silence")
        case .dead: (.alert, "peer \(peer) is DEAD after \(seconds(silence)) of silence")
        case .left: (.notice, "peer \(peer) has LEFT")
        }
    }

    /// What an operator should know, and what to do about it.
    static func of(_ alert: GossipAlert) -> Sentence {
        switch alert {
        case .unknownVersion(let version):
            (.warning, "datagrams of version \(version) come in, which is not spoken here: run the same release on all nodes")
        case .unknownKey(let peer):
            (.alert, "\(peer) uses a key that is not in key-file: 'tsukada keys list' there and here shows which")
        case .duplicateName:
            (.alert, "another process speaks under this node's name: each node needs a name of its own, and each cluster keys of its own")
        case .configurationDiffers(let peer):
            (.warning, "configuration differs from \(peer)'s: servers, rise and fall, nodes, policy, min-up and dead-after should be alike")
        case .tablesDiffer(let peer):
            (.warning, "what \(peer) holds stays different although everything was delivered")
        case .viewsDiffer(let server, let peer, let isDownHere):
            (.warning, "views differ on \(server) for 30s: \(isDownHere ? "DOWN here, UP" : "UP here, DOWN") at \(peer)")
        case .loss(let peer, let direction, let percent): (.warning, "\(percent)% loss \(word(direction)) \(peer)")
        case .lossEnded(let peer, let direction): (.notice, "no more loss \(word(direction)) \(peer)")
        case .notHeard(let peer, _): (.alert, "UDP to \(peer) is blocked: we hear it, it does not hear us")
        case .heardElsewhere(let peer, let other): (.alert, "UDP from \(peer) is blocked: \(other) hears it, we do not hear it")
        case .clockAhead(let peer, let milliseconds):
            (.warning, "the clock of \(peer) is \(milliseconds / 1_000)s ahead of this one's: what operators say there wins over what they say here")
        case .rowsRefused(let peer): (.warning, "some of what \(peer) says is refused: it speaks of unknown nodes, or of more servers than there is room for")
        case .farAhead(let peer):
            (
                .alert,
                "some of what \(peer) says is more than ten years ahead of this node's clock and is refused: compare the clocks; "
                    + "if both are right, somebody with a key lies"
            )
        case .storedFarAhead(let isSession, let words):
            (
                .warning,
                "what state-dir holds is more than ten years ahead of this node's clock (\(isSession ? "the session, " : "")"
                    + "\(words) operators' words) and is left out: if the clock is wrong, set it and reload this node"
            )
        case .sealFailed(let error): (.alert, "the cryptographic library fails: \(error)")
        }
    }

    private static func word(_ direction: LossDirection) -> String {
        switch direction {
        case .fromPeer: "from"
        case .toPeer: "to"
        }
    }

    /// "1.03s".
    private static func seconds(_ duration: Duration) -> String {
        let hundredths = duration.wholeMilliseconds / 10
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)s"
    }
}
