import Gossip
import LinuxIO
import Wire

/// A command of `tsukada keys`.
enum KeyCommand: Equatable, Sendable {
    /// Show the identifiers of keys, and which nodes hold them.
    case list
    /// Accept the key from stdin.
    case install
    /// Send with this key.
    case use(UInt32)
    /// Remove this key.
    case remove(UInt32)
}

/// The output and the error of a command. Neither ever contains a key.
struct KeyOutcome: Equatable {
    /// The text for stdout; lines that end with a line feed.
    var output = ""
    /// One or more sentences for stderr; `nil` on success. Otherwise the exit code is 1.
    var errorText: String?
}

/// Changes the keys of the running node and of its key file. The node comes first, so that a change that it refuses has no effect.
struct KeyManagement {
    /// The section's `key-file`.
    let file: KeyFile
    /// The node's runtime socket.
    let node: RuntimeClient
    /// Computes identifiers of keys.
    let seal: any Seal

    /// A change to the node and the file.
    private struct Change {
        /// The command for the runtime socket.
        var request: String
        /// The next version of the file; `nil` if it stays unchanged.
        var text: KeyFileText?
        /// The completed change: "key 0a1b2c3d is installed".
        var done: String
        /// The text to hide in the node's answer.
        var secret: String?
        /// The next step for the operator.
        var advice: String
        /// Whether the file alone may be changed while the node does not run.
        var mayChangeFileAlone: Bool
    }

    /// Runs `command`.
    ///
    /// - Parameter input: the content of stdin, for `install`.
    func run(_ command: KeyCommand, input: [UInt8]) -> KeyOutcome {
        do throws(KeyFileError) {
            guard command != .list else { return list(try file.read(seal)) }
            let folder = try file.lock()
            let outcome = try change(command, input)
            folder.unlock()
            return outcome
        } catch {
            return KeyOutcome(errorText: error.description)
        }
    }

    private func change(_ command: KeyCommand, _ input: [UInt8]) throws(KeyFileError) -> KeyOutcome {
        let text = try file.read(seal)
        switch command {
        case .list: return list(text)
        case .install:
            guard let given = try? KeyFileText(input, path: "stdin", seal: seal), given.keys.count == 1, let key = given.keys.first else {
                return KeyOutcome(errorText: "'install' needs one key on stdin, a line of 64 hexadecimal digits: create it with 'tsukada keygen > new.key'")
            }
            return carryOut(text) { (text) throws(KeyRing.Refusal) in try Self.install(key, &text) }
        case .use(let id): return carryOut(text) { (text) throws(KeyRing.Refusal) in try Self.use(id, &text) }
        case .remove(let id): return carryOut(text) { (text) throws(KeyRing.Refusal) in try Self.remove(id, &text) }
        }
    }

    private static func install(_ key: KeyRing.Key, _ text: inout KeyFileText) throws(KeyRing.Refusal) -> Change {
        try text.install(key)
        let (secret, id) = (Hexadecimal.text(key.secret.bytes), Hexadecimal.text(key.id, digits: 8))
        return Change(
            request: "install gossip key \(secret)", done: "key \(id) is installed", secret: secret,
            advice: "once 'tsukada keys list' shows it on every node, 'tsukada keys use \(id)' makes this node send with it", mayChangeFileAlone: true)
    }

    private static func use(_ id: UInt32, _ text: inout KeyFileText) throws(KeyRing.Refusal) -> Change {
        try text.use(id)
        let name = Hexadecimal.text(id, digits: 8)
        return Change(
            request: "use gossip key \(name)", done: "key \(name) is selected for sending",
            advice: "once every node sends with it, 'tsukada keys remove' removes the old key", mayChangeFileAlone: true)
    }

    private static func remove(_ id: UInt32, _ text: inout KeyFileText) throws(KeyRing.Refusal) -> Change {
        try text.remove(id)
        let name = Hexadecimal.text(id, digits: 8)
        return Change(request: "remove gossip key \(name)", done: "key \(name) is removed", advice: "do the same on the other nodes", mayChangeFileAlone: false)
    }

    private func list(_ text: KeyFileText) -> KeyOutcome {
        switch node.ask("show gossip keys") {
        case .text(let answer): return KeyOutcome(output: answer + "\n")
        case .notRunning(let error):
            let ids = text.keys.map { Hexadecimal.text($0.id, digits: 8) + "\n" }.joined()
            return KeyOutcome(output: "# key\n" + ids, errorText: "\(isDown(error)): these are the keys of \(file.path); the first one is used for sending")
        case .failed(let error): return KeyOutcome(errorText: cannotAsk(error))
        }
    }

    /// Prepares the next version of the file, sends the request to the node, then replaces the file.
    private func carryOut(_ old: KeyFileText, _ prepare: (inout KeyFileText) throws(KeyRing.Refusal) -> Change) -> KeyOutcome {
        var text = old
        let change: Change
        do throws(KeyRing.Refusal) {
            change = try prepare(&text)
        } catch {
            return KeyOutcome(errorText: "\(file.path): \(error); nothing is changed")
        }
        do throws(KeyFileError) {
            guard text != old else { return ask(change) { () throws(KeyFileError) in } }
            let staged = try file.stage(text)
            return ask(change) { () throws(KeyFileError) in
                do throws(SystemError) {
                    try staged.publish()
                } catch {
                    throw KeyFileError(path: file.path, problem: .system(error))
                }
            }
        } catch {
            return KeyOutcome(errorText: "\(error); nothing is changed")
        }
    }

    private func ask(_ change: Change, publish: () throws(KeyFileError) -> Void) -> KeyOutcome {
        switch node.ask(change.request) {
        case .text(""):
            return finish(
                publish, KeyOutcome(output: "\(change.done) on the node and in \(file.path); \(change.advice)\n"), failure: "\(change.done) on the node only")
        case .text(let answer):
            let reason = Self.hiding(change.secret, in: answer).split(separator: "\n").joined(separator: "; ")
            return KeyOutcome(errorText: "the node refuses: \(reason); nothing is changed")
        case .notRunning(let error) where change.mayChangeFileAlone:
            let errorText = "\(isDown(error)): \(change.done) in \(file.path) only, and takes effect when the node starts"
            return finish(publish, KeyOutcome(errorText: errorText), failure: isDown(error))
        case .notRunning(let error):
            return KeyOutcome(errorText: "\(isDown(error)), and only a running node knows which keys the others hold: start it first; nothing is changed")
        case .failed(let error):
            return KeyOutcome(errorText: "\(cannotAsk(error)); \(file.path) is unchanged")
        }
    }

    private func finish(_ publish: () throws(KeyFileError) -> Void, _ outcome: KeyOutcome, failure: String) -> KeyOutcome {
        do throws(KeyFileError) {
            try publish()
            return outcome
        } catch {
            return KeyOutcome(errorText: "\(failure): \(error); correct this, then make the file match the node ('tsukada keys list')")
        }
    }

    private func isDown(_ error: SystemError) -> String { "the node is not running (\(node.path): \(error.reason))" }

    private func cannotAsk(_ error: SystemError) -> String { "cannot reach the node at \(node.path): \(error)" }

    private static func hiding(_ secret: String?, in answer: String) -> String {
        guard let secret else { return answer }
        return answer.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "...")
    }
}
