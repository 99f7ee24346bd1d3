import Foundation
import Support

/// The gossip section of a node, in addition to the article's file.
package struct GossipFile {
    package var cluster = "tsukada"
    package var key: String
    /// Additional lines of the section: `bind ADDRESS:PORT`.
    package var more: [String] = []

    /// Creates a section with this key.
    package init(key: String) { self.key = key }

    /// Creates a key as an operator does.
    package static func newKey(on node: Node) throws -> String {
        try node.demand([ProxyProgram.tsukada.path, "keygen"]).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The text of the section.
    package var text: String {
        let lines = ["node tsukada01 172.20.0.11:7946", "node tsukada02 172.20.0.12:7946", "key-file /etc/tsukada/gossip.key"] + more
        return "gossip \(cluster)\n" + lines.map { "    \($0)\n" }.joined()
    }

    /// Writes the key file, readable by its owner only, as an operator must.
    package func writeKey(on node: Node) throws {
        let path = "\(node.directory)/etc-tsukada/gossip.key"
        try "\(key)\n".write(toFile: path, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
}
