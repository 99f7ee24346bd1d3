import Wire

/// A server whose address comes from a `resolvers` section or from `discover`.
package struct ResolvedServer: Equatable, Sendable {
    /// The server.
    package let reference: ServerReference
    /// The name that its address is resolved from.
    package let hostName: DNSName
    /// `resolve-prefer`, `resolve-net`.
    let preference: AddressPreference
    /// `resolve-opts`.
    let options: ResolveOptions
    /// True for a slot of a `server-template` and for a service's server: each address is assigned to only one of them.
    package let isTemplateSlot: Bool
    /// The position of its line: "haproxy.cfg:42".
    package let location: String
    /// The current address; `nil` while it has none.
    package internal(set) var address: ResolvedAddress? {
        didSet { lastAddress = address ?? lastAddress }
    }
    /// The current or last address. When this address is available again, the server gets it back.
    private(set) var lastAddress: ResolvedAddress?
    /// True while an operator keeps sessions away from the server.
    package internal(set) var isReserved = false
    /// The priority and weight in its service record.
    var share = ServiceShare()
    /// Its service record; `nil` until it has one.
    var origin: ServiceBook.Origin?
    /// True while its checks pass. A new address is then tried before it replaces the current one. Always false without checks.
    package internal(set) var isPassing = false
    /// The address that may replace the current one.
    var candidate: Candidate?
    /// The source of the candidate, for the log line when the address is used.
    var candidateSource = ""

    /// A new address for a server whose current one still works.
    enum Candidate: Equatable, Sendable {
        /// Its trial is in progress.
        case proposed(ResolvedAddress)
        /// It has failed a trial since this round began.
        case refused(ResolvedAddress)
        /// It failed a trial in an earlier round. The next answer proposes it again.
        case postponed(ResolvedAddress)

        /// The address if its trial has failed.
        var doubted: ResolvedAddress? { if case .proposed = self { nil } else { address } }

        var address: ResolvedAddress {
            switch self {
            case .proposed(let address), .refused(let address), .postponed(let address): address
            }
        }
    }

    /// Creates a server with its initial address.
    package init(
        reference: ServerReference, hostName: DNSName, preference: AddressPreference = AddressPreference(), options: ResolveOptions = ResolveOptions(),
        isTemplateSlot: Bool = false, address: ResolvedAddress?, location: String = ""
    ) {
        self.reference = reference
        self.hostName = hostName
        (self.preference, self.options) = (preference, options)
        self.isTemplateSlot = isTemplateSlot || hostName.isOfService
        (self.address, lastAddress) = (address, address)
        self.location = location
    }

    /// Creates the entry for `server`; `nil` unless it names a host and a `resolvers` section, or is filled by `discover`.
    ///
    /// - Parameter status: its initial state, which may come from an earlier process.
    package init?(reference: ServerReference, server: Server, status: ServerStatus) {
        guard server.resolvers != nil || server.isDiscovered, case .name(let text, _) = server.endpoint, let hostName = DNSName(text) else { return nil }
        func resolved(_ address: SocketAddress?) -> ResolvedAddress? {
            address?.address.map { ResolvedAddress($0, port: server.isOfService ? address?.port : nil) }
        }
        self.init(
            reference: reference, hostName: hostName, preference: server.preference, options: server.resolveOptions, isTemplateSlot: server.isTemplateSlot,
            address: resolved(status.address), location: "\(server.location)")
        lastAddress = address ?? resolved(status.formerAddress)
        share = ServiceShare(priority: UInt16(clamping: status.priority))
        isReserved = status.flags.isSetByOperator
        isPassing = status.isRunning && status.lastCheck?.status.isPass ?? false
    }
}

/// Why a server has lost its address.
package enum AddressLoss: Equatable, Sendable {
    /// A complete answer has no address for it.
    case noAddress
    /// The writer has stopped listing it.
    case notListed
    /// The name has not existed for longer than `hold nx`.
    case noSuchName
    /// No nameserver has answered for longer than `hold timeout`.
    case timeout
    /// The nameservers have refused for longer than `hold refused`.
    case refused
    /// The nameservers have failed for longer than `hold other`.
    case other

    /// The text between parentheses in the log line. HAProxy's words except for `notListed`.
    package var description: String {
        switch self {
        case .noAddress: "No IP for server "
        case .notListed: "not listed by the writer"
        case .noSuchName: "DNS NX status"
        case .timeout: "DNS timeout status"
        case .refused: "DNS refused status"
        case .other: "unspecified DNS error"
        }
    }
}

/// An action that the caller must carry out for a resolver.
package enum ResolverOutput: Equatable, Sendable {
    /// Send this from a new socket, and report its answers and its failure with its number.
    case ask(NameserverQuestion)
    /// Close the socket of this question.
    case forget(UInt64)
    /// Set the server's address. `source` is `awsvpc/vpc` or `DNS cache`.
    case address(ServerReference, ResolvedAddress, source: String)
    /// Set the priority of the server's service record. Lower values are used first.
    case priority(ServerReference, Int)
    /// Set the weight of the server's service record, 1 to 256; `nil` for the configured weight.
    case weight(ServerReference, Int?)
    /// Check this address as the server's checks would, then call `accept` or `refuse`. The server keeps its current address meanwhile.
    case propose(ServerReference, ResolvedAddress)
    /// Remove the server's address.
    case lost(ServerReference, AddressLoss)
    /// Log a sentence about a name, without a final dot: a warning, or a notice that the warning is over.
    case log(LogLevel, String, about: DNSName)
}
