// `source`: settings as connects read them, and the ports that are free. Only sessions and checks of servers with a `source` use this file.

import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

/// The local address of connections to one server.
struct SourceRules: BitwiseCopyable, Sendable {
    /// The address of this host, with its port if there is only one. No address (family 0) leaves both to the kernel.
    let own: RawSocketAddress
    /// The address that a session's server sees; `nil` for `own`.
    let presented: SourceSettings.Presented?
    let interface: InterfaceName
    /// The ports are taken from the server's `SourcePorts`.
    let hasPortRange: Bool

    init(_ settings: SourceSettings) {
        let only: UInt16? = if let ports = settings.ports, ports.count == 1 { ports.lowerBound } else { nil }
        hasPortRange = settings.ports != nil && only == nil
        own =
            if settings.address != nil || settings.ports != nil {
                RawSocketAddress(.ip(settings.address ?? .anyV4, port: only ?? 0))
            } else {
                RawSocketAddress()
            }
        presented = settings.presented
        interface = settings.interface.map { InterfaceName($0) } ?? InterfaceName()
    }

    /// The address that a session's server sees, if it is not `own`. As in HAProxy, a client of a UNIX socket gives none.
    func presentedAddress(to client: KernelAddress) -> RawSocketAddress? {
        switch presented {
        case nil: nil
        case .other(let address, let port): RawSocketAddress(.ip(address, port: port))
        case .client: client.address.map { RawSocketAddress(.ip($0, port: client.port)) }
        case .clientAddress: client.address.map { RawSocketAddress(.ip($0, port: 0)) }
        }
    }

    /// Binds a socket to `presented`, which may be an address of another host, or to `own`. Returns false, with errno set, when that is impossible.
    ///
    /// - Parameter ports: the server's free ports, if `hasPortRange`. The socket takes one.
    func bind(_ raw: Int32, presenting presented: RawSocketAddress?, ports: borrowing SourcePorts) -> Bool {
        guard interface.isNone || interface.bind(raw) else { return false }
        // Sockets of connections to different servers, and of ended connections, may have the same port.
        guard (try? Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: raw)) != nil else { return false }
        if let presented {
            let isV6 = Int32(presented.storage.ss_family) == AF_INET6
            guard (try? Sockets.allowForeignAddress(raw, isV6: isV6)) != nil else { return false }
            return Self.bind(raw, to: presented)
        }
        guard own.storage.ss_family != 0 else { return true }
        return hasPortRange ? ports.bind(raw, to: own) : Self.bind(raw, to: own)
    }

    private static func bind(_ raw: Int32, to address: RawSocketAddress) -> Bool {
        // A kernel without this option chooses the port here, as it always did.
        if KernelAddress(address).port == 0 { try? Sockets.choosePortAtConnect(raw) }
        return address.withPointer { Glibc.bind(raw, $0, $1) } == 0
    }
}

/// The free ports of a `source` with a range. A port that becomes free is used again last, because the kernel may still remember its last connection.
struct SourcePorts: ~Copyable, Sendable {
    /// How many ports a connect tries, if another program uses some of them.
    private static let attemptsMax = 10

    /// A queue in a ring.
    struct Free: Sendable {
        private var ring: [UInt16]
        private var first = 0
        private(set) var count: Int

        init(_ ports: [UInt16]) { (ring, count) = (ports, ports.count) }

        mutating func take() -> UInt16? {
            guard count > 0 else { return nil }
            defer { (first, count) = ((first + 1) % ring.count, count - 1) }
            return ring[first]
        }

        /// Does nothing when the queue is full: the port is not from this queue.
        mutating func giveBack(_ port: UInt16) {
            guard count < ring.count else { return }
            ring[(first + count) % ring.count] = port
            count += 1
        }
    }

    private let ports: ClosedRange<UInt16>
    private let free: Mutex<Free>

    /// The ports of `settings` are free; none without a range.
    init(_ settings: SourceSettings?) {
        ports = settings?.ports ?? 0...0
        free = Mutex(Free(ports.count > 1 ? Array(ports) : []))
    }

    /// The number of free ports.
    var freeCount: Int { free.withLock { $0.count } }

    /// Binds a socket to `address` with a free port, which belongs to the socket until `release`. Returns false, with errno set, when none can be used.
    borrowing func bind(_ raw: Int32, to address: RawSocketAddress) -> Bool {
        guard let host = address.address?.address else { return false }
        for _ in 0..<Self.attemptsMax {
            guard let port = free.withLock({ $0.take() }) else { break }
            if RawSocketAddress(.ip(host, port: port)).withPointer({ Glibc.bind(raw, $0, $1) }) == 0 { return true }
            free.withLock { $0.giveBack(port) }
        }
        errno = EADDRINUSE
        return false
    }

    /// Gives a bound socket's port back. Call it once, before the socket is closed.
    borrowing func release(_ raw: Int32) {
        guard ports.count > 1, let port = Sockets.localAddress(raw)?.port, ports.contains(port) else { return }
        free.withLock { $0.giveBack(port) }
    }
}

extension ForwardingState {
    /// Binds a check's socket to the `source` of its server. As in HAProxy, a check has no client, and its server sees this host's address in place of `usesrc`.
    package func bindSource(_ raw: Int32, ofCheckOf server: ServerReference) throws(SystemError) {
        let index = flatIndex(server)
        guard let source = serverRules[index].pointee.source else { return }
        guard sources[Int(source)].pointee.bind(raw, presenting: nil, ports: sourcePorts[Int(source)].pointee) else { throw .last("bind") }
    }

    /// Gives back the port of a check's socket, which is about to close.
    package func releaseSource(_ raw: Int32, ofCheckOf server: ServerReference) {
        guard let source = serverRules[flatIndex(server)].pointee.source, sources[Int(source)].pointee.hasPortRange else { return }
        sourcePorts[Int(source)].pointee.release(raw)
    }
}
