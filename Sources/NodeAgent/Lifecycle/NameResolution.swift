import Glibc
import LinuxIO
import Proxy
import Wire

/// Turns every name of a configuration into an address, before there are threads: binds, log targets, servers.
struct NameResolution {
    private let lookup: NameLookup
    private var known: [String: Result<IPAddress, NameLookupError>] = [:]

    /// Looks names up by `lookup`, each at most once.
    init(lookup: NameLookup) { self.lookup = lookup }

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
        guard !server.isTemplateSlot || server.resolvers == nil else { return nil }
        var failure: StartError?
        for method in server.initialAddresses {
            switch method {
            case .last: continue  // no state file was given: the next method
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
        let key = "\(family) \(name)"
        let result: Result<IPAddress, NameLookupError>
        if let answer = known[key] {
            result = answer
        } else {
            do throws(NameLookupError) {
                let addresses = try lookup.addresses(of: name, preferring: family, random: SystemRandomNumberGenerator())
                result = addresses.first.map { .success($0) } ?? .failure(NameLookupError(name: name, problem: .notAName))
            } catch {
                result = .failure(error)
            }
            known[key] = result
        }
        switch result {
        case .success(let address): return address
        case .failure(let error): throw StartError(context + error.description + advice)
        }
    }
}
