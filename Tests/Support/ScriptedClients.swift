// Clients that follow a script, and may keep their connections.

import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

/// Clients in this process that connect, take steps, and may keep their connections.
package final class ScriptedClients: Sendable {
    /// A client: where it connects, and what it does.
    package struct Script: Codable, Sendable {
        /// Where it connects to.
        package let target: ScriptAddress
        /// Where it connects from; the kernel chooses the port for port 0, and everything for `nil`.
        package let source: ScriptAddress?
        /// The distance from a client's address to that of the next client; 0 if all clients connect from the same address.
        package let sourceStride: UInt32
        /// What it does.
        package let steps: [ConversationStep]
        /// The longest wait for bytes, in milliseconds.
        package let patience: Int

        /// Creates a client.
        package init(
            target: ScriptAddress, source: ScriptAddress? = nil, sourceStride: UInt32 = 0, steps: [ConversationStep], patience: Int = 5_000
        ) {
            (self.target, self.source, self.sourceStride, self.steps, self.patience) = (target, source, sourceStride, steps, patience)
        }

        /// The address that a client connects from.
        fileprivate func source(ofClient number: Int) -> SocketAddress? {
            guard let address = source?.socketAddress, case .ip(.v4(let bits), let port) = address else { return source?.socketAddress }
            return .ip(.v4(bits &+ UInt32(number) &* sourceStride), port: port)
        }
    }

    private let held = Mutex<[String: [Conversation]]>([:])

    /// Creates a set without clients.
    package init() {}

    /// Runs clients one after the other; each connection ends with its steps.
    package func run(_ script: Script, count: Int) -> [Transcript] {
        (0..<count).map { number in
            guard var conversation = Self.connect(script, number) else { return Transcript(received: [], ending: .refused) }
            _ = conversation.take(script.steps)
            close(conversation.descriptor)
            return conversation.transcript
        }
    }

    /// Runs clients one after the other and keeps their connections under `name`, after those that it has.
    package func hold(_ script: Script, count: Int, as name: String) -> [Transcript] {
        (0..<count).map { number in
            guard var conversation = Self.connect(script, number) else { return Transcript(received: [], ending: .refused) }
            _ = conversation.take(script.steps)
            let kept = conversation
            held.withLock { $0[name, default: []].append(kept) }
            return kept.transcript
        }
    }

    /// Takes further steps on each connection that is kept under `name`.
    package func resume(_ name: String, steps: [ConversationStep]) -> [Transcript] {
        var conversations = held.withLock { $0[name] ?? [] }
        for index in conversations.indices { _ = conversations[index].take(steps) }
        return conversations.map(\.transcript)
    }

    /// Takes last steps on each connection that is kept under `name`, one after the other, and closes it.
    package func release(_ name: String, steps: [ConversationStep]) -> [Transcript] {
        held.withLock { $0.removeValue(forKey: name) ?? [] }.map { kept in
            var conversation = kept
            _ = conversation.take(steps)
            close(conversation.descriptor)
            return conversation.transcript
        }
    }

    private static func connect(_ script: Script, _ number: Int) -> Conversation? {
        guard let target = script.target.socketAddress, let socket = try? Sockets.open(.stream, for: target) else { return nil }
        try? Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: socket.raw)
        if let source = script.source(ofClient: number), (try? Sockets.bind(socket.raw, to: source)) == nil { return nil }
        _ = fcntl(socket.raw, F_SETFL, 0)
        limitWaits(SO_SNDTIMEO, to: script.patience, on: socket.raw)
        guard (try? Sockets.connect(socket.raw, to: target)) == .connected else { return nil }
        return Conversation(socket.release(), patience: script.patience)
    }
}
