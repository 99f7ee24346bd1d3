import ClusterWorld
import Foundation
import Support
import Testing

/// tsukada with a master process on a node, with the article's file: `tsukada -W -S /run/master -f /etc/haproxy/haproxy.cfg`, a daemon.
final class RunningMaster {
    let node: Node
    private let proxy: RunningProxy

    /// - Parameter more: a line of `global`.
    init(on node: Node, in world: World, more: String = "", ownSections: String? = nil) throws {
        self.node = node
        proxy = try RunningProxy(
            .tsukada, on: node, in: world, configuration: Self.configuration(of: node, more: more), ownSections: ownSections,
            options: ["-W", "-S", "/run/master"])
    }

    /// The article's file with a runtime socket for administrators and one more line in `global`.
    static func configuration(of node: Node, more: String) throws -> String {
        try seedConfiguration(of: node.name).replacingOccurrences(
            of: "    stats socket /var/lib/haproxy/stats", with: "    stats socket /var/lib/haproxy/stats level admin expose-fd listeners\n    \(more)")
    }

    /// Replaces the additional line of `global` in the file.
    func write(_ more: String) throws {
        _ = try RunningProxy.writeFiles(on: node, configuration: Self.configuration(of: node, more: more), ownSections: nil)
    }

    /// The master's number on its node.
    var process: Int32 { proxy.innerProcess }

    /// Ends master and workers.
    func stop() { proxy.stop() }

    /// True while the master lives.
    var isAlive: Bool { proxy.isAlive }

    func send(signal: Int32) { proxy.send(signal: signal) }

    /// Sends a signal to the master and its workers.
    func sendAll(signal: Int32) { proxy.sendAll(signal: signal) }

    func waitUntilBothServersAreUp() throws { try proxy.waitUntilBothServersAreUp() }

    func waitForEnd(within seconds: Double) throws { try proxy.waitForEnd(within: seconds) }

    /// Sends one command to the master's socket.
    func command(_ text: String) throws -> String {
        try node.demand(["bash", "-c", "echo '\(text)' | socat -t 20 - UNIX-CONNECT:/run/master"])
    }

    /// Reloads, and returns the master's answer.
    func reload() throws -> String { try command("reload") }

    /// `show proc`.
    func processes() throws -> String { try command("show proc") }

    /// The numbers of all workers on the node, the earlier ones last.
    func workers() throws -> [String] {
        try processes().split(separator: "\n").map { $0.split(separator: " ").map(String.init) }.filter { $0.count > 1 && $0[1] == "worker" }.map { $0[0] }
    }

    /// The outside number of the serving worker's thread with this name.
    func thread(_ name: String) throws -> Int32 {
        let worker = try #require(proxy.workers.last)
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(worker)/task")
        let found = threads.first { readWholeFile("/proc/\(worker)/task/\($0)/comm") == name + "\n" }
        return try #require(found.flatMap { Int32($0) }, "no thread '\(name)' in \(threads)")
    }

    /// Connections since the start.
    func sessionsTotal() throws -> Int { Int(try proxy.statistics("stot")["FRONTEND"] ?? "0") ?? 0 }

    /// `show stat`'s status of a server.
    func status(_ server: String) throws -> String { try proxy.statistics("status")[server] ?? "" }

    /// The descriptors and memory of master and worker.
    struct Holdings {
        var masterDescriptors = 0
        var workerDescriptors = 0
        var masterKilobytes = 0
    }

    /// The present descriptors and memory of master and worker.
    func measure() throws -> Holdings {
        func descriptors(_ process: String) throws -> Int {
            try node.demand(["ls", "/proc/\(process)/fd"]).split(separator: "\n").count
        }
        let size = try node.demand(["grep", "VmRSS", "/proc/\(process)/status"]).split(separator: " ").compactMap { Int($0) }.first ?? 0
        return Holdings(
            masterDescriptors: try descriptors("\(process)"), workerDescriptors: try descriptors(try #require(try workers().first)), masterKilobytes: size)
    }
}
