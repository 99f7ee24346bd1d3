import Gossip
import Proxy
import Wire

/// A log sentence about gossip, without the cluster's name and the final dot.
struct GossipSentence: Equatable, Sendable {
    /// Its severity.
    let level: LogLevel
    /// The limit that the line counts against: the kind of sentence and the peer that it is about.
    let subject: LogSubject
    /// The sentence.
    let text: String

    /// A sentence of a kind, about a peer or (with an empty `peer`) about this node.
    init(_ level: LogLevel, _ kind: String, about peer: String = "", _ text: String) {
        (self.level, subject, self.text) = (level, LogSubject(kind: "gossip \(kind)", about: peer), text)
    }

    /// The sentence for a peer's new state; `nil` for the initial state.
    init?(_ peer: String, _ state: PeerState, silence: Duration) {
        switch state {
        case .unknown: return nil
        case .alive: self.init(.notice, "alive", about: peer, "peer \(peer) is ALIVE")
        case .suspect: self.init(.info, "suspect", about: peer, "peer \(peer) is SUSPECT after \(Self.seconds(silence)) of silence")
        case .dead: self.init(.alert, "dead", about: peer, "peer \(peer) is DEAD after \(Self.seconds(silence)) of silence")
        case .left: self.init(.notice, "left", about: peer, "peer \(peer) has LEFT")
        }
    }

    /// The sentence for an alert: the problem and the remedy.
    init(_ alert: GossipAlert) {
        switch alert {
        case .unknownVersion(let version):
            self.init(.warning, "version", "datagrams of version \(version) come in, which is not spoken here: run the same release on all nodes")
        case .unknownKey(let peer):
            self.init(.alert, "key", about: peer, "\(peer) uses a key that is not in key-file: 'tsukada keys list' there and here shows which")
        case .duplicateName:
            self.init(
                .alert, "name", "another process speaks under this node's name: each node needs a name of its own, and each cluster keys of its own")
        case .configurationDiffers(let peer, let difference):
            let rule = "servers, rise and fall, nodes, policy, min-up and dead-after should be alike"
            let found = difference.text(peer).map { " (\($0))" } ?? ""
            self.init(.warning, "configuration", about: peer, "configuration differs from \(peer)'s: \(rule)\(found)")
        case .configurationAlike(let peer): self.init(.notice, "configuration", about: peer, "configuration is the same as \(peer)'s again")
        case .tablesDiffer(let peer): self.init(.warning, "tables", about: peer, "what \(peer) holds stays different although everything was delivered")
        case .viewsDiffer(let server, let peer, let isDownHere):
            let views = isDownHere ? "DOWN here, UP" : "UP here, DOWN"
            self.init(.warning, "views of \(server)", about: peer, "views differ on \(server) for 30s: \(views) at \(peer)")
        case .loss(let peer, let direction, let percent):
            self.init(.warning, "loss \(Self.word(direction))", about: peer, "\(percent)% loss \(Self.word(direction)) \(peer)")
        case .lossEnded(let peer, let direction):
            self.init(.notice, "loss \(Self.word(direction))", about: peer, "no more loss \(Self.word(direction)) \(peer)")
        case .notHeard(let peer, _): self.init(.alert, "not heard", about: peer, "UDP to \(peer) is blocked: we hear it, it does not hear us")
        case .heardElsewhere(let peer, let other):
            self.init(.alert, "heard elsewhere", about: peer, "UDP from \(peer) is blocked: \(other) hears it, we do not hear it")
        case .clockAhead(let peer, let milliseconds):
            let effect = "what operators say there wins over what they say here"
            self.init(.warning, "clock", about: peer, "the clock of \(peer) is \(milliseconds / 1_000)s ahead of this one's: \(effect)")
        case .farAhead(let peer):
            let remedy = "compare the clocks; if both are right, somebody with a key lies"
            self.init(
                .alert, "far ahead", about: peer, "some of what \(peer) says is more than ten years ahead of this node's clock and is refused: \(remedy)")
        case .storedFarAhead(let isSession, let words):
            let what = "\(isSession ? "the session, " : "")\(words) operators' words"
            let remedy = "if the clock is wrong, set it and reload this node"
            self.init(
                .warning, "store", "what state-dir holds is more than ten years ahead of this node's clock (\(what)) and is left out: \(remedy)")
        case .rowsRefused(let peer):
            let cause = "it speaks of unknown nodes, or of more servers than there is room for"
            self.init(.warning, "rows", about: peer, "some of what \(peer) says is refused: \(cause)")
        case .sealFailed(let error): self.init(.alert, "library", "the cryptographic library fails: \(error)")
        }
    }

    private static func word(_ direction: LossDirection) -> String {
        switch direction {
        case .fromPeer: "from"
        case .toPeer: "to"
        }
    }

    /// For example "1.03s".
    private static func seconds(_ duration: Duration) -> String {
        let hundredths = duration.wholeMilliseconds / 10
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)s"
    }
}

extension ConfigurationDifference {
    /// The most names in a list. The sentence also gives the number of further ones.
    private static let namesMax = 8

    /// The difference in words; `nil` if it is unknown.
    fileprivate func text(_ peer: String) -> String? {
        var parts: [String] = []
        if !different.isEmpty { parts.append("other at \(peer): \(Self.list(different))") }
        if !missing.isEmpty { parts.append("not at \(peer): \(Self.list(missing))") }
        if unknownCount > 0 { parts.append("not here: \(unknownCount) that \(peer) names") }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    private static func list(_ names: [String]) -> String {
        let rest = names.count > namesMax ? " and \(names.count - namesMax) more" : ""
        return names.prefix(namesMax).joined(separator: ", ") + rest
    }
}
