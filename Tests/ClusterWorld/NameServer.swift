import Foundation
import Support

/// dnsmasq on a node. Its records can be changed while it runs.
package final class NameServer: Sendable {
    /// The article's names.
    package static let records = [
        "tsukada01": "172.20.0.11", "tsukada02": "172.20.0.12",
        "dbserver01": "172.20.0.21", "dbserver02": "172.20.0.22", "dbserver03": "172.20.0.23",
    ]

    package let node: Node
    private let process: NodeProcess
    private var file: String { "\(node.directory)/records" }

    package init(on node: Node) throws {
        self.node = node
        try Self.write(Self.records, to: "\(node.directory)/records")
        process = try node.startStoppable([
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--addn-hosts=\(node.directory)/records",
            "--listen-address=\(node.address)", "--bind-interfaces", "--local-ttl=1", "--user=root", "--pid-file=", "--log-facility=-",
        ])
        let process = process
        try eventually(within: 10, "dnsmasq to be ready: \(process.outside.output)") { process.outside.output.contains("read \(node.directory)/records") }
    }

    private static func write(_ records: [String: String], _ sets: [String: [String]] = [:], to path: String) throws {
        let single = records.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)\n" }
        let several = sets.sorted { $0.key < $1.key }.flatMap { name, addresses in addresses.map { "\($0) \(name)\n" } }
        let text = (single + several).joined()
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// Replaces the records: names with one address, and names with several.
    package func serve(_ records: [String: String], sets: [String: [String]] = [:]) throws {
        func timesRead() -> Int { process.outside.output.components(separatedBy: "read \(file)").count }
        let before = timesRead()
        try Self.write(records, sets, to: file)
        try process.send(signal: SIGHUP)
        try eventually(within: 5, "dnsmasq to read its records") { timesRead() > before }
    }

    /// Stops the process until `resume`: it keeps its socket and does not answer.
    package func pause() throws { try process.send(signal: SIGSTOP) }

    package func resume() throws { try process.send(signal: SIGCONT) }
}
