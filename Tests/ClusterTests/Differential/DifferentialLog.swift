import ClusterWorld
import Foundation
import Synchronization

/// The log lines of one case in a log that has the lines of many.
enum DifferentialLog {
    /// True if `word` is the name of a proxy of the case.
    static func isName(_ word: some StringProtocol, of name: String) -> Bool { word == name || word.hasPrefix(name + "_") }

    /// Names errors as 3.5 does, which tsukada follows.
    static func withErrnoNames(_ text: String) -> String {
        text.replacing("Connection refused", with: "ECONNREFUSED returned by OS (Connection refused)")
            .replacing("Connection reset by peer", with: "ECONNRESET returned by OS (Connection reset by peer)")
    }

    /// What a server has received, without ports that the kernel chooses, the node's name, and the way in which a check closes.
    static func stable(_ transcript: String) -> String {
        transcript.replacing(#/(PROXY TCP[46] \S+ \S+ )[0-9]+ /#) { "\($0.1)PORT " }.replacing(/node=\w+/, with: "node=NODE")
            .replacing("(reset)", with: "(closed)")
    }

    /// What differs from run to run: ports of clients, times, the number of all connections, and durations. The subject of a line is a server, the sessions, or
    /// the rest.
    static func scope(of item: DifferentialCase) -> LogScope {
        let name = item.name
        return LogScope(
            volatile: [
                (#"^(\S+):\d+ \["#, "$1:PORT ["),
                (#" \[\d+/\w+/\d+:[\d:.]+\] "#, " [TIME] "),
                (#" (-1|\d+)/(-1|\d+)/(\+?)\d+ (\+?\d+) ([A-Za-z-]{2}) \d+/"#, " $1/$2/$3N $4 $5 N/"),
                (#" \d+/(-1|\d+)/(\+?N) "#, " N/$1/$2 "),
                (#" (-1|N)/\d+/(\+?N) "#, " $1/N/$2 "),
                (#"(Connect from \S+):\d+ "#, "$1:PORT "),
                (#"info: "5\.5\.5-[^"]*""#, #"info: "VERSION""#),
                (#"_dns/(lab|tcp|172\.20\.0\.2)"#, "_dns/SERVER"),
            ] + LogScope.servers + item.varying.map { ($0.pattern, $0.replacement) }
        ) { text in
            if text.contains("[TIME]") || text.hasPrefix("Connect from") { return "the sessions" }
            let servers = text.split(separator: " ").filter { $0.contains("/") }.map { $0.split(separator: "/", maxSplits: 1) }
            guard let server = servers.first(where: { isName($0[0], of: name) }), server.count == 2 else { return "the rest" }
            return "\(server[0])/\(server[1].prefix { $0.isLetter || $0.isNumber })"
        }
    }
}

/// A node's log, divided among the cases. Each line is examined once.
final class CaseLogs: Sendable {
    private struct State {
        var position: Int
        var lines: [String: [LogLine]] = [:]
    }

    private let log: LogReceiver
    private let cases: Set<String>
    private let state: Mutex<State>

    /// Begins after the lines that `log` has now.
    init(_ log: LogReceiver, cases: [String]) {
        (self.log, self.cases) = (log, Set(cases))
        state = Mutex(State(position: log.mark))
    }

    /// Returns the lines that name a proxy of the case.
    func lines(of name: String) -> [LogLine] {
        state.withLock { state in
            let new = log.lines(from: state.position)
            state.position += new.count
            for line in new { if let owner = owner(of: line.text) { state.lines[owner, default: []].append(line) } }
            return state.lines[name] ?? []
        }
    }

    private func owner(of text: String) -> String? {
        for word in text.split(whereSeparator: { !($0.isLetter || $0.isNumber || "_.-".contains($0)) }) {
            let name = String(word.prefix { $0 != "_" })
            if cases.contains(name) { return name }
        }
        return nil
    }
}
