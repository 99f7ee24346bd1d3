import Wire

/// The known differences between a peer's configuration and this node's.
package struct ConfigurationDifference: Equatable, Sendable {
    /// Names of the parts whose content differs.
    package var different: [String] = []
    /// Names of the parts that the peer does not have.
    package var missing: [String] = []
    /// The number of the peer's parts that this node does not have. Their names are unknown.
    package var unknownCount = 0

    /// Creates an empty difference.
    package init() {}
}

/// The known parts of a peer's configuration, kept while it differs from this node's.
struct PeerConfiguration: Sendable {
    /// The hash of the whole configuration.
    let hash: UInt64
    let since: Instant
    /// The parts by index, `nil` for those that have not arrived; empty before the first record.
    var parts: [ConfigurationRecord.Part?] = []
    var arrived = 0
    var isReported = false

    /// True when all parts have arrived.
    var isComplete: Bool { arrived > 0 && arrived == parts.count }
}

/// Nodes whose configurations differ exchange the hashes of their parts, so that both can name the differences.
extension GossipNode {
    /// After this time a difference is reported without the names of parts, because an older release does not send them.
    static let partsTimeout = Duration.seconds(3)
    /// Parts are sent again at this interval, because records get lost and the peer may have restarted.
    static let partsInterval = Duration.seconds(10)

    /// Handles the configuration hash of a peer's heartbeat.
    mutating func compareConfiguration(_ hash: UInt64, of index: Int, now: Instant, into outputs: inout GossipOutputs) {
        guard hash != configuration else {
            if peers[index].isDifferenceReported { outputs.append(.alert(.configurationsEqual(peer: peers[index].name))) }
            (peers[index].configuration, peers[index].isDifferenceReported) = (nil, false)
            return
        }
        if peers[index].configuration?.hash != hash { peers[index].configuration = PeerConfiguration(hash: hash, since: now) }
        guard let known = peers[index].configuration else { return }
        if peers[index].partsAt.map({ $0 <= now }) ?? true {
            peers[index].partsAt = now.advanced(by: GossipNode.partsInterval)
            sendParts(to: index, now: now, into: &outputs)
        }
        guard !known.isReported, known.since.advanced(by: GossipNode.partsTimeout) <= now else { return }
        reportDifference(ConfigurationDifference(), of: index, into: &outputs)
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

    /// Takes in parts of the peer's configuration.
    mutating func handle(_ record: ConfigurationRecord, from index: Int, now: Instant, into outputs: inout GossipOutputs) {
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
        // A peer whose configuration changes often causes at most one comparison per `partsTimeout`.
        guard known.isComplete, peers[index].comparedAt.map({ $0.advanced(by: GossipNode.partsTimeout) <= now }) ?? true else { return }
        peers[index].comparedAt = now
        reportDifference(difference(from: known), of: index, into: &outputs)
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

    private mutating func reportDifference(_ difference: ConfigurationDifference, of index: Int, into outputs: inout GossipOutputs) {
        peers[index].configuration?.isReported = true
        peers[index].isDifferenceReported = true
        outputs.append(.alert(.configurationDiffers(peer: peers[index].name, difference)))
    }
}
