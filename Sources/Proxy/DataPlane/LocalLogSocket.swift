import CLinux
import Glibc
import LinuxIO
import Wire

/// A datagram socket connected to a syslog daemon's UNIX socket, such as /dev/log. All threads share it.
///
/// It connects before chroot, which may hide the path, and stays connected. When the daemon closes its end, the socket reconnects by the path, provided that it
/// still leads to a socket.
package final class LocalLogSocket: Hashable, Sendable {
    /// The send buffer: the most bytes of all threads that may wait for the daemon.
    private static let sendBuffer: Int32 = 1 << 20
    /// The errors of a send that mean that the daemon's end is closed.
    private static let lostCodes = [ECONNREFUSED, ECONNRESET, ENOTCONN, EDESTADDRREQ, EPIPE]

    /// The path in the configuration.
    package let path: String
    private let file: OpenFile

    /// The descriptor's number, which never changes.
    var raw: Int32 { file.raw }

    /// Creates the socket without connecting it.
    package init(_ path: String) throws(SystemError) {
        self.path = path
        file = OpenFile(try Sockets.open(.datagram, for: .unix(path)))
        if (try? Sockets.set(SO_SNDBUFFORCE, at: SOL_SOCKET, to: Self.sendBuffer, on: file.raw)) == nil {
            try Sockets.set(SO_SNDBUF, at: SOL_SOCKET, to: Self.sendBuffer, on: file.raw)
        }
    }

    /// Connects to the first of `paths` at which a daemon listens. Throws the error of the last one.
    package func connect(_ paths: [String]) throws(SystemError) {
        var failure = SystemError("connect", code: ENOENT)
        for path in paths where path.utf8.count <= SocketAddress.pathBytesMax {
            do throws(SystemError) {
                _ = try Sockets.connect(file.raw, to: .unix(path))
                return
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// Reconnects after a send failed with errno `code`. Returns false when the error has another cause or the daemon is not back.
    func connectAgain(after code: Int32) -> Bool { Self.lostCodes.contains(code) && (try? connect([path])) != nil }

    /// Equal when the paths are equal: they are one destination.
    package static func == (left: LocalLogSocket, right: LocalLogSocket) -> Bool { left.path == right.path }

    /// Hashes the path.
    package func hash(into hasher: inout Hasher) { hasher.combine(path) }
}
