// Servers that follow a script for each connection, and can refuse, crash and stay silent. Their scripts change while they run.

import CLinux
import Foundation
import LinuxIO
import Synchronization
import Wire

/// What a scripted server does.
package enum ServerConduct: Codable, Sendable, Equatable {
    /// Takes these steps for each connection, and then waits until the client ends it.
    case serving([ConversationStep])
    /// Closes its listening socket. Open connections stay.
    case refusing
    /// Closes its listening socket and ends all connections, as a killed process does.
    case crashed
    /// Listens, but its queue is full, so that connects time out.
    case deaf
}

/// Listening servers in this process, by address. Their threads end with the process.
package final class ScriptedServers: Sendable {
    private static let transcriptsMax = 256

    /// One server.
    private struct Server {
        var steps: [ConversationStep] = []
        var listener: Int32 = -1
        /// The connections that fill the queue of a deaf server.
        var fillers: [Int32] = []
        var connections: Set<Int32> = []
        var transcripts: [Transcript] = []
    }

    private let servers = Mutex<[ScriptAddress: Server]>([:])

    /// Creates a set without servers.
    package init() {}

    /// Changes what the server at `address` does, from its next connection on. The first call creates the server.
    package func set(_ address: ScriptAddress, to conduct: ServerConduct) throws {
        try servers.withLock { servers in
            var server = servers[address] ?? Server()
            for filler in server.fillers { close(filler) }
            let wasDeaf = !server.fillers.isEmpty
            server.fillers = []
            if case .serving(let steps) = conduct, server.listener >= 0, !wasDeaf {
                server.steps = steps
                servers[address] = server
                return
            }
            if server.listener >= 0 { Self.stop(server.listener, isDeaf: wasDeaf) }
            if wasDeaf { close(server.listener) }
            server.listener = -1
            if conduct == .crashed { for connection in server.connections { shutdown(connection, Int32(SHUT_RDWR)) } }
            if case .serving(let steps) = conduct {
                server.steps = steps
                server.listener = try Self.listen(address, backlog: 256)
                let listener = server.listener
                Thread.detachNewThread { [self] in accept(on: listener, of: address) }
            } else if conduct == .deaf {
                server.listener = try Self.listen(address, backlog: 0)
                server.fillers = Self.fillQueue(of: address)
            }
            servers[address] = server
        }
    }

    /// Returns what the clients of a server have sent so far, and forgets it.
    package func takeTranscripts(of address: ScriptAddress) -> [Transcript] {
        servers.withLock { servers in
            let all = servers[address]?.transcripts ?? []
            servers[address]?.transcripts = []
            return all
        }
    }

    private static func listen(_ address: ScriptAddress, backlog: Int32) throws(ChildProcessError) -> Int32 {
        guard let own = address.socketAddress else { throw ChildProcessError(description: "no address: \(address.text)") }
        if case .unix(let path) = own, !SocketAddress.isAbstract(path) { unlink(path) }
        return try listenBlocking(own, backlog: backlog)
    }

    /// Wakes the accepting thread, which then closes the socket. First it lets that thread accept the connections that wait, because they would be reset.
    private static func stop(_ listener: Int32, isDeaf: Bool) {
        var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        while !isDeaf, poll(&waiting, 1, 0) > 0 { usleep(200) }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// Connects until the queue is full: the kernel then drops further SYNs.
    private static func fillQueue(of address: ScriptAddress) -> [Int32] {
        guard let target = address.socketAddress else { return [] }
        return (0..<3).compactMap { _ in
            guard let socket = try? Sockets.open(.stream, for: target) else { return nil }
            _ = try? Sockets.connect(socket.raw, to: target)
            return socket.release()
        }
    }

    private func accept(on listener: Int32, of address: ScriptAddress) {
        acceptEach(listener) { client in
            let steps = servers.withLock { servers in
                servers[address]?.connections.insert(client)
                return servers[address]?.steps ?? []
            }
            Thread.detachNewThread { [self] in converse(client, steps, with: address) }
        }
        close(listener)
    }

    private func converse(_ client: Int32, _ steps: [ConversationStep], with address: ScriptAddress) {
        var conversation = Conversation(client, patience: 0)
        let staysOpen = conversation.take(steps)
        record(conversation.transcript, of: address)
        if staysOpen { _ = conversation.take([.receiveEnd]) }
        servers.withLock { servers in
            servers[address]?.connections.remove(client)
            close(client)
        }
    }

    private func record(_ transcript: Transcript, of address: ScriptAddress) {
        servers.withLock { servers in
            guard let count = servers[address]?.transcripts.count, count < Self.transcriptsMax else { return }
            servers[address]?.transcripts.append(transcript)
        }
    }
}
