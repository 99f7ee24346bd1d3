import Wire

/// A server whose address comes from a `resolvers` section.
package struct ResolvedServer: Equatable, Sendable {
    /// Which server.
    package let reference: ServerReference
    /// The name that its addresses belong to.
    package let hostName: DNSName
    /// `resolve-prefer`.
    package let preferredFamily: AddressFamily
    /// True for a slot of a `server-template`, and for a service's server: each address goes to one of them.
    package let isTemplateSlot: Bool
    /// Where its line stands: "haproxy.cfg:42".
    package let location: String
    /// The address that it has; `nil` while it has none.
    package internal(set) var address: ResolvedAddress? {
        didSet { lastAddress = address ?? lastAddress }
    }
    /// Its address, or its last one: that host returns to it.
    private(set) var lastAddress: ResolvedAddress?
    /// True while an operator keeps it from taking sessions.
    package internal(set) var isReserved = false
    /// What its service record says of it.
    var share = ServiceShare()
    /// Its service record; `nil` before it has one.
    var origin: ServiceBook.Origin?
    /// True while its checks pass: a new address is then tried before it replaces the present one. False without checks.
    package internal(set) var isPassing = false
    /// The address that would replace the present one.
    var candidate: Candidate?
    /// Who said so of the candidate: its address is logged under that name when it comes to be used.
    var candidateSource = ""

    /// A new address of a server whose present one still works.
    enum Candidate: Equatable, Sendable {
        /// It is being tried.
        case proposed(ResolvedAddress)
        /// It was tried in vain in the present round, or after it.
        case refused(ResolvedAddress)
        /// It was tried in vain in an earlier round: the next answer proposes it again.
        case postponed(ResolvedAddress)

        /// The address, unless it is still being tried.
        var doubted: ResolvedAddress? { if case .proposed = self { nil } else { address } }

        var address: ResolvedAddress {
            switch self {
            case .proposed(let address), .refused(let address), .postponed(let address): address
            }
        }
    }

    /// A server whose host name is `hostName`, with the address that it starts with.
    package init(
        reference: ServerReference, hostName: DNSName, preferredFamily: AddressFamily, isTemplateSlot: Bool = false, address: ResolvedAddress?,
        location: String = ""
    ) {
        self.reference = reference
        self.hostName = hostName
        self.preferredFamily = preferredFamily
        self.isTemplateSlot = isTemplateSlot || hostName.isOfService
        (self.address, lastAddress) = (address, address)
        self.location = location
    }

    /// `server` as the configuration has it; `nil` unless it names a host and a `resolvers` section, or is filled by `discover`.
    ///
    /// - Parameter status: its initial state, which may come from an earlier process.
    package init?(reference: ServerReference, server: Server, status: ServerStatus) {
        guard server.resolvers != nil || server.isDiscovered, case .name(let text, _) = server.endpoint, let hostName = DNSName(text) else { return nil }
        func resolved(_ address: SocketAddress?) -> ResolvedAddress? {
            address?.address.map { ResolvedAddress($0, port: server.isOfService ? address?.port : nil) }
        }
        self.init(
            reference: reference, hostName: hostName, preferredFamily: server.preferredFamily, isTemplateSlot: server.isTemplateSlot,
            address: resolved(status.address), location: "\(server.location)")
        lastAddress = address ?? resolved(status.formerAddress)
        share = ServiceShare(priority: UInt16(clamping: status.priority))
        isReserved = status.flags.isOperators
        isPassing = status.isRunning && status.lastCheck?.status.isPass ?? false
    }
}

/// Why a server has lost its address.
package enum AddressLoss: Equatable, Sendable {
    /// A complete answer has no address for it.
    case noAddress
    /// The writer lists it no more.
    case notListed
    /// The name does not exist, for longer than `hold nx`.
    case noSuchName
    /// No nameserver answers, for longer than `hold timeout`.
    case timeout
    /// The nameservers refuse, for longer than `hold refused`.
    case refused
    /// The nameservers fail, for longer than `hold other`.
    case other

    /// HAProxy's words, which stand between brackets in the log line.
    package var description: String {
        switch self {
        case .noAddress: "No IP for server "
        case .notListed: "no replica of the writer any more"
        case .noSuchName: "DNS NX status"
        case .timeout: "DNS timeout status"
        case .refused: "DNS refused status"
        case .other: "unspecified DNS error"
        }
    }
}

/// What a resolver wants done.
package enum ResolverOutput: Equatable, Sendable {
    /// Send this from a new socket; report its answers and its failure by its number.
    case ask(NameserverQuestion)
    /// Close the socket of this question.
    case forget(UInt64)
    /// The server has this address from now on; who said so: `awsvpc/vpc` or `DNS cache`.
    case address(ServerReference, ResolvedAddress, source: String)
    /// The server's service record has this priority: lower ones are used first.
    case priority(ServerReference, Int)
    /// The server's service record has this weight, 1 to 256; `nil` for the configuration's.
    case weight(ServerReference, Int?)
    /// Try this address as the server's checks would, then call `accept` or `refuse`. The server keeps its present one meanwhile.
    case propose(ServerReference, ResolvedAddress)
    /// The server has no address from now on.
    case lost(ServerReference, AddressLoss)
    /// Something that an operator should see: a sentence without a final dot.
    case alarm(String)
    /// An alarm is over: a sentence without a final dot.
    case notice(String)
}
