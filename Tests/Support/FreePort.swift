import LinuxIO
import Wire

/// Finds a TCP port that no process uses at any IPv4 address. Another process may take it at any time.
package func freePort() throws -> UInt16 {
    let any = SocketAddress.ip(.anyV4, port: 0)
    let socket = try Sockets.open(.stream, for: any)
    try Sockets.bind(socket.raw, to: any)
    guard let port = Sockets.localAddress(socket.raw)?.port else { throw SystemError.last("getsockname") }
    return port
}
