import Foundation
import LinuxIO
import Support
import Synchronization

/// Queries a node's runtime socket for the state of its peers every 50 ms, on a separate thread.
final class RuntimeWatcher: Sendable {
    /// One question and its answer.
    private struct Answer {
        let askedAt: Int64
        let answeredAt: Int64
        /// `nil` without an answer.
        let text: String?
    }

    private static let microseconds: UInt32 = 50_000
    private static let command = "show gossip members"

    private let path: String
    private let answers = Mutex<[Answer]>([])
    private let thread = Mutex<RepeatingThread?>(nil)

    /// Begins.
    init(_ member: GossipMember) {
        path = member.runtimeSocket
        thread.withLock { [self] thread in
            thread = RepeatingThread(every: Self.microseconds) { [self] in
                let askedAt = MonotonicMoment.now
                let text = try? RuntimeQuestion.ask(path, Self.command)
                answers.withLock { $0.append(Answer(askedAt: askedAt, answeredAt: MonotonicMoment.now, text: text)) }
            }
        }
    }

    /// Ends, after the answer to the last question.
    func stop() { thread.withLock { $0.take() }?.stop() }

    /// The number of questions so far.
    var count: Int { answers.withLock { $0.count } }

    /// Questions without an answer, and answers in which a node is not alive.
    var wrongAnswers: [String] {
        answers.withLock { $0 }.compactMap { answer in
            guard let text = answer.text else { return "no answer" }
            let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
            guard let column = lines.first?.dropFirst().firstIndex(of: "state"), lines.count > 2 else { return text }
            return lines.dropFirst().allSatisfy { $0.count >= column && $0[column - 1] == "alive" } ? nil : text
        }
    }

    /// The answers' durations in milliseconds, less the machine's `delays` meanwhile.
    func milliseconds(without delays: MachineDelays) -> [Double] {
        answers.withLock { $0 }.map { answer in
            Double(answer.answeredAt - answer.askedAt - delays.nanoseconds(from: answer.askedAt, to: answer.answeredAt)) / 1e6
        }
    }
}

/// The delay of a thread that should run every 5 ms. A busy machine delays the program and the test alike; that delay is not the program's fault.
final class MachineDelays: Sendable {
    private static let microseconds: UInt32 = 5000
    private let moments = Mutex<[Int64]>([])
    private let thread = Mutex<RepeatingThread?>(nil)

    /// Begins.
    init() {
        thread.withLock { [self] thread in
            thread = RepeatingThread(every: Self.microseconds) { [self] in moments.withLock { $0.append(MonotonicMoment.now) } }
        }
    }

    /// Ends.
    func stop() { thread.withLock { $0.take() }?.stop() }

    /// The sum of the delays between two moments.
    func nanoseconds(from start: Int64, to end: Int64) -> Int64 {
        let moments = moments.withLock { $0 }
        return zip(moments, moments.dropFirst()).reduce(0) { sum, pair in
            let due = pair.0 + Int64(Self.microseconds) * 1000
            return sum + max(0, min(pair.1, end) - max(due, start))
        }
    }
}

/// A thread that calls a closure periodically.
final class RepeatingThread: Sendable {
    private let isEnding = Atomic<Bool>(false)
    private let hasEnded = DispatchSemaphore(value: 0)

    init(every microseconds: UInt32, _ body: @escaping @Sendable () -> Void) {
        Foundation.Thread.detachNewThread { [self] in
            while !isEnding.load(ordering: .relaxed) {
                body()
                usleep(microseconds)
            }
            hasEnded.signal()
        }
    }

    func stop() {
        isEnding.store(true, ordering: .relaxed)
        hasEnded.wait()
    }
}

/// A question to a runtime socket from this process: the path is reachable from outside the node.
enum RuntimeQuestion {
    private static let patience: Int32 = 5000
    private static let readBytes = 1 << 16

    /// The whole answer.
    static func ask(_ path: String, _ command: String) throws -> String {
        let socket = try Sockets.open(.stream, for: .unix(path))
        _ = try Sockets.connect(socket.raw, to: .unix(path))
        _ = try Sockets.send(socket.raw, Array("\(command)\n".utf8)[...])
        var text: [UInt8] = []
        while true {
            var polled = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, patience) == 1 else { throw ChildProcessError(description: "no answer to '\(command)' at \(path)") }
            guard let bytes = try Sockets.receive(socket.raw, upTo: readBytes) else { continue }
            guard !bytes.isEmpty else { return String(decoding: text, as: UTF8.self) }
            text += bytes
        }
    }
}

extension GossipMember {
    /// The article's runtime socket, seen from outside.
    var runtimeSocket: String { "\(node.directory)/lib-haproxy/stats" }
}
