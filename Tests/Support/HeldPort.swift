import Glibc
import LinuxIO
import Wire

/// A port that the kernel chooses, and gives to no other socket while this value exists: a socket that never listens is bound to it.
///
/// A connect or a datagram to the address is refused, unless another socket with SO_REUSEADDR is bound to it and serves. Without this value, a parallel test
/// may get the port of a socket that has closed.
package final class HeldPort: Sendable {
    /// The address with the port.
    package let address: SocketAddress
    private let socket: OpenFile

    /// - Parameter place: the address to hold; its port is usually 0.
    package init(_ kind: SocketKind = .stream, at place: SocketAddress = .ip(.v4(0x7f00_0001), port: 0)) throws(SystemError) {
        socket = OpenFile(try Sockets.open(kind, for: place))
        try Sockets.bind(socket.raw, to: place)
        guard let bound = Sockets.localAddress(socket.raw) else { throw .last("getsockname") }
        address = bound
        // Not before: two UDP sockets with this option may get the same port.
        try Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: socket.raw)
        // The kernel refuses datagrams from all other addresses.
        if kind == .datagram { _ = try Sockets.connect(socket.raw, to: bound) }
    }

    /// Holds the port until the process ends.
    package func keepUntilExit() { _ = fcntl(socket.raw, F_DUPFD_CLOEXEC, 0) }
}
