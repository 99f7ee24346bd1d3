import Wire

/// `hash-type`, `hash-balance-factor`: how an algorithm that hashes selects a server.
package struct HashSettings: BitwiseCopyable, Equatable, Sendable {
    /// How a hash selects a server.
    package enum Method: BitwiseCopyable, Equatable, Sendable {
        /// By its remainder, from a map of the usable servers (`SourceMap`).
        case mapBased
        /// By the nearest point on a ring of the usable servers' points (`HashRing`).
        case consistent
    }

    /// How a hash selects a server.
    package var method = Method.mapBased
    /// The function of `balance hash`. It has no effect on `balance source`, which uses the address itself.
    package var function = KeyHash.sdbm
    /// `avalanche`: whether the result of the function, or the address, is hashed again.
    package var usesAvalanche = false
    /// `hash-balance-factor`: the most sessions of a server in percent of its share of the sessions (`LoadBound`), for `consistent` only; 0 for no limit.
    package var balanceFactor = 0

    /// Creates the settings of a backend without `hash-type`.
    package init() {}

    /// The hash of a client's address for `balance source`: its 32-bit words, XORed.
    ///
    /// - SeeAlso: HAProxy, `get_server_sh` in backend.c.
    package func hash(of address: IPAddress) -> UInt32 {
        switch address {
        case .v4(let bits): finished(bits)
        case .v6(let high, let low): finished(UInt32(truncatingIfNeeded: high >> 32 ^ high ^ low >> 32 ^ low))
        }
    }

    /// The hash of a key for `balance hash`.
    package func hash(of key: UnsafeRawBufferPointer) -> UInt32 { finished(function.value(of: key)) }

    private func finished(_ hash: UInt32) -> UInt32 { usesAvalanche ? KeyHash.avalanche(hash) : hash }
}

/// `hash-key`: what determines the points of a server on the ring of `hash-type consistent`.
package enum HashKey: BitwiseCopyable, Equatable, Sendable {
    /// The server's number (`id`).
    case identifier
    /// Its address; its number while it has none.
    case address
    /// Its address and port; its number while it has none.
    case addressAndPort
}
