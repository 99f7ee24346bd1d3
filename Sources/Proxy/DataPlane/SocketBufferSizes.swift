import Glibc
import LinuxIO

extension SocketBuffers {
    /// Sets the sizes on a socket. The kernel limits them to its own maximum.
    package func set(on raw: Int32) {
        if receive > 0 { try? Sockets.set(SO_RCVBUF, at: SOL_SOCKET, to: receive, on: raw) }
        if send > 0 { try? Sockets.set(SO_SNDBUF, at: SOL_SOCKET, to: send, on: raw) }
    }
}
