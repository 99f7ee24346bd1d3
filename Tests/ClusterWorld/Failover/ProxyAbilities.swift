import Foundation
import Support

/// The features of a program beyond haproxy.cfg. They are found by trying configurations, so that rows which need a feature are judged as soon as it exists.
package struct ProxyAbilities: Sendable, Equatable {
    /// It supports `probe` sections and gossip.
    package var isTsukada = false
    /// It supports `drain TIME` in a probe section.
    package var canDrain = false
    /// It supports `when-none pass` in a probe section.
    package var supportsWhenNone = false
    /// It has a master process that replaces a dead worker.
    package var hasMaster = false
    /// It supports `accept-proxy optional from NETWORK` after `bind`.
    package var supportsProxyHeaders = false

    /// No features, as with HAProxy.
    package init() {}

    /// Finds the features of `program` on a node.
    package init(of program: ProxyProgram, on node: Node) throws {
        func accepts(_ text: String) throws -> Bool {
            let path = "\(node.directory)/etc-tsukada/ability.cfg"
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            let article = "\(node.directory)/etc-tsukada/article.cfg"
            try seedConfiguration(of: node.name).write(toFile: article, atomically: false, encoding: .utf8)
            return try node.run([program.path, "-c", "-f", "/etc/tsukada/article.cfg", "-f", "/etc/tsukada/ability.cfg"]).status == 0
        }
        let probe = "probe nlb\n    bind 0.0.0.0:3307\n    mode http\n    require mysql 1\n"
        isTsukada = try accepts(probe)
        guard isTsukada else { return }
        canDrain = try accepts(probe + "    drain 1s\n")
        supportsWhenNone = try accepts(probe + "    when-none pass\n")
        hasMaster = try accepts("global\n    master-worker\n")
        supportsProxyHeaders = try accepts("listen other\n    bind 127.0.0.1:3309 accept-proxy optional from 10.0.0.0/8\n    server one 127.0.0.1:3310\n")
    }
}
