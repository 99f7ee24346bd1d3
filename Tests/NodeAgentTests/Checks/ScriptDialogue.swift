import Proxy
import Testing
import Wire

@testable import NodeAgent

/// The lines of a backend, what its server does, and what haproxy 2.6 logs. "Connection refused" and "Connection reset by peer" are in the words of 3.5.
struct ScriptDialogue: CustomTestStringConvertible, Sendable {
    /// What the server does.
    enum Event: Sendable {
        /// Sends these bytes.
        case answers([UInt8])
        /// Ends the stream.
        case ends
        /// Resets the connection, or refuses it.
        case resets, refuses
        /// Accepts the next connection.
        case accepts
        /// Is silent until the deadline.
        case isSilent
    }

    let lines: [String]
    let events: [Event]
    let log: String
    /// The messages that the server receives; `nil` for any.
    let requests: [String]?

    /// A server that accepts, and then does what `events` name.
    init(_ lines: [String], _ events: [Event], _ log: String, requests: [String]? = nil) {
        (self.lines, self.events, self.log, self.requests) = (lines, events, log, requests)
    }

    var testDescription: String { lines.joined(separator: " | ") + " -> " + log }

    /// The backend's check, from the lines of a file.
    static func check(_ lines: [String]) throws -> CheckScript {
        let text = "backend b1\n timeout connect 1s\n timeout server 1s\n" + lines.map { " \($0)\n" }.joined() + " server s1 127.0.0.1:9 check\n"
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        guard case .script(let script)? = configuration.backends.first?.check else {
            Issue.record("no script: \(lines)")
            return CheckScript(.tcp)
        }
        return script
    }

    /// The reason of the log line after `, reason: `, without the duration, and the messages.
    func run() throws -> (log: String?, requests: [String]) {
        var subject = CheckSubject()
        (subject.serverName, subject.backendName) = ("s1", "b1")
        subject.stateText = { "UP; address=127.0.0.1" }
        let (start, limits) = (Instant(nanoseconds: 1), CheckLimits(whole: .seconds(1)))
        var check = ScriptCheck(try Self.check(lines), subject, limits: limits, now: start)
        var requests: [String] = []
        var result: CheckResult?
        func carryOut(_ outputs: [CheckOutput]) {
            for output in outputs {
                switch output {
                case .send(let bytes):
                    requests.append(String(decoding: bytes, as: UTF8.self))
                    carryOut(check.sent(now: start))
                case .connect: break
                case .finished(let verdict): result = verdict
                }
            }
        }
        var events = events[...]
        if case .refuses? = events.first {} else { carryOut(check.connected(now: start)) }
        while result == nil, let event = events.popFirst() {
            switch event {
            case .answers(let bytes): carryOut(check.received(bytes, now: start))
            case .ends: carryOut(check.ended(now: start))
            case .resets: carryOut(check.failed("ECONNRESET returned by OS (Connection reset by peer)", fault: .server, now: start))
            case .refuses: carryOut(check.failed("ECONNREFUSED returned by OS (Connection refused)", fault: .server, now: start))
            case .accepts: carryOut(check.connected(now: start))
            case .isSilent: carryOut(check.timedOut(now: start))
            }
        }
        guard let text = result?.explanation else { return (nil, requests) }
        return (text.dropFirst(", reason: ".count).prefix(before: ", check duration"), requests)
    }
}

extension ScriptDialogue.Event {
    static func answers(_ text: String) -> ScriptDialogue.Event { .answers(Array(text.utf8)) }
}

extension Substring {
    /// The part before `mark`, or everything without it.
    fileprivate func prefix(before mark: String) -> String {
        for index in indices where self[index...].hasPrefix(mark) { return String(self[..<index]) }
        return String(self)
    }
}
