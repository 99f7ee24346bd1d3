import Foundation

/// The repository that these tests were built from.
package let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

/// Returns the path of a program that was built together with the running one.
private func builtProgram(_ name: String) -> String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().path + "/" + name
}

/// The helper program for use inside namespaces.
package let clusterTool = builtProgram("ClusterTool")

/// The library that counts calls in a program's forwarding threads.
package let hotPathHooks = builtProgram("libHotPathHooks.so")

/// The tests' load balancer.
package let loadBalancer = builtProgram("LoadBalancer")

/// Returns the article's configuration of a node, byte for byte.
package func seedConfiguration(of node: String) throws -> String {
    try fixture("\(node).cfg")
}

/// Returns a fixture of the cluster tests.
package func fixture(_ name: String) throws -> String {
    try String(contentsOfFile: "\(packageRoot)/Tests/ClusterTests/Fixtures/\(name)", encoding: .utf8)
}

/// A program that can run as a node's proxy.
package struct ProxyProgram: Sendable, Equatable {
    /// The program's name in its log lines.
    package let tag: String
    /// The program's path.
    package let path: String

    /// Creates a program by its path; the file's name is its name in log lines.
    package init(path: String) { (tag, self.path) = (URL(fileURLWithPath: path).lastPathComponent, path) }

    /// Debian's haproxy 2.6, the reference.
    package static let haproxy = ProxyProgram(path: "/usr/sbin/haproxy")

    /// Debian's nginx, whose `stream` module forwards TCP.
    package static let nginx = ProxyProgram(path: "/usr/sbin/nginx")

    /// The program under test: `TSUKADA_BINARY`, or the release build. With haproxy in its place, the tests check themselves.
    package static let tsukada =
        ProxyProgram(path: ProcessInfo.processInfo.environment["TSUKADA_BINARY"] ?? "\(packageRoot)/.build/release/tsukada")

    /// True when haproxy replaces tsukada.
    package static var testsHaproxy: Bool { tsukada.tag == "haproxy" }
}

/// The reason why the cluster tests cannot run here; `nil` when they can.
package let hindrance: String? = {
    if geteuid() != 0 { return "the cluster tests need root: network namespaces" }
    let administration = ["haproxy", "mariadbd", "dnsmasq", "nft", "ethtool"].map { "/usr/sbin/\($0)" }
    let tools = ["socat", "strace", "tmux", "hatop", "curl"].map { "/usr/bin/\($0)" }
    let needed = [ProxyProgram.tsukada.path] + administration + tools
    let missing = needed.filter { !FileManager.default.isExecutableFile(atPath: $0) }
    return missing.isEmpty ? nil : "the cluster tests need \(missing.joined(separator: ", ")); deploy/test installs and builds all"
}()

/// True in CI, where a hindrance is a failure.
package let mustRun = ProcessInfo.processInfo.environment["CI"] != nil
