// Blocking sockets, for programs and tests with one thread per connection.

import CLinux
import Glibc
import LinuxIO
import Wire

/// Opens a blocking stream socket that listens at `address`, beside connections that an earlier listener has left.
package func listenBlocking(_ address: SocketAddress, backlog: Int32) throws(ChildProcessError) -> Int32 {
    do throws(SystemError) {
        let socket = try Sockets.open(.stream, for: address)
        if case .ip = address { try Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: socket.raw) }
        try Sockets.bind(socket.raw, to: address)
        try Sockets.listen(socket.raw, backlog: backlog)
        _ = fcntl(socket.raw, F_SETFL, 0)
        return socket.release()
    } catch {
        throw ChildProcessError(description: "cannot listen on \(address): \(error.reason)")
    }
}

/// Binds a socket to an IPv4 address in digits.
package func bindAddress(_ descriptor: Int32, address: String, port: UInt16) -> Bool {
    guard let own = IPAddress(address) else { return false }
    return RawSocketAddress(.ip(own, port: port)).withPointer { bind(descriptor, $0, $1) == 0 }
}

/// Waits for a connection and accepts it. The socket is close-on-exec from the start: a child process that another thread starts meanwhile would otherwise keep
/// the connection open.
///
/// - Returns: a blocking socket, or the negative errno.
package func acceptBlocking(_ listener: Int32) -> Int32 {
    let client = clinux_accept(listener, nil, nil)
    if client >= 0 { _ = fcntl(client, F_SETFL, 0) }
    return client
}

/// Passes each connection to `take` until the listening socket is shut down. A process without a free descriptor tries again.
package func acceptEach(_ listener: Int32, _ take: (Int32) -> Void) {
    while true {
        let client = acceptBlocking(listener)
        if client >= 0 {
            take(client)
        } else if client == -EINVAL || client == -EBADF {
            return
        } else {
            usleep(1000)
        }
    }
}

/// Sends all bytes.
///
/// - Returns: false if the connection is over.
package func sendAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
    }
    return true
}

/// Limits the waits of a socket's calls.
///
/// - Parameters:
///   - options: `SO_RCVTIMEO`, `SO_SNDTIMEO` or both; the latter is also the limit of a connect.
///   - milliseconds: 0 for no limit.
package func limitWaits(_ options: Int32..., to milliseconds: Int, on descriptor: Int32) {
    var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    for option in options { setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size)) }
}
