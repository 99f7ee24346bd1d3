import Foundation
import Support

/// dnsmasq on a node; its records can be changed while it runs.
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
        process = try node.start([
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--addn-hosts=\(node.directory)/records",
            "--listen-address=\(node.address)", "--bind-interfaces", "--local-ttl=1", "--user=root", "--pid-file=", "--log-facility=-",
        ])
        let process = process
        try eventually(within: 10, "dnsmasq to be ready: \(process.outside.output)") { process.outside.output.contains("read \(node.directory)/records") }
    }

    private static func write(_ records: [String: String], to path: String) throws {
        let text = records.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)\n" }.joined()
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// Serves other records from now on.
    package func serve(_ records: [String: String]) throws {
        func timesRead() -> Int { process.outside.output.components(separatedBy: "read \(file)").count }
        let before = timesRead()
        try Self.write(records, to: file)
        try process.send(signal: SIGHUP)
        try eventually(within: 5, "dnsmasq to read its records") { timesRead() > before }
    }
}
