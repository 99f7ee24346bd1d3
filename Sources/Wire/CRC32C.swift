/// The checksum of RFC 3720, appendix B.4 (Castagnoli's polynomial), as PROXY headers carry it.
package enum CRC32C {
    /// Computes the checksum of `bytes`.
    package static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { rest, _ in rest >> 1 ^ (rest & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
    }
}
