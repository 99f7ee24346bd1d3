import Foundation
import Support
import Synchronization

/// A dnsmasq of a test's own beside the article's, at another address of the same node: for records that need a restart, and to be made ill.
package final class PoolNameServer: Sendable {
    package static let address = "172.20.0.4"

    private let node: Node
    private let process = Mutex<NodeProcess?>(nil)

    /// Takes its address; nothing runs yet.
    package init(on node: Node) throws {
        self.node = node
        _ = try? node.demand(["ip", "address", "add", "\(Self.address)/24", "dev", "eth0"])
    }

    /// Serves `hosts` (name and address; a name may come again) and `options` of dnsmasq, in place of what it served.
    package func serve(_ hosts: [(name: String, address: String)], timeToLive: Int = 1, options: [String] = []) throws {
        try stop()
        let command = [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--listen-address=\(Self.address)", "--bind-interfaces",
            "--local-ttl=\(timeToLive)", "--user=root", "--pid-file=", "--log-facility=-",
        ]
        let started = try node.startStoppable(command + hosts.map { "--host-record=\($0.name),\($0.address)" } + options)
        process.withLock { $0 = started }
        try eventually(within: 10, "dnsmasq to be ready: \(started.outside.output)") { started.outside.output.contains("started") }
    }

    /// Serves these records of one service, each with an address.
    package func serve(service: String, _ records: [(host: String, address: String, port: Int, priority: Int, weight: Int)]) throws {
        let options = records.map { "--srv-host=\(service),\($0.host),\($0.port),\($0.priority),\($0.weight)" }
        try serve(records.map { ($0.host, $0.address) }, options: options)
    }

    /// It keeps its socket and says nothing, until `resume`.
    package func pause() throws { try process.withLock { $0 }?.send(signal: SIGSTOP) }

    package func resume() throws { try process.withLock { $0 }?.send(signal: SIGCONT) }

    package func stop() throws {
        try process.withLock { $0.take() }?.killAtOnce()
    }
}
