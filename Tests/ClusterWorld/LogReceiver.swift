import Foundation
import Support
import Synchronization

/// A received syslog datagram.
package struct LogLine: Sendable {
    /// The time of receipt in monotonic nanoseconds.
    package let receivedAt: Int64
    /// The whole datagram: `<133>Nov 22 17:12:36 haproxy[18812]: text`
    package let datagram: String
    /// The text after the tag.
    package let text: String
    /// The priority: the number between `<` and `>`.
    package var priority: String { String(datagram.dropFirst().prefix { $0 != ">" }) }

    /// Parses a line of the receiver's file: the time of receipt, a space, the datagram.
    init(_ line: ArraySlice<UInt8>) {
        let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 1)
        receivedAt = parts.first.flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
        let datagram = String(decoding: parts.last ?? [], as: UTF8.self)
        self.datagram = datagram
        text = datagram.range(of: "]: ").map { String(datagram[$0.upperBound...]) } ?? datagram
    }
}

/// A syslog receiver on a node's port 514.
package final class LogReceiver: Sendable {
    private let process: NodeProcess
    private let file: String
    private let received = Mutex(ReceivedLines())

    package init(on node: Node) throws {
        let file = "\(node.directory)/log"
        self.file = file
        process = try node.start([clusterTool, "log-receiver", "--bind", "0.0.0.0:514", "--output", file])
        try eventually(within: 10, "the log receiver") { FileManager.default.fileExists(atPath: file) }
    }

    /// Returns the lines so far, from number `first` on.
    package func lines(from first: Int = 0) -> [LogLine] {
        received.withLock { received in
            received.read(file)
            return Array(received.lines.dropFirst(first))
        }
    }

    /// Deletes the lines so far, because under load thousands are added per second.
    package func forget() throws {
        try received.withLock { received in
            try FileHandle(forWritingTo: URL(fileURLWithPath: file)).truncate(atOffset: 0)
            received = ReceivedLines()
        }
    }

    /// The number of lines, as a position to read from later.
    package var mark: Int { lines().count }

    /// Waits for a line, from number `first` on, that contains `text`, or `other` where HAProxy 2.6 uses different words.
    package func wait(for text: String, orFor other: String? = nil, from first: Int, within seconds: Double = 20, times: Int = 1) throws {
        try eventually(within: seconds, "\(times) log line(s) with '\(text)'; there are: \(lines(from: first).map(\.datagram))", interval: 20) {
            lines(from: first).count { $0.text.contains(text) || $0.text.contains(other ?? text) } >= times
        }
    }
}

/// The lines of a growing file. Each is parsed once: under load there are thousands, and tests read them every few milliseconds.
private struct ReceivedLines {
    var lines: [LogLine] = []
    /// The length of the part of the file that is in `lines`.
    private var bytesRead: UInt64 = 0

    /// Adds the complete lines that were appended to the file at `path`.
    mutating func read(_ path: String) {
        guard let file = FileHandle(forReadingAtPath: path), (try? file.seek(toOffset: bytesRead)) != nil, let data = try? file.readToEnd() else { return }
        let bytes = [UInt8](data)
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return }
        lines += bytes[..<end].split(separator: UInt8(ascii: "\n")).map(LogLine.init)
        bytesRead += UInt64(end + 1)
    }
}
