import Wire

/// A seal without secrecy that still has keys, nonces and a tag over all bytes. A core runs its handshake and replay rules with it as with AES, at a hundredth
/// of the cost. It detects when a pair of key and nonce is used twice (S5).
package final class NullSeal: Seal {
    /// The latest sequence number of each key. They only rise.
    private var last: [Bytes32: UInt64] = [:]
    /// The number of repeated pairs of key and nonce.
    package private(set) var reuses = 0
    /// True makes sealing fail as the library would.
    package var isBroken = false
    /// False turns off the detection of reuse, to save memory: `reuses` stays unchanged.
    package var isRemembering = true
    /// Changes the bytes after they have been verified, to simulate a receiver that loses acknowledged rows.
    package var rewrite: ((inout [UInt8]) -> Void)?

    /// Creates a seal that has not been used.
    package init() {}

    /// Appends a tag over all bytes.
    package func seal(_ bytes: inout [UInt8], from start: Int, clear: Int, key: Bytes32, sequence: UInt64) throws(SealError) {
        guard !isBroken else { throw .libraryFailed("seal") }
        if isRemembering {
            if last[key, default: 0] >= sequence { reuses += 1 }
            last[key] = sequence
        }
        let tag = NullSeal.tag(bytes[start...], key, sequence)
        withUnsafeBytes(of: (tag.bigEndian, (~tag).bigEndian)) { bytes.append(contentsOf: $0) }
    }

    /// Verifies the tag and removes it.
    package func open(_ bytes: inout [UInt8], clear: Int, key: Bytes32, sequence: UInt64) throws(SealError) {
        guard bytes.count >= clear + SealFormat.tagBytes else { throw .notAuthentic }
        let end = bytes.count - SealFormat.tagBytes
        let tag = NullSeal.tag(bytes[..<end], key, sequence)
        let found = bytes.withUnsafeBytes {
            (
                UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: end, as: UInt64.self)),
                UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: end + 8, as: UInt64.self))
            )
        }
        guard found == (tag, ~tag) else { throw .notAuthentic }
        bytes.removeLast(SealFormat.tagBytes)
        rewrite?(&bytes)
    }

    /// Derives `count` bytes from all inputs.
    package func derive(secret: Bytes32, salt: [UInt8], info: [UInt8], count: Int) throws(SealError) -> [UInt8] {
        var generator = SplitMix64(seed: NullSeal.tag((salt + [0xff] + info)[...], secret, UInt64(salt.count)))
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    /// Hashes the bytes to 32 bytes.
    package func digest(_ bytes: [UInt8]) throws(SealError) -> Bytes32 {
        var generator = SplitMix64(seed: NullSeal.tag(bytes[...], Bytes32(0, 0, 0, 0), 0))
        return Bytes32(generator.next(), generator.next(), generator.next(), generator.next())
    }

    /// Hashes eight bytes per step and the rest one by one; the length is part of the hash.
    private static func tag(_ bytes: ArraySlice<UInt8>, _ key: Bytes32, _ sequence: UInt64) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ word: UInt64) {
            hash = (hash ^ word) &* 0x9e37_79b9_7f4a_7c15
            hash ^= hash >> 29
        }
        mix(key.first)
        mix(key.second)
        mix(key.third)
        mix(key.fourth)
        mix(sequence)
        mix(UInt64(bytes.count))
        bytes.withUnsafeBytes { raw in
            var offset = 0
            while offset + 8 <= raw.count {
                mix(UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
                offset += 8
            }
            while offset < raw.count {
                mix(UInt64(raw[offset]))
                offset += 1
            }
        }
        return hash ^ hash >> 32
    }
}
