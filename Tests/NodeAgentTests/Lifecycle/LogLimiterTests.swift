import Glibc
import Gossip
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("Log lines that others can cause")
struct LogLimiterTests {
    private typealias Limiter = LogLimiter<String>
    private static let start = Instant(nanoseconds: 1_000_000_000)
    private let subject = LogSubject(kind: "gossip configuration", about: "tsukada02")

    /// Offers a line every 100 ms for `seconds`, and collects the written ones; releases due lines every second.
    private func flood(_ limiter: inout Limiter, _ subjects: [LogSubject], seconds: Int) -> [(line: String, omittedCount: Int)] {
        var written: [(String, Int)] = []
        for step in 0..<(10 * seconds) {
            let now = Self.start.advanced(by: .milliseconds(100 * step))
            for subject in subjects {
                if let line = limiter.admit("\(subject.about) \(step)", subject, now: now) { written.append((line.content, line.omittedCount)) }
            }
            if step % 10 == 9 { written += limiter.due(now: now).map { ($0.content, $0.omittedCount) } }
        }
        return written
    }

    @Test("are written ten at once, then one every six seconds, and every omitted one is counted")
    func rate() {
        var limiter = Limiter()
        let written = flood(&limiter, [subject], seconds: 60)
        #expect(written.prefix(10).map(\.omittedCount) == Array(repeating: 0, count: 10))
        #expect((19...20).contains(written.count))
        let rest = limiter.due(now: Self.start.advanced(by: .seconds(600)))
        #expect(rest.map(\.content) == ["tsukada02 599"], "the last line is never lost")
        #expect(written.reduce(0) { $0 + 1 + $1.omittedCount } + rest.reduce(0) { $0 + 1 + $1.omittedCount } == 600)
        #expect(limiter.due(now: Self.start.advanced(by: .seconds(700))).isEmpty)
    }

    @Test("of one peer and kind do not count against another peer or kind")
    func subjects() {
        var limiter = Limiter()
        let others = [subject, LogSubject(kind: "gossip configuration", about: "tsukada03"), LogSubject(kind: "gossip loss", about: "tsukada02")]
        #expect(flood(&limiter, others, seconds: 1).count == 30)
    }

    @Test("are written at once again after a pause")
    func rest() {
        var limiter = Limiter()
        _ = flood(&limiter, [subject], seconds: 3)
        let later = Self.start.advanced(by: .seconds(120))
        _ = limiter.due(now: later)
        let count = (0..<20).count { _ in limiter.admit("x", subject, now: later.advanced(by: .seconds(60))) != nil }
        #expect(count == 10)
    }

    @Test("take bounded memory and bounded log space for any number of subjects")
    func endlessSubjects() {
        var limiter = Limiter()
        var written = 0
        for number in 0..<6_000 where limiter.admit("x", LogSubject(kind: "name", about: "\(number)"), now: Self.start) != nil { written += 1 }
        #expect(limiter.subjectsCount <= Limiter.subjectsMax + 1 && written <= Limiter.subjectsMax + Limiter.burst)
        let later = Self.start.advanced(by: .seconds(3_600))
        #expect(limiter.admit("y", subject, now: later) != nil)
        #expect(limiter.subjectsCount < Limiter.subjectsMax)
    }
}

@Suite("The control thread's log")
struct AgentLogTests {
    /// Lines that arrive at a log target.
    private func lines(_ write: (AgentLog) -> Void) throws -> [String] {
        let receiver = OpenFile(try Sockets.open(.datagram, for: .ip(.v4(0x7f00_0001), port: 0)))
        try Sockets.bind(receiver.raw, to: .ip(.v4(0x7f00_0001), port: 0))
        guard case .ip(_, let port)? = Sockets.localAddress(receiver.raw) else { throw SystemError("getsockname", code: 0) }
        let configuration = Configuration.read("global\n log 127.0.0.1:\(port) local0\n").configuration
        let plan = try LogPlan(configuration) { _ throws(SystemError) in .datagram(.ip(.v4(0x7f00_0001), port: port)) }
        let state = try ForwardingState(
            frontends: [], backends: [], routes: [], sessionsMax: 1, threads: 1, destinations: plan.destinations, frontendLogs: [])
        let log = try AgentLog(plan, process: state.process, logsToTerminal: false, reactor: try Reactor())
        write(log)
        var lines: [String] = []
        while let bytes = try? Sockets.receive(receiver.raw, upTo: 2_048) { lines.append(String(decoding: bytes, as: UTF8.self)) }
        return lines
    }

    @Test("is not filled by peers, regardless of what they send")
    func flood() throws {
        var difference = ConfigurationDifference()
        difference.different = (0..<20).map { "server mysql/\($0)" }
        let alerts: [GossipAlert] = [
            .unknownVersion(2), .unknownKey(peer: "b"), .duplicateName, .configurationDiffers(peer: "b", difference), .configurationsEqual(peer: "b"),
            .tablesDiffer(peer: "b"), .viewsDiffer(server: "s", peer: "b", isDownHere: true), .loss(peer: "b", direction: .toPeer, percent: 9),
            .lossEnded(peer: "b", direction: .toPeer), .notReceivedByPeer(peer: "b", silence: .seconds(2)), .aliveElsewhere(peer: "b", by: "c"),
            .clockAhead(peer: "b", milliseconds: 70_000), .farAhead(peer: "b"), .storedFarAhead(isSession: true, commands: 1), .rowsRefused(peer: "b"),
            .sealFailed(.notAuthentic),
        ]
        for alert in alerts {
            let written = try lines { log in
                for _ in 0..<1_000 {
                    let sentence = GossipSentence(alert)
                    log.write(sentence.level, gossip: "t", sentence.text, about: sentence.subject)
                }
            }
            #expect(written.count == LogLimiter<String>.burst, "\(alert)")
            #expect(written.allSatisfy { $0.contains("Gossip t: ") })
        }
        let text = GossipSentence(.configurationDiffers(peer: "b", difference)).text
        #expect(text.hasPrefix("configuration differs from b's (") && text.contains("server mysql/7 and 12 more): "))
    }
}
