import Foundation

/// The repository that these tests were built from.
let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

/// The helper that was built together with these tests.
let clusterTool: String = {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().path + "/ClusterTool"
}()

/// The seed's configuration of a node, byte for byte.
func seedConfiguration(of node: String) throws -> String {
    try String(contentsOfFile: "\(packageRoot)/Tests/ClusterTests/Fixtures/\(node).cfg", encoding: .utf8)
}

/// A program that reads haproxy.cfg.
struct ProxyProgram: Sendable, Equatable {
    /// The name in its log lines.
    let tag: String
    let path: String

    /// Debian's haproxy 2.6, the measure.
    static let haproxy = ProxyProgram(tag: "haproxy", path: "/usr/sbin/haproxy")

    /// What is tested: `TSUKADA_BINARY`, or the release build. With haproxy in its place the harness tests itself.
    static let tsukada: ProxyProgram = {
        let path = ProcessInfo.processInfo.environment["TSUKADA_BINARY"] ?? "\(packageRoot)/.build/release/tsukada"
        return ProxyProgram(tag: URL(fileURLWithPath: path).lastPathComponent, path: path)
    }()

    /// Whether the measure itself stands in for the product.
    static var isStandIn: Bool { tsukada.tag == "haproxy" }
}

/// Why the cluster tests cannot run here, or nil.
let hindrance: String? = {
    if geteuid() != 0 { return "the cluster tests need root: network namespaces" }
    let administration = ["haproxy", "mariadbd", "dnsmasq", "nft", "ethtool"].map { "/usr/sbin/\($0)" }
    let tools = ["socat", "strace", "tmux", "hatop", "curl"].map { "/usr/bin/\($0)" }
    let needed = [ProxyProgram.tsukada.path] + administration + tools
    let missing = needed.filter { !FileManager.default.isExecutableFile(atPath: $0) }
    return missing.isEmpty ? nil : "the cluster tests need \(missing.joined(separator: ", ")); deploy/test installs and builds all"
}()

/// Whether a hindrance is a failure: on the machine that decides what lands, it is.
let mustRun = ProcessInfo.processInfo.environment["CI"] != nil
