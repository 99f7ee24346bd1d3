import Wire

/// The keys of a cluster: the first one is sent with, all are received with.
///
/// Rotation without downtime: install the new key everywhere, use it everywhere, remove the old one everywhere.
package struct KeyRing: Sendable {
    /// One key.
    package struct Key: Equatable, Sendable {
        /// The first 4 bytes of SHA-256(secret).
        package let id: UInt32
        /// 32 random bytes.
        package let secret: Bytes32
    }

    /// Why a change of the ring was refused; the ring is as it was.
    package enum Refusal: Error, Equatable, Sendable, CustomStringConvertible {
        /// No such key is held.
        case unknown
        /// The ring is full.
        case full(limit: Int)
        /// The key is the one sent with: use another one first.
        case inUse
        /// These nodes do not hold the key that is sent with, or have not said so.
        case lacking(nodes: [String])
        /// These nodes still send with this key.
        case sentWith(by: [String])

        /// A sentence for the operator.
        package var description: String {
            switch self {
            case .unknown: "no such key; 'tsukada keys list' shows the ids"
            case .full(let limit): "the ring has \(limit) keys already; remove one first"
            case .inUse: "this key is sent with; 'tsukada keys use' another one first"
            case .sentWith(let nodes): "\(nodes.joined(separator: ", ")) still sends with this key; 'tsukada keys use' the other one there first"
            case .lacking(let nodes): "the key in use is not known to be held by \(nodes.joined(separator: ", ")); install it there first"
            }
        }
    }

    /// In the order of the file.
    package private(set) var keys: [Key]

    /// A ring of `keys`, at least one, at most `GossipLimits.keysMax`; further ones are left out.
    package init(_ keys: [Key]) {
        precondition(!keys.isEmpty, "a ring has at least one key")
        self.keys = Array(keys.prefix(GossipLimits.keysMax))
    }

    /// A key with its id.
    package static func key(_ secret: Bytes32, _ seal: any Seal) throws(SealError) -> Key {
        Key(id: UInt32(truncatingIfNeeded: try seal.digest(secret.bytes).first >> 32), secret: secret)
    }

    /// The key sent with.
    package var current: Key { keys[0] }

    /// The ids, the one sent with first.
    package var ids: [UInt32] { keys.map(\.id) }

    /// Tells one set of keys in use from another; never 0.
    var hash: UInt32 { KeyRing.hash(of: keys.lazy.map(\.id)) }

    static func hash(of ids: some Sequence<UInt32>) -> UInt32 {
        var print = Fingerprint(20)
        for id in ids { print = print.adding(UInt64(id)) }
        return UInt32(truncatingIfNeeded: print.value >> 32) | 1
    }

    /// The key of an id.
    package func key(_ id: UInt32) -> Key? { keys.first { $0.id == id } }

    mutating func install(_ key: Key) throws(Refusal) {
        guard !keys.contains(where: { $0.id == key.id }) else { return }
        guard keys.count < GossipLimits.keysMax else { throw .full(limit: GossipLimits.keysMax) }
        keys.append(key)
    }

    mutating func use(_ id: UInt32) throws(Refusal) {
        guard let index = keys.firstIndex(where: { $0.id == id }) else { throw .unknown }
        keys.insert(keys.remove(at: index), at: 0)
    }

    /// `holders` tells, for each peer, its name and the ids it is known to hold.
    mutating func remove(_ id: UInt32, holders: [(name: String, ids: [UInt32])]) throws(Refusal) {
        guard let index = keys.firstIndex(where: { $0.id == id }) else { throw .unknown }
        guard id != current.id else { throw .inUse }
        let lacking = holders.filter { !$0.ids.contains(current.id) }.map(\.name)
        guard lacking.isEmpty else { throw .lacking(nodes: lacking) }
        // A node names the key that it sends with first.
        let senders = holders.filter { $0.ids.first == id }.map(\.name)
        guard senders.isEmpty else { throw .sentWith(by: senders) }
        keys.remove(at: index)
    }
}
