import Foundation
import Support

/// The lines that make a node gossip, beside the article's file.
package struct GossipFile {
    package var cluster = "tsukada"
    package var key: String
    /// Lines beyond the four: `bind ADDRESS:PORT`.
    package var more: [String] = []

    /// With a key of its own.
    package init(key: String) { self.key = key }

    /// A new key, as an operator gets one.
    package static func newKey(on node: Node) throws -> String {
        try node.demand([ProxyProgram.tsukada.path, "keygen"]).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The section.
    package var text: String {
        let lines = ["node tsukada01 172.20.0.11:7946", "node tsukada02 172.20.0.12:7946", "key-file /etc/tsukada/gossip.key"] + more
        return "gossip \(cluster)\n" + lines.map { "    \($0)\n" }.joined()
    }

    /// Writes the key file as the operator has to: nobody else may read it.
    package func writeKey(on node: Node) throws {
        let path = "\(node.directory)/etc-tsukada/gossip.key"
        try "\(key)\n".write(toFile: path, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
}
