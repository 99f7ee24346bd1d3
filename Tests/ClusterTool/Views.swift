// Both nodes' views of each database, queried from one of them.

import Support

/// `show gossip health` at a runtime socket, in one line: "dbserver01 up|up, dbserver02 down|up"; empty without an answer.
///
/// - Parameter names: the observers, in the order of the bars.
func views(at path: String, names: [String]) -> String {
    var verdicts: [String: [String: String]] = [:]
    let answer = String(decoding: askSocket(path, Array("show gossip health".utf8), patience: 1) ?? [], as: UTF8.self)
    for row in answer.split(separator: "\n").dropFirst() {
        let words = row.split(separator: " ").map(String.init)
        guard words.count >= 4, let server = words[0].split(separator: "/").last else { continue }
        verdicts[String(server), default: [:]][words[1]] = words[2] == "up" && words[3] != "0" ? "failing" : words[2]
    }
    return verdicts.keys.sorted().map { server in
        "\(server) " + names.map { verdicts[server]?[$0] ?? "-" }.joined(separator: "|")
    }.joined(separator: ", ")
}
