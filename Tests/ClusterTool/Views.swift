// Both nodes' views of each database, queried from one of them.

import Foundation
import LinuxIO
import Wire

/// `show gossip health` at a runtime socket, in one line: "dbserver01 up|up, dbserver02 down|up"; empty without an answer.
///
/// - Parameter names: the observers, in the order of the bars.
func views(at path: String, names: [String]) -> String {
    var verdicts: [String: [String: String]] = [:]
    for row in ask(path, "show gossip health").split(separator: "\n").dropFirst() {
        let words = row.split(separator: " ").map(String.init)
        guard words.count >= 4, let server = words[0].split(separator: "/").last else { continue }
        verdicts[String(server), default: [:]][words[1]] = words[2] == "up" && words[3] != "0" ? "failing" : words[2]
    }
    return verdicts.keys.sorted().map { server in
        "\(server) " + names.map { verdicts[server]?[$0] ?? "-" }.joined(separator: "|")
    }.joined(separator: ", ")
}

/// Sends one command and returns the answer.
private func ask(_ path: String, _ command: String) -> String {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var patience = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    guard RawSocketAddress(.unix(path)).withPointer({ connect(descriptor, $0, $1) }) == 0 else { return "" }
    let line = Array((command + "\n").utf8)
    guard write(descriptor, line, line.count) == line.count else { return "" }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while answer.count < 1 << 20 {
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { break }
        answer += buffer.prefix(count)
    }
    return String(decoding: answer, as: UTF8.self)
}
