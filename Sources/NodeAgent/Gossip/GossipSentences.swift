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
            self.init(.warning, "version", "received datagrams of unsupported version \(version): run the same release on all nodes")
        case .unknownKey(let peer):
            self.init(.alert, "key", about: peer, "\(peer) uses a key that is not in key-file: compare 'tsukada keys list' on both nodes")
        case .duplicateName:
            self.init(
                .alert, "name", "another process uses this node's name: give each node its own name and each cluster its own keys")
        case .configurationDiffers(let peer, let difference):
            let found = difference.text(peer).map { " (\($0))" } ?? ""
            let remedy = "make servers, rise and fall, nodes, policy, min-up and dead-after alike"
            self.init(.warning, "configuration", about: peer, "configuration differs from \(peer)'s\(found): \(remedy)")
        case .configurationsEqual(let peer): self.init(.notice, "configuration", about: peer, "configuration is the same as \(peer)'s again")
        case .tablesDiffer(let peer): self.init(.warning, "tables", about: peer, "shared rows still differ from \(peer)'s although all were delivered")
        case .viewsDiffer(let server, let peer, let isDownHere):
            let views = isDownHere ? "DOWN here, UP" : "UP here, DOWN"
            self.init(.warning, "views of \(server)", about: peer, "views of server \(server) have differed for 30s: \(views) at \(peer)")
        case .loss(let peer, let direction, let percent):
            self.init(.warning, "loss \(Self.word(direction))", about: peer, "\(percent)% packet loss \(Self.word(direction)) \(peer)")
        case .lossEnded(let peer, let direction):
            self.init(.notice, "loss \(Self.word(direction))", about: peer, "packet loss \(Self.word(direction)) \(peer) is over")
        case .notReceivedByPeer(let peer, _):
            self.init(.alert, "not heard", about: peer, "UDP to \(peer) is blocked: this node hears \(peer), but \(peer) does not hear this node")
        case .aliveElsewhere(let peer, let other):
            self.init(.alert, "heard elsewhere", about: peer, "UDP from \(peer) is blocked: \(other) hears it, this node does not")
        case .clockAhead(let peer, let milliseconds):
            let effect = "cluster commands given there override later ones given here; synchronize the clocks"
            self.init(.warning, "clock", about: peer, "the clock of \(peer) is \(milliseconds / 1_000)s ahead of this node's: \(effect)")
        case .farAhead(let peer):
            let remedy = "compare the clocks; if both are right, replace the keys: a key holder sends false data"
            self.init(
                .alert, "far ahead", about: peer, "data from \(peer) is more than ten years ahead of this node's clock and is refused: \(remedy)")
        case .storedFarAhead(let isSession, let words):
            let what = "\(isSession ? "the session, " : "")\(words) cluster commands"
            let remedy = "if the clock is wrong, set it and reload this node"
            self.init(
                .warning, "store", "data in state-dir is more than ten years ahead of this node's clock and is ignored (\(what)): \(remedy)")
        case .rowsRefused(let peer):
            let cause = "they name unknown nodes, or more servers than there is room for"
            self.init(.warning, "rows", about: peer, "rows from \(peer) are refused: \(cause)")
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
        if !different.isEmpty { parts.append("different at \(peer): \(Self.list(different))") }
        if !missing.isEmpty { parts.append("missing at \(peer): \(Self.list(missing))") }
        if unknownCount > 0 { parts.append("missing here: \(unknownCount) of \(peer)'s parts") }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    private static func list(_ names: [String]) -> String {
        let rest = names.count > namesMax ? " and \(names.count - namesMax) more" : ""
        return names.prefix(namesMax).joined(separator: ", ") + rest
    }
}
