import Gossip
import LinuxIO

/// Where a node's gossip memory lives: `gossip-NODE.state` in the configuration's `state-dir`.
///
/// Losing the file costs nothing but the operators' words that no peer has.
final class GossipStore: Sendable {
    private static let loss = "operators' words for the cluster come from the peers alone"

    private let file: StateFile
    private let node: String

    /// Opens the folder at `path`.
    ///
    /// - Parameters:
    ///   - node: this node's name.
    ///   - owner: who saves later on, once privileges are gone.
    /// - Throws: when there is no such folder, or `owner` cannot write to it, or everybody can.
    init(path: String, node: String, owner: FileOwner) throws(StartError) {
        self.node = node
        file = try StateFile("gossip-\(node).state", in: path, owner: owner)
    }

    /// What was saved last, or nothing. A file that is not this node's, or damaged, is put aside.
    ///
    /// - Returns: with a sentence for the operator when something was there and could not be used.
    func load() -> (memory: GossipMemory, warning: String?) {
        let (memory, warning) = file.load(bytesMax: GossipStateText.bytesMax, loss: Self.loss) { GossipStateText.memory(from: $0, node: node) }
        return (memory ?? GossipMemory(), warning)
    }

    /// Writes everything to the disk. When it throws, what was saved before is still there, whole.
    func save(_ memory: GossipMemory) throws(SystemError) { try file.save(GossipStateText.bytes(of: memory, node: node)) }
}
