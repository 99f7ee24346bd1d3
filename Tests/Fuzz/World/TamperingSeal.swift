import Gossip
import Support
import Wire

/// The seal of a node that has the key and lies: what it was told to say goes out under the node's own keys, numbers and tags.
package final class TamperingSeal: Seal {
    private var null = NullSeal()
    /// Said in place of the next datagram under a pairwise key: its kind and its records.
    package var traffic: (kind: UInt8, records: ArraySlice<UInt8>)?
    /// Written over the next handshake's record, from `offset` on; at 0 in place of it.
    package var handshake: (offset: Int, bytes: ArraySlice<UInt8>)?

    /// Honest until told otherwise.
    package init() {}

    /// Forgets what it has sealed and was told.
    package func reset() {
        null = NullSeal()
        (traffic, handshake) = (nil, nil)
    }

    /// How often a key and nonce came twice since `reset`.
    package var reuses: Int { null.reuses }

    /// Seals the lie, if there is one to tell.
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

    /// As `NullSeal`.
    package func open(_ bytes: inout [UInt8], clear: Int, key: Bytes32, sequence: UInt64) throws(SealError) {
        try null.open(&bytes, clear: clear, key: key, sequence: sequence)
    }

    /// As `NullSeal`.
    package func derive(secret: Bytes32, salt: [UInt8], info: [UInt8], count: Int) throws(SealError) -> [UInt8] {
        try null.derive(secret: secret, salt: salt, info: info, count: count)
    }

    /// As `NullSeal`.
    package func digest(_ bytes: [UInt8]) throws(SealError) -> Bytes32 { try null.digest(bytes) }
}
