import Wire

/// The keys of a cluster. The node sends with the first one and accepts all of them.
///
/// To rotate without downtime, install the new key on every node, use it on every node, then remove the old key on every node.
package struct KeyRing: Sendable {
    /// A key of the ring.
    package struct Key: Equatable, Sendable {
        /// The first 4 bytes of SHA-256(secret).
        package let id: UInt32
        /// 32 random bytes.
        package let secret: Bytes32
    }

    /// The reason why a change of the ring was refused. The ring is unchanged.
    package enum Refusal: Error, Equatable, Sendable, CustomStringConvertible {
        /// The ring does not hold the key.
        case unknown
        /// The ring is full.
        case full(limit: Int)
        /// The node sends with this key; another one must be used first.
        case inUse
        /// These nodes do not hold the key that this node sends with, or have not reported their keys.
        case lacking(nodes: [String])
        /// These nodes still send with this key.
        case sentWith(by: [String])

        /// The reason as a sentence for the operator.
        package var description: String {
            switch self {
            case .unknown: "no such key; 'tsukada keys list' shows the ids"
            case .full(let limit): "the ring has \(limit) keys already; remove one first"
            case .inUse: "this node sends with this key; run 'tsukada keys use' with another one first"
            case .sentWith(let nodes): "\(nodes.joined(separator: ", ")) still sends with this key; run 'tsukada keys use' with the other one there first"
            case .lacking(let nodes): "\(nodes.joined(separator: ", ")) may lack the key in use; install it there first"
            }
        }
    }

    /// In the order of the key file, which `use` changes.
    package private(set) var keys: [Key]

    /// Creates a ring of `keys`, at least one. Keys beyond `GossipLimits.keysMax` are left out.
    package init(_ keys: [Key]) {
        precondition(!keys.isEmpty, "a ring has at least one key")
        self.keys = Array(keys.prefix(GossipLimits.keysMax))
    }

    /// Creates a key and computes its id.
    package static func key(_ secret: Bytes32, _ seal: any Seal) throws(SealError) -> Key {
        Key(id: UInt32(truncatingIfNeeded: try seal.digest(secret.bytes).first >> 32), secret: secret)
    }

    /// The key that the node sends with.
    package var current: Key { keys[0] }

    /// The ids of the keys; the first one is the key that the node sends with.
    package var ids: [UInt32] { keys.map(\.id) }

    /// Identifies the keys and their order; never 0.
    var hash: UInt32 { KeyRing.hash(of: keys.lazy.map(\.id)) }

    static func hash(of ids: some Sequence<UInt32>) -> UInt32 {
        var print = Fingerprint(20)
        for id in ids { print = print.adding(UInt64(id)) }
        return UInt32(truncatingIfNeeded: print.value >> 32) | 1
    }

    /// Returns the key with this id.
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

    /// Removes a key that is not in use. `holders` lists each peer's name and the ids of the keys that it is known to hold.
    mutating func remove(_ id: UInt32, holders: [(name: String, ids: [UInt32])]) throws(Refusal) {
        guard let index = keys.firstIndex(where: { $0.id == id }) else { throw .unknown }
        guard id != current.id else { throw .inUse }
        let lacking = holders.filter { !$0.ids.contains(current.id) }.map(\.name)
        guard lacking.isEmpty else { throw .lacking(nodes: lacking) }
        // The first id is the key that a node sends with.
        let senders = holders.filter { $0.ids.first == id }.map(\.name)
        guard senders.isEmpty else { throw .sentWith(by: senders) }
        keys.remove(at: index)
    }
}
