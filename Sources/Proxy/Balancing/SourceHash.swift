import Wire

/// The number that `balance source` makes of a client's address: equal on every node, whatever the port.
package enum SourceHash {
    /// A hash of `address`, well spread in its low bits (the finalizer of MurmurHash3).
    package static func value(of address: IPAddress) -> UInt64 {
        switch address {
        case .v4(let bits): mix(UInt64(bits))
        case .v6(let high, let low): mix(high ^ mix(low))
        }
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ value >> 33) &* 0xff51_afd7_ed55_8ccd
        value = (value ^ value >> 33) &* 0xc4ce_b9fe_1a85_ec53
        return value ^ value >> 33
    }
}
