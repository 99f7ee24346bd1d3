/// Limits of the protocol: no configuration exceeds them, and every node enforces them on what it receives.
package enum GossipLimits {
    /// Nodes in a cluster, this one included.
    package static let nodesMax = 16
    /// Servers that the tables hold rows for.
    package static let serversMax = 4_096
    /// Records in a datagram; the reader ignores further ones.
    package static let recordsMax = 30
    /// Bytes in a datagram, header and tag included: fits a path MTU of 1500 over IPv6 inside a tunnel.
    package static let datagramBytesMax = 1_400
    /// Keys in a ring.
    package static let keysMax = 8
    /// Leases.
    package static let leasesMax = 16
    /// Ballots: 64 subjects, each with one ballot from every node.
    package static let ballotsMax = 1_024
    /// Parts of the tables that a digest hashes separately.
    package static let bucketsCount = 32
    /// Parts of a configuration that nodes compare by name.
    package static let configurationPartsMax = 8_192
    /// HELLOs that a node answers per second and source.
    package static let hellosPerSourceMax = 10
    /// HELLOs that a node decrypts per second, over all sources.
    package static let hellosPerSecondMax = 160
    /// Sources whose HELLOs are counted separately; a new one replaces the oldest.
    package static let helloSourcesMax = 64
    /// Session numbers are below this, so that a forged number cannot push a node to the end of the range.
    package static let sessionMax: UInt64 = 1 << 62
    /// Hybrid clocks are below this: milliseconds of the year 4199.
    package static let clockMillisecondsMax: UInt64 = 1 << 46
    /// The earliest time that a node assumes, 2026-01-01: a machine without a battery-backed clock starts in 1970.
    package static let clockMillisecondsMin: UInt64 = 1_767_225_600_000
    /// Sessions, stamps and epochs may be this far ahead of a node's own clock: ten years. A clock that is wrong by days therefore excludes no node, and the
    /// end of the range, above which no higher value exists, stays out of reach.
    package static let millisecondsAheadMax: UInt64 = 3_650 * 86_400_000
}
