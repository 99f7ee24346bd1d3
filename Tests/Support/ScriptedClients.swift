// Clients that follow a script, and may keep their connections.

import CLinux
import Glibc
import LinuxIO
import Synchronization

/// Clients in this process that connect, take steps, and may keep their connections.
package final class ScriptedClients: Sendable {
    /// A client: where it connects, and what it does.
    package struct Script: Codable, Sendable {
        /// Where it connects to.
        package let target: ScriptAddress
        /// Where it connects from; the kernel chooses the port for port 0, and everything for `nil`.
        package let source: ScriptAddress?
        /// What it does.
        package let steps: [ConversationStep]
        /// The longest wait for bytes, in milliseconds.
        package let patience: Int

        /// Creates a client.
        package init(target: ScriptAddress, source: ScriptAddress? = nil, steps: [ConversationStep], patience: Int = 5_000) {
            (self.target, self.source, self.steps, self.patience) = (target, source, steps, patience)
        }
    }

    private let held = Mutex<[String: [Conversation]]>([:])

    /// Creates a set without clients.
    package init() {}

    /// Runs clients one after the other; each connection ends with its steps.
    package func run(_ script: Script, count: Int) -> [Transcript] {
        (0..<count).map { _ in
            guard var conversation = Self.connect(script) else { return Transcript(received: [], ending: .refused) }
            _ = conversation.take(script.steps)
            close(conversation.descriptor)
            return conversation.transcript
        }
    }

    /// Runs clients one after the other and keeps their connections under `name`, after those that it has.
    package func hold(_ script: Script, count: Int, as name: String) -> [Transcript] {
        (0..<count).map { _ in
            guard var conversation = Self.connect(script) else { return Transcript(received: [], ending: .refused) }
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

    private static func connect(_ script: Script) -> Conversation? {
        guard let target = script.target.raw else { return nil }
        let descriptor = socket(script.target.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        if let source = script.source?.raw, source.withPointer({ bind(descriptor, $0, $1) }) != 0 {
            close(descriptor)
            return nil
        }
        var limit = timeval(tv_sec: script.patience / 1000, tv_usec: script.patience % 1000 * 1000)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard target.withPointer({ Glibc.connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            return nil
        }
        return Conversation(descriptor, patience: script.patience)
    }
}
