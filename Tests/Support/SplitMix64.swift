import Glibc

/// Random numbers from a seed, equal in every run: what property tests draw from.
package struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    /// The sequence of `seed`.
    package init(seed: UInt64) { state = seed }

    /// The next number.
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}

/// Whether the tests run under a sanitizer, which makes everything many times as dear.
package let isSanitized = getenv("TSUKADA_PART").map { String(cString: $0) } == "sanitized"

/// Seeds from 0 on for a property test: so many, and an eighth of that under a sanitizer, which has little to find in what draws numbers and compares them.
package func seeds(_ count: UInt64) -> Range<UInt64> { 0..<(isSanitized ? (count + 7) / 8 : count) }
