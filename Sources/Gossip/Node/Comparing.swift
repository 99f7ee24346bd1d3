import Wire

/// How a peer's configuration differs, as far as the peer has sent it.
package struct ConfigurationDifference: Equatable, Sendable {
    /// Parts with a different content there.
    package var different: [String] = []
    /// Parts that are missing there.
    package var missing: [String] = []
    /// The number of the peer's parts that are missing here: their names are unknown.
    package var unknownCount = 0

    /// No known difference.
    package init() {}
}

/// A peer's configuration, as far as it is known, while it differs from this node's.
struct PeerConfiguration: Sendable {
    /// Its hash.
    let hash: UInt64
    let since: Instant
    /// The state of its parts, by index; empty before the first record.
    var parts: [ConfigurationRecord.Part?] = []
    var arrived = 0
    var isTold = false

    /// All parts have arrived.
    var isComplete: Bool { arrived > 0 && arrived == parts.count }
}

/// Nodes whose configurations differ exchange their parts, so that both can name the differences.
extension GossipNode {
    /// A difference is reported without parts after this time: an older release sends none.
    static let partsAwaited = Duration.seconds(3)
    /// Parts are repeated because records get lost, and because the peer may have restarted.
    static let partsInterval = Duration.seconds(10)

    /// A heartbeat has come from the peer, with the hash of its configuration.
    mutating func compareConfiguration(_ hash: UInt64, of index: Int, now: Instant, into outputs: inout GossipOutputs) {
        guard hash != configuration else {
            if peers[index].isDifferenceTold { outputs.append(.alert(.configurationAlike(peer: peers[index].name))) }
            (peers[index].configuration, peers[index].isDifferenceTold) = (nil, false)
            return
        }
        if peers[index].configuration?.hash != hash { peers[index].configuration = PeerConfiguration(hash: hash, since: now) }
        guard let known = peers[index].configuration else { return }
        if peers[index].partsAt.map({ $0 <= now }) ?? true {
            peers[index].partsAt = now.advanced(by: GossipNode.partsInterval)
            sendParts(to: index, now: now, into: &outputs)
        }
        guard !known.isTold, known.since.advanced(by: GossipNode.partsAwaited) <= now else { return }
        tellDifference(ConfigurationDifference(), of: index, into: &outputs)
    }

    private mutating func sendParts(to index: Int, now: Instant, into outputs: inout GossipOutputs) {
        let all = settings.parts.prefix(GossipLimits.configurationPartsMax)
        for first in stride(from: 0, to: all.count, by: ConfigurationRecord.partsMax) {
            let parts = all[first..<min(first + ConfigurationRecord.partsMax, all.count)].map { ConfigurationRecord.Part(id: $0.id, hash: $0.hash) }
            let record = Record.configuration(
                ConfigurationRecord(configuration: configuration, total: UInt16(all.count), first: UInt16(first), parts: parts))
            send(.digest, to: index, into: &outputs) { record.write(to: &$0, now: now) }
        }
    }

    /// Some of the peer's parts have arrived.
    mutating func take(_ record: ConfigurationRecord, from index: Int, now: Instant, into outputs: inout GossipOutputs) {
        guard record.configuration != configuration else { return }
        if peers[index].configuration?.hash != record.configuration {
            peers[index].configuration = PeerConfiguration(hash: record.configuration, since: now)
        }
        guard var known = peers[index].configuration, !known.isComplete else { return }
        if known.parts.count != Int(record.total) { (known.parts, known.arrived) = (Array(repeating: nil, count: Int(record.total)), 0) }
        for (place, part) in zip(Int(record.first)..., record.parts) where place < known.parts.count {
            if known.parts[place] == nil { known.arrived += 1 }
            known.parts[place] = part
        }
        peers[index].configuration = known
        // A peer that keeps changing costs one comparison in a while.
        guard known.isComplete, peers[index].comparedAt.map({ $0.advanced(by: GossipNode.partsAwaited) <= now }) ?? true else { return }
        peers[index].comparedAt = now
        tellDifference(difference(from: known), of: index, into: &outputs)
    }

    private func difference(from known: PeerConfiguration) -> ConfigurationDifference {
        let theirs = Dictionary(known.parts.compactMap { $0 }.map { ($0.id, $0.hash) }) { first, _ in first }
        var difference = ConfigurationDifference()
        for part in settings.parts {
            guard let hash = theirs[part.id] else {
                difference.missing.append(part.name)
                continue
            }
            if hash != part.hash { difference.different.append(part.name) }
        }
        difference.unknownCount = max(0, theirs.count - (settings.parts.count - difference.missing.count))
        return difference
    }

    private mutating func tellDifference(_ difference: ConfigurationDifference, of index: Int, into outputs: inout GossipOutputs) {
        peers[index].configuration?.isTold = true
        peers[index].isDifferenceTold = true
        outputs.append(.alert(.configurationDiffers(peer: peers[index].name, difference)))
    }
}
