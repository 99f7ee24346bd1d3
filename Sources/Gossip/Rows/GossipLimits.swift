/// What no configuration exceeds, and what every node enforces on what it receives.
package enum GossipLimits {
    /// Nodes of a cluster, this one included.
    package static let nodesMax = 16
    /// Servers that rows may speak of.
    package static let serversMax = 4_096
    /// Records of a datagram; further ones are not read.
    package static let recordsMax = 30
    /// Bytes of a datagram, header and tag included: fits a path MTU of 1500 over IPv6 and a tunnel.
    package static let datagramBytesMax = 1_400
    /// Keys of a ring.
    package static let keysMax = 8
    /// Leases by name.
    package static let leasesMax = 16
    /// Ballots: those of all nodes in 64 matters.
    package static let ballotsMax = 1_024
    /// Parts of the tables that digests compare.
    package static let bucketsCount = 32
    /// Parts of a configuration that are compared by name.
    package static let configurationPartsMax = 8_192
    /// HELLOs answered, a second and source.
    package static let hellosPerSourceMax = 10
    /// HELLOs opened, a second, all sources together.
    package static let hellosPerSecondMax = 160
    /// Sources whose HELLOs are counted apart; the oldest makes room.
    package static let helloSourcesMax = 64
    /// No session number reaches this: nobody can push a node to the end of the range.
    package static let sessionMax: UInt64 = 1 << 62
    /// No hybrid clock reaches this: milliseconds of the year 4199.
    package static let clockMillisecondsMax: UInt64 = 1 << 46
    /// The node assumes that the time is at least 2026-01-01: the clock of a machine that has lost its time begins in 1970.
    package static let clockMillisecondsMin: UInt64 = 1_767_225_600_000
    /// Sessions, stamps and epochs may be this far ahead of a node's own clock, ten years: far enough that a clock that is wrong by days keeps no node out,
    /// and near enough that the end of the range, above which no value is left, stays out of reach.
    package static let millisecondsAheadMax: UInt64 = 3_650 * 86_400_000
}
