import Gossip
import Support
import Wire

/// The seal of a malicious node that has the key: forged content is sealed with the node's own keys, sequence numbers and tags.
package final class TamperingSeal: Seal {
    private var null = NullSeal()
    /// Replaces the content of the next datagram under a pairwise key: its kind and records.
    package var traffic: (kind: UInt8, records: ArraySlice<UInt8>)?
    /// Overwrites the next handshake's record from `offset` on; at offset 0 it replaces the record.
    package var handshake: (offset: Int, bytes: ArraySlice<UInt8>)?

    /// Creates a seal that forges nothing.
    package init() {}

    /// Forgets the sealed datagrams and the forged content.
    package func reset() {
        null = NullSeal()
        (traffic, handshake) = (nil, nil)
    }

    /// The number of repeated pairs of key and nonce since `reset`.
    package var reuses: Int { null.reuses }

    /// Seals a datagram, with forged content if set.
    package func seal(_ bytes: inout [UInt8], from start: Int, clear: Int, key: Bytes32, sequence: UInt64) throws(SealError) {
        let body = start + clear
        if clear == Header.bytesCount, let traffic {
            bytes[start + 3] = traffic.kind
            bytes.replaceSubrange(body..., with: traffic.records)
            self.traffic = nil
        } else if clear > Header.bytesCount, let handshake {
            let from = min(body + handshake.offset, bytes.count)
            let end = handshake.offset == 0 ? bytes.count : min(from + handshake.bytes.count, bytes.count)
            bytes.replaceSubrange(from..<end, with: handshake.bytes)
            self.handshake = nil
        }
        try null.seal(&bytes, from: start, clear: clear, key: key, sequence: sequence)
    }

    /// Opens a datagram like `NullSeal`.
    package func open(_ bytes: inout [UInt8], clear: Int, key: Bytes32, sequence: UInt64) throws(SealError) {
        try null.open(&bytes, clear: clear, key: key, sequence: sequence)
    }

    /// Derives keys like `NullSeal`.
    package func derive(secret: Bytes32, salt: [UInt8], info: [UInt8], count: Int) throws(SealError) -> [UInt8] {
        try null.derive(secret: secret, salt: salt, info: info, count: count)
    }

    /// Hashes like `NullSeal`.
    package func digest(_ bytes: [UInt8]) throws(SealError) -> Bytes32 { try null.digest(bytes) }
}
