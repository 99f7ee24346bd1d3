import Foundation
import Support

/// The load balancer's probe times and thresholds.
package struct BalancerTimes: Sendable {
    /// Seconds between two probes of a target.
    package var interval: Double
    /// The failures or passes in a row that change a verdict.
    package var threshold = 2
    /// The timeout of a probe in seconds.
    package var timeout: Double

    /// - Parameter interval: seconds between two probes. The timeout is four fifths of it, at most 2 s.
    package init(interval: Double) { (self.interval, timeout) = (interval, min(2, interval * 0.8)) }

    /// The longest time from a target's failure to the verdict: `threshold` intervals, and a timeout when the target is silent.
    package var ejectionMax: Double { interval * Double(threshold) + timeout }
    /// The longest time from a target's recovery to the verdict.
    package var returnMax: Double { interval * Double(threshold) }

    var arguments: [String] {
        func milliseconds(_ seconds: Double) -> String { "\(Int(seconds * 1000))ms" }
        return ["--interval", milliseconds(interval), "--timeout", milliseconds(timeout), "--healthy", "\(threshold)", "--unhealthy", "\(threshold)"]
    }
}

/// The load balancer on its own node.
package final class BalancerNode: Sendable {
    package let node: Node
    private let process: NodeProcess
    private var control: String { "\(node.directory)/control" }

    /// Starts the load balancer in front of port 3306 of `targets`.
    /// - Parameter more: additional arguments, `--termination off`.
    package init(on node: Node, targets: [Node], times: BalancerTimes, more: [String]) throws {
        self.node = node
        let control = "\(node.directory)/control"
        try? FileManager.default.removeItem(atPath: control)
        let words = ["--listen", "\(node.address):3306", "--control", control] + targets.flatMap { ["--target", "\($0.name)=\($0.address):3306"] }
        process = try node.start([loadBalancer] + words + times.arguments + more, input: .heldPipe)
        let process = process
        try eventually(within: 10, "the load balancer: \(process.outside.output)") { process.outside.output.contains("balancing") }
    }

    /// The verdicts so far, in order.
    package var events: [BalancerEvent] {
        process.outside.output.split(separator: "\n").compactMap { try? JSONDecoder().decode(BalancerEvent.self, from: Data($0.utf8)) }
    }

    /// Returns the state of each target.
    package func status() throws -> [BalancerStatus] {
        try command("status").split(separator: "\n").map { try JSONDecoder().decode(BalancerStatus.self, from: Data($0.utf8)) }
    }

    /// Sends a command.
    package func command(_ text: String) throws -> String {
        try node.demand(["bash", "-c", "echo '\(text)' | socat - UNIX-CONNECT:\(control)"])
    }

    /// Waits for a verdict on `target` after a time; `unhealthy` includes `unhealthy.draining`.
    /// - Returns: the time of the verdict; `nil` without one.
    package func wait(for state: String, of target: Node, after moment: Int64, within seconds: Double) -> Int64? {
        var found: Int64?
        try? eventually(within: seconds, "\(state)", interval: 20) {
            found = events.first { $0.at >= moment && $0.target == target.name && ($0.state == state || $0.state.hasPrefix("\(state).")) }?.at
            return found != nil
        }
        return found
    }

    /// Routes the answers of `targets` to `client` through this node, which preserved client addresses need (IP_TRANSPARENT); with `nil`, ends that.
    package func routeBack(to client: Node?, from targets: [Node]) throws {
        for target in targets { _ = try target.run(["ip", "route", "flush", "via", node.address]) }
        _ = try node.run(["ip", "rule", "delete", "fwmark", "1"])
        try node.demand(["nft", "flush ruleset"])
        guard let client else { return }
        for target in targets { try target.demand(["ip", "route", "add", "\(client.address)/32", "via", node.address]) }
        try node.demand(["sysctl", "-qw", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0"])
        // Delivers packets for a foreign address to the local socket that is bound to it.
        try node.demand(["ip", "rule", "add", "fwmark", "1", "lookup", "100"])
        try node.demand(["ip", "route", "replace", "local", "default", "dev", "lo", "table", "100"])
        let rule = "type filter hook prerouting priority mangle; meta l4proto tcp socket transparent 1 meta mark set 1 accept;"
        try node.demand(["nft", "table inet transparent { chain prerouting { \(rule) }; }"])
    }

    /// Stops the load balancer.
    package func stop() {
        process.outside.closeInput()
        if (try? process.outside.wait(within: 5)) == nil { _ = try? process.killAtOnce() }
    }
}
