import Wire

/// A `resolvers` section.
package struct ResolverSettings: Equatable, Sendable {
    /// One `nameserver`.
    package struct Nameserver: Equatable, Sendable {
        /// Its name in the file.
        package var name: String
        /// Where it answers, over UDP and, when an answer is truncated, TCP.
        package var address: SocketAddress

        /// A nameserver at `address`.
        package init(name: String, address: SocketAddress) {
            self.name = name
            self.address = address
        }
    }

    /// The section's name.
    package var name: String
    /// All are asked at once; the first good answer counts.
    package var nameservers: [Nameserver] = []
    /// `parse-resolv-conf`: the machine's own nameservers join `nameservers` at start.
    package var usesSystemNameservers = false
    /// `resolve_retries`: questions after the first one.
    package var retriesMax = 3
    /// `timeout retry`: how long an answer is waited for.
    package var retryTimeout = Duration.seconds(1)
    /// `timeout resolve`: between resolutions, at least.
    package var resolveInterval = Duration.seconds(1)
    /// `hold valid`: how long a good answer is kept before asking again.
    package var holdValid = Duration.seconds(10)
    /// `hold obsolete`: how long an address that an answer lacks is kept.
    package var holdObsolete = Duration.zero
    /// `hold nx`, when it is written: after this long a name that does not exist takes its servers out.
    package var holdNX: Duration?
    /// `hold timeout`, when it is written: after this long of silence the servers are taken out.
    package var holdTimeout: Duration?
    /// `hold refused`, when it is written.
    package var holdRefused: Duration?
    /// `hold other`, when it is written.
    package var holdOther: Duration?
    /// No nameserver is asked: its one name's addresses are the replicas that a database lists, and none is used before it has passed a trial.
    package var isDiscovery = false
    /// `accepted_payload_size`: the UDP answer size announced, in bytes.
    package var payloadBytesMax = 512

    /// Questions open at once, each with a socket; further names wait for their turn. The start lowers the number when descriptors are short.
    package var questionsMax = questionsStandard

    /// `questionsMax` where descriptors are not short.
    package static let questionsStandard = 256

    /// A section without nameservers.
    package init(name: String) { self.name = name }

    /// What stands for a section where a database's list is in the place of nameservers.
    ///
    /// - Parameter hold: how long an address is kept that the list lacks.
    package init(discovery name: String, hold: Duration) {
        self.name = name
        (isDiscovery, holdObsolete) = (true, hold)
    }
}
