import Foundation
import Support
import Synchronization

/// A dnsmasq of a single test, in addition to the article's, at another address of the same node. It is for records that need a restart, and for faults.
package final class PoolNameServer: Sendable {
    package static let address = "172.20.0.4"

    private let node: Node
    private let process = Mutex<NodeProcess?>(nil)

    /// Adds the address to the node. The server does not run yet.
    package init(on node: Node) throws {
        self.node = node
        _ = try? node.demand(["ip", "address", "add", "\(Self.address)/24", "dev", "eth0"])
    }

    /// Restarts the server with `hosts` (name and address; a name may repeat) and additional `options`.
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

    /// Serves these records of a service, each with an address.
    package func serve(service: String, _ records: [(host: String, address: String, port: Int, priority: Int, weight: Int)]) throws {
        let options = records.map { "--srv-host=\(service),\($0.host),\($0.port),\($0.priority),\($0.weight)" }
        try serve(records.map { ($0.host, $0.address) }, options: options)
    }

    /// Stops the process until `resume`: it keeps its socket and does not answer.
    package func pause() throws { try process.withLock { $0 }?.send(signal: SIGSTOP) }

    package func resume() throws { try process.withLock { $0 }?.send(signal: SIGCONT) }

    package func stop() throws {
        try process.withLock { $0.take() }?.killAtOnce()
    }
}
