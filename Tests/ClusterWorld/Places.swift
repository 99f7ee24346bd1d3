import Foundation

/// The repository that these tests were built from.
package let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

/// A program that was built together with the one that runs.
private func besideUs(_ name: String) -> String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().path + "/" + name
}

/// The helper for use inside namespaces.
package let clusterTool = besideUs("ClusterTool")

/// The library that counts in a program's forwarding threads.
package let hotPathHooks = besideUs("libHotPathHooks.so")

/// The tests' load balancer.
package let loadBalancer = besideUs("LoadBalancer")

/// The seed's configuration of a node, byte for byte.
package func seedConfiguration(of node: String) throws -> String {
    try fixture("\(node).cfg")
}

/// A file of the cluster tests.
package func fixture(_ name: String) throws -> String {
    try String(contentsOfFile: "\(packageRoot)/Tests/ClusterTests/Fixtures/\(name)", encoding: .utf8)
}

/// A program that reads haproxy.cfg.
package struct ProxyProgram: Sendable, Equatable {
    /// The name in its log lines.
    package let tag: String
    /// Where it is.
    package let path: String

    /// A program at a path; its file's name stands in its log lines.
    package init(path: String) { (tag, self.path) = (URL(fileURLWithPath: path).lastPathComponent, path) }

    /// Debian's haproxy 2.6, the measure.
    package static let haproxy = ProxyProgram(path: "/usr/sbin/haproxy")

    /// Debian's nginx, whose `stream` module forwards TCP.
    package static let nginx = ProxyProgram(path: "/usr/sbin/nginx")

    /// What is tested: `TSUKADA_BINARY`, or the release build. With haproxy in its place the harness tests itself.
    package static let tsukada =
        ProxyProgram(path: ProcessInfo.processInfo.environment["TSUKADA_BINARY"] ?? "\(packageRoot)/.build/release/tsukada")

    /// Whether the measure itself stands in for the product.
    package static var isStandIn: Bool { tsukada.tag == "haproxy" }
}

/// Why the cluster tests cannot run here, or nil.
package let hindrance: String? = {
    if geteuid() != 0 { return "the cluster tests need root: network namespaces" }
    let administration = ["haproxy", "mariadbd", "dnsmasq", "nft", "ethtool"].map { "/usr/sbin/\($0)" }
    let tools = ["socat", "strace", "tmux", "hatop", "curl"].map { "/usr/bin/\($0)" }
    let needed = [ProxyProgram.tsukada.path] + administration + tools
    let missing = needed.filter { !FileManager.default.isExecutableFile(atPath: $0) }
    return missing.isEmpty ? nil : "the cluster tests need \(missing.joined(separator: ", ")); deploy/test installs and builds all"
}()

/// Whether a hindrance is a failure: on the machine that decides what lands, it is.
package let mustRun = ProcessInfo.processInfo.environment["CI"] != nil
