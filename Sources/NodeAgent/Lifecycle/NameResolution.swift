import Glibc
import LinuxIO
import Proxy
import Wire

/// A name as it was asked for.
struct NameQuestion: Hashable, Comparable, Sendable {
    /// The family that was preferred.
    let family: AddressFamily
    /// The name.
    let name: String

    static func < (left: NameQuestion, right: NameQuestion) -> Bool { ("\(left.family)", left.name) < ("\(right.family)", right.name) }
}

/// Turns every name of a configuration into an address, before there are threads: binds, log targets, servers.
struct NameResolution {
    /// What an earlier process has found.
    struct Memory {
        /// Its answers.
        var answers: [NameQuestion: IPAddress] = [:]
        /// What a server's name led to, by its resolver's latest word or a state file's.
        var servers: [RuntimeServerName: ServerMemory] = [:]
        /// What names had not too long ago: for servers, when no nameserver has an address.
        var addresses = AddressMemory()
        /// When that is asked for, in seconds since 1970.
        var time: Int64 = 0
        /// True to take the answers as they are, since there is no time to ask; false to fall back on them.
        var isTrusted = false
    }

    /// How long nameservers are waited for when there is something to fall back on.
    private static let patience = Duration.seconds(3)

    private let lookup: NameLookup
    private let memory: Memory
    private var known: [NameQuestion: Result<IPAddress, NameLookupError>] = [:]
    /// True once no nameserver has answered.
    private var isSilent = false
    /// Servers that have a remembered address: down until a check has passed.
    private(set) var unproven: [RuntimeServerName: ServerMemory] = [:]
    /// What nameservers have said, in the order of asking.
    private(set) var found: [AddressMemory.Known] = []
    /// Sentences for the operator.
    private(set) var warnings: [String] = []

    /// Looks names up by `lookup`, each at most once.
    init(lookup: NameLookup, memory: Memory = Memory()) { (self.lookup, self.memory) = (lookup, memory) }

    /// What has been found.
    var answers: [NameQuestion: IPAddress] { known.compactMapValues { try? $0.get() } }

    /// The address that a listening socket is bound to; `nil` for an inherited descriptor.
    mutating func address(of bind: Bind, owner: String) throws(StartError) -> SocketAddress? {
        switch bind.endpoint {
        case .ip(let address, let port): return .ip(address, port: port)
        case .unix(let path): return .unix(path)
        case .inherited: return nil
        case .name(let name, let port):
            let advice = "; add the name to /etc/hosts or to DNS, or write the address"
            return .ip(try resolve(name, .v4, "\(bind.location): '\(owner)' cannot listen: ", advice), port: port)
        }
    }

    /// Where a log target's lines go.
    mutating func place(of target: LogTarget) throws(StartError) -> LogDestination.Place {
        switch target.endpoint {
        case .ip(let address, let port): return .datagram(.ip(address, port: port))
        case .unix(let path): return .datagram(.unix(path))
        case .inherited(let descriptor): return .descriptor(descriptor)
        case .name(let name, let port):
            let advice = "; add the name to /etc/hosts or to DNS, or write the log target's address"
            return .datagram(.ip(try resolve(name, .v4, "\(target.location): log: ", advice), port: port))
        }
    }

    /// A server's address at start, by its `init-addr`; `nil` for one that waits for its resolver.
    mutating func address(of server: Server, owner: String) throws(StartError) -> SocketAddress? {
        guard case .name(let name, let port) = server.endpoint else { return ServerRegistry.numericAddress(of: server) }
        let remembered = memory.servers[RuntimeServerName(backend: owner, server: server.name)]?.address(of: server)
        if server.isDiscovered || (server.isTemplateSlot && server.resolvers != nil) { return remembered }
        var failure: StartError?
        for method in server.initialAddresses {
            switch method {
            case .last: if let remembered { return remembered }
            case .none: return nil
            case .ip(let address): return .ip(address, port: port)
            case .libc:
                let advice = "; add the name to /etc/hosts or to DNS, or write 'init-addr none' after 'resolvers' to start without it"
                do throws(StartError) {
                    return .ip(try resolve(name, server.preferredFamily, "\(server.location): server '\(owner)/\(server.name)': ", advice), port: port)
                } catch {
                    failure = error
                }
            }
        }
        guard let failure else { return nil }
        return try recalled(name, port: port, for: server, owner: owner, failure)
    }

    /// The address that the server's name had before the start. Its checks have to pass before it takes sessions.
    private mutating func recalled(_ name: String, port: UInt16, for server: Server, owner: String, _ failure: StartError) throws(StartError) -> SocketAddress {
        let remembered = addresses(of: name)
        guard let host = remembered.first(where: { $0.isV6 == (server.preferredFamily == .v6) }) ?? remembered.first else { throw failure }
        let reason = if case .failure(let error)? = known[NameQuestion(family: server.preferredFamily, name: name)] { error.description } else { "no address" }
        warnings.append("\(server.location): server '\(owner)/\(server.name)': \(reason); it is looked for where it was before: \(host)")
        if let check = server.check {
            unproven[RuntimeServerName(backend: owner, server: server.name)] = ServerMemory(
                hostName: name, address: host, flags: [], weight: server.weight, initialWeight: server.weight, isRunning: false, health: check.rise - 1,
                lastCheck: nil, sinceChange: .zero)
        }
        return .ip(host, port: port)
    }

    private func addresses(of name: String) -> [IPAddress] {
        DNSName(name).map { memory.addresses.entries(of: $0, now: memory.time).map(\.address.host) } ?? []
    }

    private mutating func resolve(_ name: String, _ family: AddressFamily, _ context: String, _ advice: String) throws(StartError) -> IPAddress {
        let question = NameQuestion(family: family, name: name)
        let result = known[question] ?? answer(to: question)
        known[question] = result
        switch result {
        case .success(let address): return address
        case .failure(let error): throw StartError(context + error.description + advice)
        }
    }

    private mutating func answer(to question: NameQuestion) -> Result<IPAddress, NameLookupError> {
        let remembered = memory.answers[question]
        if memory.isTrusted, let remembered { return .success(remembered) }
        let asked = lookup.nameToFollow(question.name) == nil ? nil : DNSName(question.name)
        // Whoever has something to fall back on is not kept waiting, the second time not at all.
        let hasFallback = remembered != nil || !addresses(of: question.name).isEmpty
        let patience = hasFallback ? (isSilent && asked != nil ? Duration.zero : NameResolution.patience) : nil
        do throws(NameLookupError) {
            let addresses = try lookup.addresses(of: question.name, preferring: question.family, patience: patience, random: SystemRandomNumberGenerator())
            guard let address = addresses.first else { throw NameLookupError(name: question.name, problem: .notAName) }
            if let asked { found.append(.init(name: asked, time: memory.time, entries: addresses.map { KnownName.Entry(ResolvedAddress($0)) })) }
            return .success(address)
        } catch {
            if case .noAnswer = error.problem { isSilent = true }
            return remembered.map { .success($0) } ?? .failure(error)
        }
    }
}
