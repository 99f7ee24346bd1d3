// swift-tools-version: 6.2
// No package dependencies: only the toolchain's modules and system libraries.
import PackageDescription

let package = Package(
    name: "tsukada",
    products: [
        .executable(name: "tsukada", targets: ["NodeAgent"]),
        // Tests preload it into the release program.
        .library(name: "HotPathHooks", type: .dynamic, targets: ["HotPathHooks"]),
    ],
    targets: [
        .target(name: "CLinux"),
        .target(name: "Wire"),
        .target(name: "LinuxIO", dependencies: ["CLinux", "Wire"]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "Seals", dependencies: ["COpenSSL", "Wire"]),
        .target(name: "Gossip", dependencies: ["Wire"]),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .target(name: "Patterns", dependencies: ["CPCRE2"]),
        .target(name: "Proxy", dependencies: ["CLinux", "LinuxIO", "Patterns", "Wire"]),
        .executableTarget(name: "NodeAgent", dependencies: ["CLinux", "Gossip", "LinuxIO", "Proxy", "Seals", "Wire"]),

        .testTarget(name: "WireTests", dependencies: ["Support", "Wire"]),
        .testTarget(name: "PatternsTests", dependencies: ["CPCRE2", "Patterns", "Wire"]),
        .testTarget(name: "LinuxIOTests", dependencies: ["CLinux", "LinuxIO", "Support", "Wire"]),
        .testTarget(name: "SealsTests", dependencies: ["COpenSSL", "Seals", "Support", "Wire"]),
        .testTarget(name: "GossipTests", dependencies: ["Gossip", "Simulation", "Support", "Wire"]),
        .testTarget(name: "ProxyTests", dependencies: ["CLinux", "LinuxIO", "Proxy", "Seals", "Support", "Wire"]),
        .testTarget(name: "DataPlaneTests", dependencies: ["CLinux", "LinuxIO", "Proxy", "Seals", "Support", "Wire"]),
        .testTarget(
            name: "NodeAgentTests", dependencies: ["Gossip", "LinuxIO", "NodeAgent", "Proxy", "Seals", "Simulation", "Support", "Wire"],
            resources: [.copy("Fixtures")]),
        .testTarget(name: "SupportTests", dependencies: ["LinuxIO", "LoadBalancer", "Support", "Wire"]),
        .testTarget(name: "TidyTests"),

        .executableTarget(name: "Benchmarks", dependencies: ["CLinux", "LinuxIO", "Wire"], path: "Tests/Benchmarks"),
        .executableTarget(
            name: "GossipBenchmark", dependencies: ["CLinux", "Gossip", "LinuxIO", "Seals", "Support", "Wire"], path: "Tests/GossipBenchmark"),
        .testTarget(name: "BenchmarksTests", dependencies: ["Benchmarks", "LinuxIO", "Support", "Wire"]),

        // The gossip core in virtual time: a world of nodes for `GossipTests`, and the program that runs thousands of seeds.
        .target(name: "Simulation", dependencies: ["Gossip", "Support", "Wire"], path: "Tests/Simulation"),
        .executableTarget(name: "Simulator", dependencies: ["CLinux", "Gossip", "Simulation", "Support", "Wire"], path: "Tests/Simulator"),

        // Building blocks of the cluster tests: clients, load, stubs, namespaces. Foundation is allowed here.
        .target(name: "Support", dependencies: ["CLinux", "COpenSSL", "LinuxIO", "Wire"], path: "Tests/Support"),
        .executableTarget(name: "ClusterTool", dependencies: ["LinuxIO", "Proxy", "Seals", "Support", "Wire"], path: "Tests/ClusterTool"),
        .executableTarget(name: "LoadBalancer", dependencies: ["CLinux", "LinuxIO", "Support", "Wire"], path: "Tests/LoadBalancer"),
        // The article's network in namespaces, for the cluster tests and `deploy/failover-test`.
        .target(name: "ClusterWorld", dependencies: ["Support"], path: "Tests/ClusterWorld"),
        .executableTarget(name: "FailoverTest", dependencies: ["ClusterTool", "ClusterWorld", "LoadBalancer", "Support"], path: "Tests/FailoverTest"),
        .target(name: "HotPathHooks", path: "Tests/HotPathHooks"),
        .testTarget(
            name: "ClusterTests",
            dependencies: ["CLinux", "ClusterTool", "ClusterWorld", "LinuxIO", "LoadBalancer", "Support", "Wire"], exclude: ["Fixtures"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)

// `deploy/test` builds parts of the package, so that a build for a few tests compiles few targets.
let sanitized: Set = ["DataPlaneTests", "LinuxIOTests", "SealsTests"]
let common: Set = ["CLinux", "COpenSSL", "CPCRE2", "LinuxIO", "Patterns", "Proxy", "Support", "Wire"]
@MainActor func keepOnly(_ names: Set<String>) {
    package.targets.removeAll { !names.contains($0.name) }
    package.products = []
}
switch Context.environment["TSUKADA_PART"] {
case "plain": package.targets.removeAll { sanitized.contains($0.name) }
case "sanitized": keepOnly(common.union(sanitized).union(["Seals"]))
case nil: break
case let part?: fatalError("TSUKADA_PART=\(part): write 'plain' or 'sanitized'")
}

// The fuzz targets need compiler-rt's libFuzzer; `deploy/fuzz` passes the path of its file.
if let runtime = Context.environment["TSUKADA_FUZZ"] {
    keepOnly(common.union(["Gossip"]))
    let instrumented: [SwiftSetting] = [.unsafeFlags(["-sanitize=fuzzer,address", "-assert-config", "Debug"])]
    let linked: [LinkerSetting] = [.unsafeFlags(["-sanitize=address", runtime, "-lstdc++"])]
    for target in package.targets where ["Gossip", "Proxy", "Wire"].contains(target.name) { target.swiftSettings = instrumented }
    package.targets.append(.target(name: "FuzzWorld", dependencies: ["Gossip", "Support", "Wire"], path: "Tests/Fuzz/World"))
    for name in ["FuzzAnswer", "FuzzDatabase", "FuzzDatagram", "FuzzGreeting", "FuzzHeader", "FuzzRecords", "FuzzRequest", "FuzzScript"] {
        package.targets.append(
            .executableTarget(
                name: name, dependencies: ["FuzzWorld", "Gossip", "Proxy", "Support", "Wire"], path: "Tests/Fuzz/\(name)", swiftSettings: instrumented,
                linkerSettings: linked))
    }
}
