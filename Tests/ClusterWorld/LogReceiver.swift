import Foundation
import Support

/// A received syslog datagram.
package struct LogLine: Sendable {
    /// The time of receipt in monotonic nanoseconds.
    package let receivedAt: Int64
    /// The whole datagram: `<133>Nov 22 17:12:36 haproxy[18812]: text`
    package let datagram: String
    /// The text after the tag.
    package var text: String { datagram.range(of: "]: ").map { String(datagram[$0.upperBound...]) } ?? datagram }
    /// The priority: the number between `<` and `>`.
    package var priority: String { String(datagram.dropFirst().prefix { $0 != ">" }) }
}

/// A syslog receiver on a node's port 514.
package final class LogReceiver: Sendable {
    private let process: NodeProcess
    private let file: String

    package init(on node: Node) throws {
        let file = "\(node.directory)/log"
        self.file = file
        process = try node.start([clusterTool, "log-receiver", "--bind", "0.0.0.0:514", "--output", file])
        try eventually(within: 10, "the log receiver") { FileManager.default.fileExists(atPath: file) }
    }

    /// Returns the lines so far, from number `first` on.
    package func lines(from first: Int = 0) -> [LogLine] {
        // Splits bytes, which is faster than characters: under load there are thousands of lines, and tests read them often.
        (readWholeFile(file) ?? "").utf8.split(separator: UInt8(ascii: "\n")).dropFirst(first).map { line in
            let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 1).map { Substring($0) }
            return LogLine(receivedAt: Int64(parts.first ?? "") ?? 0, datagram: String(parts.last ?? ""))
        }
    }

    /// Deletes the lines so far, because under load thousands are added per second.
    package func forget() throws { try FileHandle(forWritingTo: URL(fileURLWithPath: file)).truncate(atOffset: 0) }

    /// The number of lines, as a position to read from later.
    package var mark: Int { lines().count }

    /// Waits for a line, from number `first` on, that contains `text`, or `other` where HAProxy 2.6 uses different words.
    package func wait(for text: String, orFor other: String? = nil, from first: Int, within seconds: Double = 20, times: Int = 1) throws {
        try eventually(within: seconds, "\(times) log line(s) with '\(text)'; there are: \(lines(from: first).map(\.datagram))", interval: 20) {
            lines(from: first).count { $0.text.contains(text) || $0.text.contains(other ?? text) } >= times
        }
    }
}
