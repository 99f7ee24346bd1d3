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
        listener = try listenBlocking(.ip(.v4(0x7f00_0001), port: 0), backlog: 16)
        guard let port = Sockets.localAddress(listener)?.port else { throw ChildProcessError(description: "no port: \(String(cString: strerror(errno)))") }
        self.port = port
        Thread.detachNewThread { [self] in serve(settings) }
    }

    private func serve(_ settings: @escaping @Sendable () throws -> MySQLPeerSettings) {
        acceptEach(listener) { client in
            Thread.detachNewThread { [self] in
                if let settings = try? settings() { converse(client, MySQLPeer(settings)) }
                close(client)
            }
        }
    }

    private func converse(_ client: Int32, _ peer: MySQLPeer) {
        var hasCounted = false
        var answer = peer.greet()
        while sendAll(answer, to: client), !peer.isOver {
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
