import Wire

/// The transport of a question to a nameserver.
package enum QuestionTransport: Equatable, Sendable {
    /// One datagram each way. Each question has its own socket and port.
    case udp
    /// A separate connection. Each message follows its length in two bytes.
    case tcp
}

/// A `resolvers` section.
package struct ResolverSettings: Equatable, Sendable {
    /// One `nameserver`.
    package struct Nameserver: Equatable, Sendable {
        /// Its name in the file.
        package var name: String
        /// The address, for UDP and, when an answer is truncated, for TCP.
        package var address: SocketAddress
        /// `tcp@`: the transport of the first question.
        package var transport: QuestionTransport

        /// Creates a nameserver at `address`.
        package init(name: String, address: SocketAddress, transport: QuestionTransport = .udp) {
            (self.name, self.address, self.transport) = (name, address, transport)
        }
    }

    /// The section's name.
    package var name: String
    /// The nameservers. All are asked at the same time, and the first valid answer counts.
    package var nameservers: [Nameserver] = []
    /// `parse-resolv-conf`: adds the machine's nameservers to `nameservers` at the start.
    package var usesSystemNameservers = false
    /// `resolve_retries`: the number of questions after the first one.
    package var retriesMax = 3
    /// `timeout retry`: how long to wait for an answer.
    package var retryTimeout = Duration.seconds(1)
    /// `timeout resolve`: the shortest time between resolutions.
    package var resolveInterval = Duration.seconds(1)
    /// `hold valid`: how long a valid answer is used before the next question.
    package var holdValid = Duration.seconds(10)
    /// `hold obsolete`: how long an address is kept that is missing from the answer.
    package var holdObsolete = Duration.zero
    /// `hold nx`, if configured: after this time the servers of a name that does not exist lose their addresses.
    package var holdNX: Duration?
    /// `hold timeout`, if configured: after this time without an answer the servers lose their addresses.
    package var holdTimeout: Duration?
    /// `hold refused`, if configured.
    package var holdRefused: Duration?
    /// `hold other`, if configured.
    package var holdOther: Duration?
    /// True when a database lists the addresses instead of nameservers. The section has one name, and an address is used only after a trial check.
    package var isDiscovery = false
    /// `accepted_payload_size`: the announced size of UDP answers, in bytes.
    package var payloadBytesMax = 512

    /// The most open questions, each with a socket. Further names wait for their turn. The start lowers it when descriptors are scarce.
    package var questionsMax = questionsMaxDefault

    /// The default of `questionsMax`, when descriptors are not scarce.
    package static let questionsMaxDefault = 256

    /// Creates a section without nameservers.
    package init(name: String) { self.name = name }

    /// Creates the settings for a database's list of replicas.
    ///
    /// - Parameter hold: how long an address is kept that is missing from the list.
    package init(discovery name: String, hold: Duration) {
        self.name = name
        (isDiscovery, holdObsolete) = (true, hold)
    }
}
