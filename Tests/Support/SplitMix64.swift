import Glibc

/// Reproducible random numbers from a seed, for property tests.
package struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    /// Starts the sequence of `seed`.
    package init(seed: UInt64) { state = seed }

    /// Returns the next number.
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}

/// True when the tests run under a sanitizer, which makes code many times slower.
package let isSanitized = getenv("TSUKADA_PART").map { String(cString: $0) } == "sanitized"

/// Returns seeds from 0 for a property test. Under a sanitizer it returns an eighth of `count`, because a sanitizer finds little in code that draws and
/// compares numbers.
package func seeds(_ count: UInt64) -> Range<UInt64> { 0..<(isSanitized ? (count + 7) / 8 : count) }
