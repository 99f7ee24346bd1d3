import Glibc
import Gossip
import LinuxIO

/// Where a node's gossip memory lives: `gossip-NODE.state` in the configuration's `state-dir`.
///
/// Opened and loaded before chroot and before privileges go; saved for as long as the process lives, from any one thread. Losing the file
/// costs nothing but the operators' words that no peer has.
final class GossipStore: Sendable {
    private let folder: Folder
    private let path: String
    private let node: String

    /// Opens the folder at `path`.
    ///
    /// - Parameters:
    ///   - node: this node's name.
    ///   - owner: who saves later on, once privileges are gone.
    /// - Throws: when there is no such folder, or `owner` cannot write to it, or everybody can.
    init(path: String, node: String, owner: FileOwner) throws(StartError) {
        self.path = path
        self.node = node
        do throws(SystemError) {
            folder = try Folder(path)
        } catch  where error.isMissing {
            throw StartError("'state-dir \(path)': there is no such folder; run 'install -d -m 700 -o \(owner.user) -g \(owner.group) \(path)'")
        } catch {
            throw StartError("'state-dir \(path)': \(error)")
        }
        let status = try StartError.wrapping("'state-dir \(path)': ") { () throws(SystemError) in try folder.status() }
        if let problem = Self.problem(with: status, owner: owner) { throw StartError("'state-dir \(path)': \(problem) \(path)'") }
    }

    /// What is wrong with a folder for one who wants to write to it, without the path at its end.
    static func problem(with status: FileStatus, owner: FileOwner) -> String? {
        if status.permissions & 0o002 != 0 { return "everybody may write to it, and so decide which servers are in maintenance; run 'chmod o-w" }
        // Root too: it has given up the right to write to everybody's files.
        let isWritable =
            if status.owner.user == owner.user { status.permissions & 0o300 == 0o300 } else {
                status.owner.group == owner.group && status.permissions & 0o030 == 0o030
            }
        return isWritable ? nil : "user \(owner.user), whom the node runs as, cannot write to it; run 'chown \(owner.user)"
    }

    private var name: String { "gossip-\(node).state" }

    /// What was saved last, or nothing. A file that is not this node's, or damaged, is put aside under a name that ends in ".bad".
    ///
    /// - Returns: with a sentence for the operator when something was there and could not be used.
    func load() -> (memory: GossipMemory, warning: String?) {
        do throws(SystemError) {
            let file = try folder.open(name)
            if try FileStatus(of: file).isRegular {
                let bytes = try Files.read(from: file.raw, bytesMax: GossipStateText.bytesMax)
                if let memory = GossipStateText.memory(from: bytes, node: node) { return (memory, nil) }
            }
        } catch  where error.isMissing {
            return (GossipMemory(), nil)
        } catch {
            return (GossipMemory(), "\(path)/\(name): \(error); \(Self.loss)")
        }
        do throws(SystemError) {
            try folder.rename(name, to: name + ".bad")
            return (GossipMemory(), "\(path)/\(name) is damaged or of another node, and now called \(name).bad; \(Self.loss)")
        } catch {
            return (GossipMemory(), "\(path)/\(name) is damaged or of another node (and cannot be put aside: \(error)); \(Self.loss)")
        }
    }

    private static let loss = "operators' words for the cluster come from the peers alone"

    /// Writes everything to the disk. When it throws, what was saved before is still there, whole.
    func save(_ memory: GossipMemory) throws(SystemError) {
        try folder.stage(name, GossipStateText.bytes(of: memory, node: node), permissions: 0o600)
        do throws(SystemError) {
            try folder.publish(name)
        } catch {
            folder.discard(name)
            throw error
        }
    }
}
