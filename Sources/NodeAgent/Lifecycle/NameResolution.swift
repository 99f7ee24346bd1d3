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
        /// True to take the answers as they are, since there is no time to ask; false to fall back on them.
        var isTrusted = false
    }

    private let lookup: NameLookup
    private let memory: Memory
    private var known: [NameQuestion: Result<IPAddress, NameLookupError>] = [:]

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
        guard !server.isTemplateSlot || server.resolvers == nil else { return remembered }
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
        if let failure { throw failure }
        return nil
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

    private func answer(to question: NameQuestion) -> Result<IPAddress, NameLookupError> {
        let remembered = memory.answers[question]
        if memory.isTrusted, let remembered { return .success(remembered) }
        do throws(NameLookupError) {
            let addresses = try lookup.addresses(of: question.name, preferring: question.family, random: SystemRandomNumberGenerator())
            if let address = addresses.first { return .success(address) }
            throw NameLookupError(name: question.name, problem: .notAName)
        } catch {
            return remembered.map { .success($0) } ?? .failure(error)
        }
    }
}
