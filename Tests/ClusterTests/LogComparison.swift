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
            pattern: #"info: "Connection refused""#,
            replacement: #"info: "ECONNREFUSED returned by OS (Connection refused)""#),
        IntendedDifference(
            why: "3.5 quotes the addresses of a changed name",
            pattern: #"^mysql/(\w+) changed its IP from (\S*) to (\S+) by (.*)\.$"#,
            replacement: "mysql/$1: IP changed from '$2' to '$3' by '$4'."),
        IntendedDifference(
            why: "HAProxy counts one mysql-check twice and writes a second line without the version; ours is a second check",
            pattern: #"succeeded, reason: Layer7 check passed, code: 0, check duration"#,
            replacement: #"succeeded, reason: Layer7 check passed, code: 0, info: "VERSION", check duration"#),
        IntendedDifference(
            why: "2.6 has a proxy for its Lua HTTP client and logs it",
            pattern: #"^Proxy <HTTPCLIENT> stopped .*$"#,
            replacement: ""),
    ]

    /// tsukada's additions to HAProxy's log lines, or to the end of its text.
    static let additions = [
        IntendedDifference(why: "a DOWN has its reason, also where the checks are logged", pattern: #"( in queue\.) Reason: .*$"#, replacement: "$1"),
        IntendedDifference(why: "start, reload and end are logged", pattern: #"^tsukada \S+ (started|reloaded|restarted|ended).*$"#, replacement: ""),
    ]
}

enum LogComparison {
    /// One log line without the parts that differ from run to run.
    struct Line: Equatable {
        let subject: String
        let text: String
    }

    /// Descriptions of the lines that only one log has; empty when the logs agree.
    static func differences(ours: [LogLine], theirs: [LogLine]) -> [String] {
        let ourLines = ours.compactMap { normal($0, rewrite: ProxyProgram.testsHaproxy ? IntendedDifference.all : IntendedDifference.additions) }
        let theirLines = theirs.compactMap { normal($0, rewrite: IntendedDifference.all) }
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

    /// Removes time, pid, tag, ports, durations and the node's name, then applies `rewrite`.
    /// - Returns: `nil` for a line that only one of the two intentionally writes.
    static func normal(_ line: LogLine, rewrite: [IntendedDifference]) -> Line? {
        var text = line.text
        for (pattern, replacement) in [
            (#"172\.20\.0\.30:\d+"#, "CLIENT"),
            (#"172\.20\.0\.1[12]:3306"#, "NODE"),
            (#"check duration: \d+ms"#, "check duration: Nms"),
            (#"info: "5\.5\.5-[^"]*""#, #"info: "VERSION""#),
            (#"requeued, \d+ total"#, "requeued, N total"),
            (#"\d+ sessions active, \d+ requeued"#, "N sessions active, N requeued"),
        ] + rewrite.map({ ($0.pattern, $0.replacement) }) {
            text = text.replacingOccurrences(of: pattern, with: replacement, options: .regularExpression)
        }
        if text.isEmpty { return nil }
        let subject = ["mysql/read01", "mysql/read02", "Connect from"].first { text.contains($0) } ?? "the rest"
        return Line(subject: subject, text: "<\(line.priority)>\(text)")
    }
}
