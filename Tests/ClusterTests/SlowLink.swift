import ClusterWorld
import Foundation
import Support

/// A slow, uneven path to one node: all its frames pass through `ClusterTool relay`.
///
///     node eth0 ---- to-NODE  [relay]  slow-node ---- slow-bridge  bridge
final class SlowLink {
    private let node: Node
    private let world: World
    private let relay: NodeProcess

    /// Inserts the relay between `node` and the bridge.
    /// - Parameter settings: the relay's arguments, such as `--delay 50ms`.
    init(to node: Node, in world: World, _ settings: [String]) throws {
        self.node = node
        self.world = world
        try world.demand("ip link add slow-bridge type veth peer name slow-node")
        // Without the kernel's offloads the relay reads complete frames: segmented, and with checksums.
        let offloads = "tx off sg off tso off gso off gro off"
        for interface in ["slow-bridge", "slow-node", "to-\(node.name)"] { try world.demand("ethtool -K \(interface) \(offloads)") }
        try node.demand(["ethtool", "-K", "eth0"] + offloads.split(separator: " ").map(String.init))
        try world.demand("ip link set slow-node up")
        try world.demand("ip link set slow-bridge master bridge up")
        let ends = ["--between", "to-\(node.name),slow-node"]
        relay = try world.start([clusterTool, "relay"] + ends + settings + ["--seconds", "300"])
        let relay = relay
        try eventually(within: 10, "the relay: \(relay.outside.output)") { relay.outside.output.contains("relaying") }
        try world.demand("ip link set to-\(node.name) nomaster")
    }

    /// Removes the relay.
    /// - Returns: its reports, first the one for frames from the node.
    @discardableResult
    func remove() throws -> [RelayReport] {
        try relay.send(signal: SIGTERM)
        let status = try relay.outside.wait(within: 5)
        try world.demand("ip link set to-\(node.name) master bridge")
        try world.demand("ip link delete slow-bridge")
        guard status == 0 else { throw ChildProcessError(description: "the relay ended with \(status): \(relay.outside.output)") }
        return relay.outside.output.split(separator: "\n").compactMap { try? JSONDecoder().decode(RelayReport.self, from: Data($0.utf8)) }
    }
}
