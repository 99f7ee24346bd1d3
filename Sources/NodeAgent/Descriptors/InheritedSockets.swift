import CLinux
import Glibc
import LinuxIO
import Wire

/// Bound sockets that this process has received from an earlier one or from its supervisor. Each can be taken once.
///
/// The sockets of one address are a SO_REUSEPORT group. A group may shrink only if the kernel moves connections (`ListeningSockets.migratesConnections`):
/// otherwise, closing a socket of the group resets the connections in its queue.
final class InheritedSockets {
    /// The most sockets that are kept; further ones are closed.
    static let socketsMax = 65_536

    private struct Place: Hashable {
        let kind: Int32
        let address: SocketAddress
        /// Sockets at one address may belong to different interfaces; empty for all interfaces.
        let interface: String
        /// The network namespace (`NetworkNamespace.number`); 0 for a UNIX socket, which is reached through its path or its name.
        let namespace: UInt64
    }

    /// The number of the process's own network namespace.
    let ownNamespace: UInt64
    private var groups: [Place: [OpenFile]] = [:]
    private var count = 0
    /// The number of stream listeners, taken or not.
    private(set) var streamsCount = 0
    /// The addresses of stream listeners with their namespaces, taken or not.
    private(set) var streamAddresses: [(address: SocketAddress, namespace: UInt64)] = []

    /// An empty collection.
    init() {
        do throws(SystemError) { ownNamespace = try NetworkNamespace.number(of: nil) } catch { ownNamespace = 0 }
    }

    /// Adds `files`. A file that is not a bound socket is closed.
    func add(_ files: [OpenFile]) {
        for file in files where count < Self.socketsMax {
            guard let address = Self.address(of: file.raw), let kind = ListeningSockets.option(SO_TYPE, file.raw) else { continue }
            count += 1
            let namespace = NetworkNamespace.number(ofSocket: file.raw)
            let place = Self.place(kind, address, interface: InterfaceName.of(file.raw), namespace)
            if kind == Int32(SOCK_STREAM.rawValue) {
                streamsCount += 1
                if groups[place] == nil { streamAddresses.append((address, namespace)) }
            }
            groups[place, default: []].append(file)
        }
    }

    /// Returns and removes all sockets of `kind` that are bound to `address`, and to `interface` if there is one, in the network namespace with the
    /// number `namespace` (`nil`: in the process's own).
    func take(_ kind: SocketKind, at address: SocketAddress, interface: String? = nil, namespace: UInt64? = nil) -> [OpenFile] {
        let type = kind == .stream ? Int32(SOCK_STREAM.rawValue) : Int32(SOCK_DGRAM.rawValue)
        return groups.removeValue(forKey: Self.place(type, address, interface: interface ?? "", namespace ?? ownNamespace)) ?? []
    }

    /// Returns and removes the stream sockets that are bound to `address` and `interface` in a namespace other than the process's own and those with the numbers
    /// `named`; none if several namespaces have such sockets. A supervisor may pass them, such as systemd to a service with `NetworkNamespacePath=`.
    func takeForeign(at address: SocketAddress, interface: String?, except named: Set<UInt64>) -> [OpenFile] {
        let places = groups.keys.filter { place in
            place.kind == Int32(SOCK_STREAM.rawValue) && place.address == address && place.interface == interface ?? "" && !named.contains(place.namespace)
        }
        return places.count == 1 ? groups.removeValue(forKey: places[0]) ?? [] : []
    }

    private static func place(_ kind: Int32, _ address: SocketAddress, interface: String, _ namespace: UInt64) -> Place {
        let isIP = if case .ip = address { true } else { false }
        return Place(kind: kind, address: address, interface: interface, namespace: isIP ? namespace : 0)
    }

    /// Closes the remaining sockets, because no process would accept connections on them.
    func closeUntaken() { groups = [:] }

    /// The address of a bound socket. A UNIX socket is bound under a temporary name first (`ListeningSockets`); the result is the final path.
    private static func address(of raw: Int32) -> SocketAddress? {
        guard let address = Sockets.localAddress(raw) else { return nil }
        guard case .unix(let path) = address else { return address }
        guard path.hasSuffix("~"), !SocketAddress.isAbstract(path), let dot = path.lastIndex(of: ".") else { return path.isEmpty ? nil : address }
        return .unix(String(path[..<dot]))
    }
}
