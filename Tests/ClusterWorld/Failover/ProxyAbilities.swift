import Foundation
import Support

/// What a program can do beyond haproxy.cfg: asked of the program itself, so that rows which need it begin to be judged when it can.
package struct ProxyAbilities: Sendable, Equatable {
    /// It reads `probe` sections and gossips.
    package var isOurs = false
    /// `drain TIME` in a probe section.
    package var canDrain = false
    /// `when-none pass` in a probe section.
    package var knowsWhenNone = false
    /// It has a master process that starts another worker for one that dies.
    package var hasMaster = false
    /// `accept-proxy optional from NETWORK` after `bind`.
    package var takesProxyHeaders = false

    /// None: HAProxy's.
    package init() {}

    /// Asks `program` on a node.
    package init(of program: ProxyProgram, on node: Node) throws {
        func accepts(_ text: String) throws -> Bool {
            let path = "\(node.directory)/etc-tsukada/ability.cfg"
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            let article = "\(node.directory)/etc-tsukada/article.cfg"
            try seedConfiguration(of: node.name).write(toFile: article, atomically: false, encoding: .utf8)
            return try node.run([program.path, "-c", "-f", "/etc/tsukada/article.cfg", "-f", "/etc/tsukada/ability.cfg"]).status == 0
        }
        let probe = "probe nlb\n    bind 0.0.0.0:3307\n    mode http\n    require mysql 1\n"
        isOurs = try accepts(probe)
        guard isOurs else { return }
        canDrain = try accepts(probe + "    drain 1s\n")
        knowsWhenNone = try accepts(probe + "    when-none pass\n")
        hasMaster = try accepts("global\n    master-worker\n")
        takesProxyHeaders = try accepts("listen other\n    bind 127.0.0.1:3309 accept-proxy optional from 10.0.0.0/8\n    server one 127.0.0.1:3310\n")
    }
}
