/// Collet's hash function XXH3 with 64 bits and its default secret.
///
/// - SeeAlso: xxHash 0.8.0, `XXH3_64bits_withSeed`.
package enum XXH3 {
    private static let prime32: InlineArray<3, UInt64> = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d]
    private static let prime64: InlineArray<5, UInt64> = [
        0x9e37_79b1_85eb_ca87, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0x85eb_ca77_c2b2_ae63, 0x27d4_eb2f_1656_67c5,
    ]
    /// The 192 bytes of the default secret as big-endian words.
    private static let secretWords: InlineArray<24, UInt64> = [
        0xb8fe_6c39_23a4_4bbe, 0x7c01_812c_f721_ad1c, 0xded4_6de9_8390_97db, 0x7240_a4a4_b7b3_671f, 0xcb79_e64e_ccc0_e578, 0x825a_d07d_ccff_7221,
        0xb808_4674_f743_248e, 0xe035_90e6_813a_264c, 0x3c28_52bb_91c3_00cb, 0x88d0_658b_1b53_2ea3, 0x7164_4897_a20d_f94e, 0x3819_ef46_a9de_acd8,
        0xa8fa_763f_e39c_343f, 0xf9dc_bbc7_c70b_4f1d, 0x8a51_e04b_cdb4_5931, 0xc89f_7ec9_d978_7364, 0xeac5_ac83_34d3_ebc3, 0xc581_a0ff_fa13_63eb,
        0x170d_dd51_b7f0_da49, 0xd316_5526_29d4_689e, 0x2b16_be58_7d47_a1fc, 0x8ff8_b8d1_7ad0_31ce, 0x45cb_3a8f_9516_0428, 0xafd7_fbca_bb4b_407e,
    ]
    private static let (stripeBytes, secretBytes, stripesPerBlock) = (64, 192, 16)

    /// The hash of `bytes`.
    package static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        // Only inputs of more than 240 bytes mix the seed into the secret.
        let change = bytes.count > 240 ? seed : 0
        var secret = InlineArray<24, UInt64> {
            let word = secretWords[$0].byteSwapped
            return ($0 % 2 == 0 ? word &+ change : word &- change).littleEndian
        }
        return withUnsafeBytes(of: &secret) { secret in
            switch bytes.count {
            case 0...16: short(bytes, secret, seed)
            case 17...128: middle(bytes, secret, seed)
            case 129...240: upperMiddle(bytes, secret, seed)
            default: long(bytes, secret)
            }
        }
    }

    private static func short(_ bytes: UnsafeRawBufferPointer, _ secret: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
        let count = bytes.count
        func pair(_ offset: Int) -> UInt64 { word(secret, offset) ^ word(secret, offset + 8) }
        switch count {
        case 0: return XXHash.avalanche(seed ^ pair(56))
        case 1...3:
            let ends = UInt32(bytes[0]) << 16 | UInt32(bytes[count >> 1]) << 24
            let combined = ends | UInt32(bytes[count - 1]) | UInt32(count) << 8
            return XXHash.avalanche(UInt64(combined) ^ (UInt64(half(secret, 0) ^ half(secret, 4)) &+ seed))
        case 4...8:
            let seed = seed ^ UInt64(UInt32(truncatingIfNeeded: seed).byteSwapped) << 32
            let input = UInt64(half(bytes, count - 4)) &+ UInt64(half(bytes, 0)) << 32
            var hash = input ^ (pair(8) &- seed)
            hash ^= XXHash.rotate(hash, 49) ^ XXHash.rotate(hash, 24)
            hash = hash &* 0x9fb2_1c65_1e98_df25
            hash = (hash ^ ((hash >> 35) &+ UInt64(count))) &* 0x9fb2_1c65_1e98_df25
            return hash ^ hash >> 28
        default:
            let low = word(bytes, 0) ^ (pair(24) &+ seed)
            let high = word(bytes, count - 8) ^ (pair(40) &- seed)
            return avalanche(UInt64(count) &+ low.byteSwapped &+ high &+ fold(low, high))
        }
    }

    private static func middle(_ bytes: UnsafeRawBufferPointer, _ secret: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
        var sum = UInt64(bytes.count) &* prime64[0]
        for pair in 0...(bytes.count - 1) / 32 {
            sum &+= mix(bytes, 16 * pair, secret, 32 * pair, seed)
            sum &+= mix(bytes, bytes.count - 16 * (pair + 1), secret, 32 * pair + 16, seed)
        }
        return avalanche(sum)
    }

    private static func upperMiddle(_ bytes: UnsafeRawBufferPointer, _ secret: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
        var sum = UInt64(bytes.count) &* prime64[0]
        for round in 0..<8 { sum &+= mix(bytes, 16 * round, secret, 16 * round, seed) }
        sum = avalanche(sum)
        for round in 8..<bytes.count / 16 { sum &+= mix(bytes, 16 * round, secret, 16 * (round - 8) + 3, seed) }
        return avalanche(sum &+ mix(bytes, bytes.count - 16, secret, 119, seed))
    }

    private static func long(_ bytes: UnsafeRawBufferPointer, _ secret: UnsafeRawBufferPointer) -> UInt64 {
        var lanes: InlineArray<8, UInt64> = [
            prime32[2], prime64[0], prime64[1], prime64[2], prime64[3], prime32[1], prime64[4], prime32[0],
        ]
        let stripes = (bytes.count - 1) / stripeBytes
        for stripe in 0..<stripes {
            let place = stripe % stripesPerBlock
            add(&lanes, bytes, stripe * stripeBytes, secret, 8 * place)
            if place == stripesPerBlock - 1 { scramble(&lanes, secret) }
        }
        add(&lanes, bytes, bytes.count - stripeBytes, secret, secretBytes - stripeBytes - 7)
        var sum = UInt64(bytes.count) &* prime64[0]
        for pair in 0..<4 { sum &+= fold(lanes[2 * pair] ^ word(secret, 11 + 16 * pair), lanes[2 * pair + 1] ^ word(secret, 19 + 16 * pair)) }
        return avalanche(sum)
    }

    /// Adds a stripe of the input to the lanes.
    private static func add(
        _ lanes: inout InlineArray<8, UInt64>, _ bytes: UnsafeRawBufferPointer, _ offset: Int, _ secret: UnsafeRawBufferPointer, _ secretOffset: Int
    ) {
        for lane in 0..<8 {
            let input = word(bytes, offset + 8 * lane)
            let key = input ^ word(secret, secretOffset + 8 * lane)
            lanes[lane ^ 1] &+= input
            lanes[lane] &+= (key & 0xffff_ffff) &* (key >> 32)
        }
    }

    private static func scramble(_ lanes: inout InlineArray<8, UInt64>, _ secret: UnsafeRawBufferPointer) {
        for lane in 0..<8 {
            let spread = lanes[lane] ^ lanes[lane] >> 47
            lanes[lane] = (spread ^ word(secret, secretBytes - stripeBytes + 8 * lane)) &* prime32[0]
        }
    }

    private static func mix(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ secret: UnsafeRawBufferPointer, _ secretOffset: Int, _ seed: UInt64) -> UInt64 {
        fold(word(bytes, offset) ^ (word(secret, secretOffset) &+ seed), word(bytes, offset + 8) ^ (word(secret, secretOffset + 8) &- seed))
    }

    /// The product's halves, combined.
    private static func fold(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let product = first.multipliedFullWidth(by: second)
        return product.high ^ product.low
    }

    private static func avalanche(_ hash: UInt64) -> UInt64 {
        let hash = (hash ^ hash >> 37) &* 0x1656_6791_9e37_79f9
        return hash ^ hash >> 32
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 { XXHash.word(bytes, offset) }

    private static func half(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 { XXHash.word(bytes, offset) }
}
