// Scripted servers and clients in a separate process, for example inside a network namespace, and the socket that controls them.
//
//     test --- JSON line over a UNIX socket ---> Stage: ScriptedServers, ScriptedClients
//          <-- JSON line ---

import CLinux
import Foundation
import LinuxIO
import Wire

/// A request to a stage: one JSON line.
package enum StageRequest: Codable, Sendable {
    /// Changes what servers do.
    case serve([ScriptAddress: ServerConduct])
    /// Asks for what the clients of a server have sent.
    case transcripts(ScriptAddress)
    /// Runs clients one after the other.
    case run(ScriptedClients.Script, count: Int)
    /// Runs clients one after the other and keeps their connections.
    case hold(ScriptedClients.Script, count: Int, name: String)
    /// Takes further steps on kept connections.
    case resume(name: String, steps: [ConversationStep])
    /// Takes last steps on each kept connection, one after the other, and closes it.
    case release(name: String, steps: [ConversationStep])
}

/// The answer to a request: one JSON line.
package struct StageAnswer: Codable, Sendable {
    /// What clients or servers have received.
    package var transcripts: [Transcript] = []
    /// The reason why the request failed.
    package var failure: String?
}

/// The process's servers and clients, and their control socket.
package struct Stage: Sendable {
    private let servers = ScriptedServers()
    private let clients = ScriptedClients()
    private let listener: Int32

    /// Listens at a path that does not exist yet.
    package init(path: String) throws(ChildProcessError) {
        listener = try listenBlocking(.unix(path), backlog: 256)
    }

    /// Answers requests until the process ends, each in its own thread.
    package func serve() {
        acceptEach(listener) { client in
            Thread.detachNewThread { [self] in
                if let line = receiveLine(client) { _ = sendAll(answer(line) + [10], to: client) }
                close(client)
            }
        }
    }

    private func answer(_ line: [UInt8]) -> [UInt8] {
        var answer = StageAnswer()
        do {
            answer.transcripts = try obey(JSONDecoder().decode(StageRequest.self, from: Data(line)))
        } catch {
            answer.failure = "\(error)"
        }
        return Array((try? JSONEncoder().encode(answer)) ?? Data())
    }

    private func obey(_ request: StageRequest) throws -> [Transcript] {
        switch request {
        case .serve(let conducts): for (address, conduct) in conducts { try servers.set(address, to: conduct) }
        case .transcripts(let address): return servers.takeTranscripts(of: address)
        case .run(let script, let count): return clients.run(script, count: count)
        case .hold(let script, let count, let name): return clients.hold(script, count: count, as: name)
        case .resume(let name, let steps): return clients.resume(name, steps: steps)
        case .release(let name, let steps): return clients.release(name, steps: steps)
        }
        return []
    }
}

/// The test's side of a stage's socket.
package struct StageControl: Sendable {
    private let path: String

    /// - Parameter path: the path of the stage's socket, as this process sees it.
    package init(path: String) { self.path = path }

    /// Sends a request and returns the answer.
    @discardableResult
    package func ask(_ request: StageRequest) throws -> [Transcript] {
        let line = Array(try JSONEncoder().encode(request))
        let answer = try JSONDecoder().decode(StageAnswer.self, from: Data(askSocket(path, line) ?? []))
        if let failure = answer.failure { throw ChildProcessError(description: failure) }
        return answer.transcripts
    }
}

/// Sends one line to a UNIX socket and returns what comes back until the other side closes.
///
/// - Parameters:
///   - path: the socket's path.
///   - line: the line without its end.
///   - patience: seconds for each read.
/// - Returns: the answer, or `nil` if nothing listens at the path.
package func askSocket(_ path: String, _ line: [UInt8], patience: Int = 60) -> [UInt8]? {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    limitWaits(SO_RCVTIMEO, to: patience * 1000, on: descriptor)
    guard RawSocketAddress(.unix(path)).withPointer({ connect(descriptor, $0, $1) }) == 0 else { return nil }
    _ = sendAll(line + [10], to: descriptor)
    return receiveAll(descriptor) { _ in false }
}

private func receiveLine(_ descriptor: Int32) -> [UInt8]? {
    let bytes = receiveAll(descriptor) { $0 == 10 }
    return bytes.last == 10 ? bytes.dropLast() : nil
}

/// Receives until the other side closes, or until the last byte is the end, at most 4 MiB.
private func receiveAll(_ descriptor: Int32, isEnd: (UInt8) -> Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while bytes.count < 4 << 20 {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { break }
        bytes += buffer.prefix(count)
        if bytes.last.map(isEnd) == true { break }
    }
    return bytes
}
