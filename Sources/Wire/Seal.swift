/// 32 bytes of a key, a random value or a digest, without an allocation of their own.
package struct Bytes32: Hashable, Sendable {
    /// Eight bytes each, the first byte in the highest bits.
    package let first, second, third, fourth: UInt64

    /// The bytes of four integers in network byte order.
    package init(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) {
        (self.first, self.second, self.third, self.fourth) = (first, second, third, fourth)
    }

    /// The bytes as they stand; `nil` unless there are 32.
    package init?(_ bytes: some Collection<UInt8>) {
        var reader = ByteReader(Array(bytes))
        guard reader.count == 32, let first: UInt64 = reader.readBigEndian(), let second: UInt64 = reader.readBigEndian(),
            let third: UInt64 = reader.readBigEndian(), let fourth: UInt64 = reader.readBigEndian()
        else { return nil }
        self.init(first, second, third, fourth)
    }

    /// 32 bytes drawn from `random`.
    package init(from random: inout some RandomNumberGenerator) { self.init(random.next(), random.next(), random.next(), random.next()) }

    /// All 32.
    package var bytes: [UInt8] {
        var writer = ByteWriter()
        for word in [first, second, third, fourth] { writer.writeBigEndian(word) }
        return writer.bytes
    }
}

/// Why a datagram was not sealed or opened.
package enum SealError: Error, Equatable, Sendable {
    /// The tag does not fit: the bytes are not the sender's.
    case notAuthentic
    /// The library failed: the name of its function.
    case libraryFailed(String)
}

/// An AEAD, a key derivation and a digest: what gossip needs of cryptography.
///
/// A datagram is `clear` bytes that are authenticated, then a body that is encrypted too, then the tag. The nonce is 12 bytes:
/// four zeros and the sequence number; a key is used in one direction only, so no pair of key and nonce comes twice.
package protocol Seal {
    /// Encrypts `bytes[start + clear ..< bytes.count]` in place and appends `tagBytes` of tag.
    func seal(_ bytes: inout [UInt8], from start: Int, clear: Int, key: Bytes32, sequence: UInt64) throws(SealError)
    /// Verifies the tag at the end of `bytes`, decrypts the body in place and takes the tag off.
    func open(_ bytes: inout [UInt8], clear: Int, key: Bytes32, sequence: UInt64) throws(SealError)
    /// HKDF (RFC 5869) with SHA-256: `count` bytes of key material.
    func derive(secret: Bytes32, salt: [UInt8], info: [UInt8], count: Int) throws(SealError) -> [UInt8]
    /// SHA-256.
    func digest(_ bytes: [UInt8]) throws(SealError) -> Bytes32
}

/// What the seals have in common.
package enum SealFormat {
    /// Bytes of the tag after the body.
    package static let tagBytes = 16
}
