// `MySQLPeer` with a socket, for clients that are separate programs.

import CLinux
import Foundation
import LinuxIO
import Synchronization
import Wire

/// A listening peer on the loopback interface. Its threads end with the process.
package final class MySQLPeerServer: Sendable {
    /// The port that it listens on.
    package let port: UInt16
    private let listener: Int32
    private let logins = Atomic<Int>(0)

    /// The number of clients that have proved the password.
    package var loginCount: Int { logins.load(ordering: .relaxed) }

    /// - Parameter settings: called for each connection, on its thread, so that connections share nothing.
    package init(_ settings: @escaping @Sendable () throws -> MySQLPeerSettings) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard bindAddress(listener, address: "127.0.0.1", port: 0), listen(listener, 16) == 0 else {
            throw ChildProcessError(description: "cannot listen: \(String(cString: strerror(errno)))")
        }
        var own = sockaddr_in()
        var bytes = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listening = listener
        let isKnown = withUnsafeMutablePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listening, $0, &bytes) == 0 }
        }
        guard isKnown else { throw ChildProcessError(description: "no port: \(String(cString: strerror(errno)))") }
        (self.listener, port) = (listener, UInt16(bigEndian: own.sin_port))
        Thread.detachNewThread { [self] in serve(settings) }
    }

    private func serve(_ settings: @escaping @Sendable () throws -> MySQLPeerSettings) {
        while true {
            let client = acceptBlocking(listener)
            guard client >= 0 else {
                usleep(1000)  // out of descriptors: retry soon
                continue
            }
            Thread.detachNewThread { [self] in
                if let settings = try? settings() { converse(client, MySQLPeer(settings)) }
                close(client)
            }
        }
    }

    private func converse(_ client: Int32, _ peer: MySQLPeer) {
        var hasCounted = false
        var answer = peer.greet()
        while send(client, answer, answer.count, Int32(MSG_NOSIGNAL)) == answer.count, !peer.isOver {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(client, &bytes, bytes.count, 0)
            guard count > 0 else { return }
            answer = peer.receive(Array(bytes.prefix(count)))
            if peer.isLoggedIn, !hasCounted {
                hasCounted = true
                logins.add(1, ordering: .relaxed)
            }
        }
    }
}
