// Two logs of the same events, compared line by line for each subject (a server, the sessions, the rest): checks of different servers
// interleave by chance, but lines about one server do not.

import ClusterWorld
import Foundation

/// An intended difference from Debian's haproxy 2.6: each entry turns haproxy's line into tsukada's; an empty result means that tsukada writes no line.
struct IntendedDifference: Sendable {
    let why: String
    let pattern: String
    let replacement: String

    static let all = [
        IntendedDifference(
            why: "3.5 names the errno",
            pattern: #"info: "Connection refused( at [^"]*)?""#,
            replacement: #"info: "ECONNREFUSED returned by OS (Connection refused)$1""#),
        IntendedDifference(
            why: "3.5 names the errno",
            pattern: #"info: "Connection reset by peer( at [^"]*)?""#,
            replacement: #"info: "ECONNRESET returned by OS (Connection reset by peer)$1""#),
        IntendedDifference(
            why: "3.5 quotes the addresses of a changed name",
            pattern: #"^(\S+/\w+) changed its IP from (\S*) to (\S+) by (.*)\.$"#,
            replacement: "$1: IP changed from '$2' to '$3' by '$4'."),
        IntendedDifference(
            why: "HAProxy counts one mysql-check twice and writes a second line without the version; ours is a second check",
            pattern: #"(server mysql\S* succeeded, reason: Layer7 check passed, code: 0), check duration"#,
            replacement: #"$1, info: "VERSION", check duration"#),
        IntendedDifference(
            why: "3.5 names the state of a session that a server's change has ended",
            pattern: #" ([DU])- N/"#,
            replacement: " $1C N/"),
        IntendedDifference(
            why: "2.6 has a proxy for its Lua HTTP client and logs it",
            pattern: #"^Proxy <HTTPCLIENT> stopped .*$"#,
            replacement: ""),
    ]

    /// tsukada's additions to HAProxy's log lines, or to the end of its text.
    static let additions = [
        IntendedDifference(why: "a DOWN has its reason, also where the checks are logged", pattern: #"( in queue\.) Reason: .*$"#, replacement: "$1"),
        IntendedDifference(why: "a change of a weight is logged", pattern: #"^Server \S+: weight changed from .*$"#, replacement: ""),
        IntendedDifference(
            why: "a limit that is reached is logged", pattern: #"^Proxy \S+ has reached (its maxconn|the maxconn of bind) .*$"#, replacement: ""),
        IntendedDifference(
            why: "a server that leaves a session without an answer is logged", pattern: #"^Server \S+ (is SUSPECT|takes new sessions again).*$"#,
            replacement: ""),
        IntendedDifference(why: "a nameserver's failure and its end are logged", pattern: #"^Resolvers \S+: .*$"#, replacement: ""),
        IntendedDifference(why: "start, reload and end are logged", pattern: #"^tsukada \S+ (started|reloaded|restarted|ended).*$"#, replacement: ""),
    ]
}

/// The lines of a comparison: what differs from run to run, and what a line is about.
struct LogScope: Sendable {
    /// Patterns of texts that differ from run to run, and what replaces them.
    let volatile: [(pattern: String, replacement: String)]
    /// Returns the subject of a line. Lines about different subjects interleave by chance.
    let subject: @Sendable (String) -> String

    /// Volatile texts of the lines about servers.
    static let servers = [
        (pattern: #"check duration: \d+ms"#, replacement: "check duration: Nms"),
        (pattern: #"requeued, \d+ total"#, replacement: "requeued, N total"),
        (pattern: #"\d+ sessions active, \d+ requeued"#, replacement: "N sessions active, N requeued"),
    ]

    /// The article's cluster.
    static let article = LogScope(
        volatile: [
            (#"172\.20\.0\.30:\d+"#, "CLIENT"),
            (#"172\.20\.0\.1[12]:3306"#, "NODE"),
            (#"info: "5\.5\.5-[^"]*""#, #"info: "VERSION""#),
        ] + servers
    ) { text in ["mysql/read01", "mysql/read02", "Connect from"].first { text.contains($0) } ?? "the rest" }
}

enum LogComparison {
    /// One log line without the parts that differ from run to run.
    struct Line: Equatable {
        let subject: String
        let text: String
    }

    /// Descriptions of the lines that only one log has; empty when the logs agree.
    ///
    /// - Parameter more: differences that only this comparison intends.
    static func differences(ours: [LogLine], theirs: [LogLine], in scope: LogScope = .article, more: [IntendedDifference] = []) -> [String] {
        let theirRewrite = IntendedDifference.all + more
        let ourLines = ours.compactMap { normal($0, in: scope, rewrite: ProxyProgram.testsHaproxy ? theirRewrite : IntendedDifference.additions) }
        let theirLines = theirs.compactMap { normal($0, in: scope, rewrite: theirRewrite) }
        let subjects = Set((ourLines + theirLines).map(\.subject)).sorted()
        return subjects.flatMap { subject in
            let left = ourLines.filter { $0.subject == subject }.map(\.text)
            let right = theirLines.filter { $0.subject == subject }.map(\.text)
            return difference(subject, ours: left, theirs: right)
        }
    }

    private static func difference(_ subject: String, ours: [String], theirs: [String]) -> [String] {
        let changes = ours.difference(from: theirs)
        if changes.isEmpty { return [] }
        return changes.map { change in
            switch change {
            case .insert(let offset, let element, _): "\(subject): only tsukada, line \(offset): \(element)"
            case .remove(let offset, let element, _): "\(subject): only haproxy, line \(offset): \(element)"
            }
        }
    }

    /// Removes time, pid, tag and what differs from run to run, then applies `rewrite`.
    /// - Returns: `nil` for a line that only one of the two intentionally writes.
    private static func normal(_ line: LogLine, in scope: LogScope, rewrite: [IntendedDifference]) -> Line? {
        var text = line.text
        for (pattern, replacement) in scope.volatile + rewrite.map({ ($0.pattern, $0.replacement) }) {
            text = text.replacingOccurrences(of: pattern, with: replacement, options: .regularExpression)
        }
        return text.isEmpty ? nil : Line(subject: scope.subject(text), text: "<\(line.priority)>\(text)")
    }
}
