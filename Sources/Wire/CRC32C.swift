/// The checksum of RFC 3720, appendix B.4 (Castagnoli's polynomial), as PROXY headers carry it.
package enum CRC32C {
    /// Computes the checksum of `bytes`.
    @inlinable package static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 { CRC32.checksum(of: bytes, polynomial: 0x82f6_3b78) }
}

/// The checksum of IEEE 802.3, as gzip and PNG use it.
package enum CRC32 {
    /// Computes the checksum of `bytes`.
    @inlinable package static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 { checksum(of: bytes, polynomial: 0xedb8_8320) }

    /// Computes the checksum for a polynomial whose bits are reversed.
    @inlinable package static func checksum(of bytes: some Sequence<UInt8>, polynomial: UInt32) -> UInt32 {
        var sum = ~UInt32(0)
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? polynomial : 0) }
        }
        return ~sum
    }
}
