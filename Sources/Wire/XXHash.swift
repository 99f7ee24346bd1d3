/// Collet's hash functions XXH32 and XXH64.
///
/// - SeeAlso: "xxHash fast digest algorithm", version 0.1.1.
package enum XXHash {
    private static let primes32: InlineArray<5, UInt32> = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1]
    private static let primes64: InlineArray<5, UInt64> = [
        0x9e37_79b1_85eb_ca87, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0x85eb_ca77_c2b2_ae63, 0x27d4_eb2f_1656_67c5,
    ]

    /// XXH32 of `bytes`.
    package static func hash32(_ bytes: UnsafeRawBufferPointer, seed: UInt32) -> UInt32 {
        let primes = primes32
        var (hash, offset) = (seed &+ primes[4], 0)
        if bytes.count >= 16 {
            var lanes: InlineArray<4, UInt32> = [seed &+ primes[0] &+ primes[1], seed &+ primes[1], seed, seed &- primes[0]]
            while offset <= bytes.count - 16 {
                for lane in 0..<4 {
                    lanes[lane] = rotate(lanes[lane] &+ word(bytes, offset + 4 * lane) &* primes[1], 13) &* primes[0]
                }
                offset += 16
            }
            hash = rotate(lanes[0], 1) &+ rotate(lanes[1], 7) &+ rotate(lanes[2], 12) &+ rotate(lanes[3], 18)
        }
        hash &+= UInt32(truncatingIfNeeded: bytes.count)
        while offset <= bytes.count - 4 {
            hash = rotate(hash &+ word(bytes, offset) &* primes[2], 17) &* primes[3]
            offset += 4
        }
        for byte in bytes[offset...] { hash = rotate(hash &+ UInt32(byte) &* primes[4], 11) &* primes[0] }
        hash = (hash ^ hash >> 15) &* primes[1]
        hash = (hash ^ hash >> 13) &* primes[2]
        return hash ^ hash >> 16
    }

    /// XXH64 of `bytes`.
    package static func hash64(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        let primes = primes64
        var (hash, offset) = (seed &+ primes[4], 0)
        if bytes.count >= 32 {
            var lanes: InlineArray<4, UInt64> = [seed &+ primes[0] &+ primes[1], seed &+ primes[1], seed, seed &- primes[0]]
            while offset <= bytes.count - 32 {
                for lane in 0..<4 { lanes[lane] = round(lanes[lane], word(bytes, offset + 8 * lane)) }
                offset += 32
            }
            hash = rotate(lanes[0], 1) &+ rotate(lanes[1], 7) &+ rotate(lanes[2], 12) &+ rotate(lanes[3], 18)
            for lane in 0..<4 { hash = (hash ^ round(0, lanes[lane])) &* primes[0] &+ primes[3] }
        }
        hash &+= UInt64(bytes.count)
        while offset <= bytes.count - 8 {
            hash = rotate(hash ^ round(0, word(bytes, offset)), 27) &* primes[0] &+ primes[3]
            offset += 8
        }
        if offset <= bytes.count - 4 {
            hash = rotate(hash ^ UInt64(word(bytes, offset) as UInt32) &* primes[0], 23) &* primes[1] &+ primes[2]
            offset += 4
        }
        for byte in bytes[offset...] { hash = rotate(hash ^ UInt64(byte) &* primes[4], 11) &* primes[0] }
        return avalanche(hash)
    }

    /// The last step of XXH64, which XXH3 uses for short inputs.
    static func avalanche(_ hash: UInt64) -> UInt64 {
        var hash = hash
        hash = (hash ^ hash >> 33) &* primes64[1]
        hash = (hash ^ hash >> 29) &* primes64[2]
        return hash ^ hash >> 32
    }

    private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 { rotate(lane &+ input &* primes64[1], 31) &* primes64[0] }

    /// The little-endian word at an offset.
    static func word<Word: FixedWidthInteger & BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Word {
        Word(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Word.self))
    }

    /// Rotates to the left.
    static func rotate<Word: FixedWidthInteger>(_ word: Word, _ bits: Int) -> Word { word << Word(bits) | word >> Word(Word.bitWidth - bits) }
}
