import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

/// The targets of checks in the scale benchmark: a thread that accepts and closes, at every loopback address.
///
/// Thousands of servers need three listeners, because each server has a separate address and a listener accepts at all of them.
final class CheckTargets: Sendable {
    private enum Kind: Int, CaseIterable { case steady, dying, greeting }

    /// A MySQL server's first packet, for which `option mysql-check` waits.
    private static let greeting: [UInt8] = {
        let payload: [UInt8] =
            [10] + Array("8.0.36\0".utf8) + [7, 0, 0, 0] + Array("12345678\0".utf8) + [0xff, 0xf7, 8, 2, 0, 0xff, 0x81, 21]
            + [UInt8](repeating: 0, count: 10) + Array("123456789012\0mysql_native_password\0".utf8)
        return [UInt8(payload.count), 0, 0, 0] + payload
    }()
    private static let backlog: Int32 = 4096

    /// Ports of targets that live, of those that `die` and `revive` affect, and of those that greet as MySQL does.
    var steadyPort: UInt16 { port(.steady) }
    /// See `steadyPort`.
    var dyingPort: UInt16 { port(.dying) }
    /// See `steadyPort`.
    var greetingPort: UInt16 { port(.greeting) }
    /// Connections accepted so far.
    var acceptedCount: Int { accepted.load(ordering: .relaxed) }

    private let listeners: [OpenFile]
    private let accepted = Atomic<Int>(0)
    private let isEnding = Atomic<Bool>(false)

    /// Listens at any port except `taken`, and starts the thread.
    init(not taken: UInt16) throws {
        listeners = try Kind.allCases.map { _ in
            // A port that was bound by its number stays bound after the listener's shutdown. SO_REUSEADDR lets it listen again beside earlier connections.
            let address = SocketAddress.ip(.anyV4, port: try FreePort.find(on: "0.0.0.0", not: [taken]))
            let listener = try Sockets.open(.stream, for: address)
            try Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: listener.raw)
            try Sockets.bind(listener.raw, to: address)
            try Sockets.listen(listener.raw, backlog: Self.backlog)
            return OpenFile(listener)
        }
        _ = try Thread(named: "targets") { self.serve() }
    }

    /// Ends the thread.
    func stop() { isEnding.store(true, ordering: .relaxed) }

    /// Makes the dying targets refuse. The listener keeps its port.
    func die() { _ = shutdown(listeners[Kind.dying.rawValue].raw, Int32(SHUT_RDWR)) }

    /// Makes the dying targets accept again.
    func revive() throws { try Sockets.listen(listeners[Kind.dying.rawValue].raw, backlog: Self.backlog) }

    private func port(_ kind: Kind) -> UInt16 { Sockets.localAddress(listeners[kind.rawValue].raw)?.port ?? 0 }

    private func serve() {
        let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: 4)
        defer { events.deallocate() }
        guard let poller = try? Poller() else { return }
        for kind in Kind.allCases {
            // Edge-triggered: a listener that was shut down would always be ready.
            try? poller.add(listeners[kind.rawValue].raw, events: EPOLLIN.rawValue | EPOLLET.rawValue, token: UInt64(kind.rawValue))
        }
        while !isEnding.load(ordering: .relaxed) {
            for index in 0..<poller.wait(events, milliseconds: 100) { accept(Kind(rawValue: Int(events[index].data.u64)) ?? .steady) }
        }
    }

    private func accept(_ kind: Kind) {
        while true {
            let connection: FileDescriptor?
            // accept(2) on a listener that was shut down fails with EINVAL.
            do { connection = try Sockets.accept(listeners[kind.rawValue].raw) } catch { return }
            guard let connection else { return }
            accepted.add(1, ordering: .relaxed)
            if kind == .greeting { _ = try? Sockets.send(connection.raw, Self.greeting[...]) }
        }
    }
}
