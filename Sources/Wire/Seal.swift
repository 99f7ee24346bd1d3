/// 32 bytes of a key, a random value or a digest, stored without an allocation.
package struct Bytes32: Hashable, Sendable {
    /// Eight bytes each, the first byte in the highest bits.
    package let first, second, third, fourth: UInt64

    /// Creates the bytes from four integers in network byte order.
    package init(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) {
        (self.first, self.second, self.third, self.fourth) = (first, second, third, fourth)
    }

    /// Copies 32 bytes; `nil` for any other count.
    package init?(_ bytes: some Collection<UInt8>) {
        var reader = ByteReader(Array(bytes))
        guard reader.count == 32, let first: UInt64 = reader.readBigEndian(), let second: UInt64 = reader.readBigEndian(),
            let third: UInt64 = reader.readBigEndian(), let fourth: UInt64 = reader.readBigEndian()
        else { return nil }
        self.init(first, second, third, fourth)
    }

    /// Draws 32 bytes from `random`.
    package init(from random: inout some RandomNumberGenerator) { self.init(random.next(), random.next(), random.next(), random.next()) }

    /// The 32 bytes as an array.
    package var bytes: [UInt8] {
        var writer = ByteWriter()
        for word in [first, second, third, fourth] { writer.writeBigEndian(word) }
        return writer.bytes
    }
}

/// The reason why a datagram was not sealed or opened.
package enum SealError: Error, Equatable, Sendable {
    /// The tag is wrong: the sender did not seal these bytes.
    case notAuthentic
    /// The library failed. The value is the name of its function.
    case libraryFailed(String)
}

/// The cryptography that gossip needs: an AEAD, a key derivation and a digest.
///
/// A datagram consists of `clear` bytes, which are only authenticated, an encrypted body, and the tag. The nonce has 12 bytes: four zeros and the sequence
/// number. A key is used in one direction only, so that no pair of key and nonce repeats.
package protocol Seal {
    /// Encrypts `bytes[start + clear ..< bytes.count]` in place and appends `tagBytes` of tag.
    func seal(_ bytes: inout [UInt8], from start: Int, clear: Int, key: Bytes32, sequence: UInt64) throws(SealError)
    /// Verifies the tag at the end of `bytes`, decrypts the body in place and removes the tag.
    func open(_ bytes: inout [UInt8], clear: Int, key: Bytes32, sequence: UInt64) throws(SealError)
    /// Derives `count` bytes of key material with HKDF (RFC 5869) and SHA-256.
    func derive(secret: Bytes32, salt: [UInt8], info: [UInt8], count: Int) throws(SealError) -> [UInt8]
    /// Computes SHA-256.
    func digest(_ bytes: [UInt8]) throws(SealError) -> Bytes32
}

/// The format that all implementations of `Seal` share.
package enum SealFormat {
    /// The length of the tag after the body.
    package static let tagBytes = 16
}
