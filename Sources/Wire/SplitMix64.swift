/// A generator of pseudorandom numbers, for draws that need no secrecy.
///
/// - SeeAlso: Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
package struct SplitMix64: RandomNumberGenerator, BitwiseCopyable, Sendable {
    private var state: UInt64

    /// Starts the sequence of `seed`. The same seed gives the same numbers, on every node.
    package init(seed: UInt64) { state = seed }

    /// Returns the next number.
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var number = state
        number = (number ^ number >> 30) &* 0xbf58_476d_1ce4_e5b9
        number = (number ^ number >> 27) &* 0x94d0_49bb_1331_11eb
        return number ^ number >> 31
    }
}
