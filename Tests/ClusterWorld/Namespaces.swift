// The cluster's namespaces: one PID namespace for all processes, and a network and a mount namespace for each node.
//
//     tests --pipe--> unshare --> hold (PID 1 of the namespace; has the bridge)
//                                  tsukada01, tsukada02, dbserver01...: `sleep` that keeps the node's namespaces
//                                  nsenter --> proxy, database, nameserver, clients
//
// The namespaces have no names outside, so that concurrent runs do not collide. When the tests end, for any reason, the pipe closes, and `hold` ends all
// processes and removes the directory. The kernel then removes the namespaces, links and mounts.

import Foundation
import Support
import Synchronization

/// The namespace that all nodes share.
package final class World: Sendable {
    /// The directory for files of this world: configurations, databases, logs.
    package let directory: String
    /// The first process of the namespace, by its number outside.
    package let firstProcess: Int32
    private let holder: ChildProcess

    package init() throws {
        try Self.removeLeftovers()
        var template = Array("/tmp/tsk-cluster-\(getpid())-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw ChildProcessError(description: "no temporary directory: errno \(errno)") }
        directory = String(cString: made)
        let unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"]
        let holder = try ChildProcess(unshare + [clusterTool, "hold", "--remove", directory], input: .heldPipe)
        self.holder = holder
        try eventually(within: 10, "the namespace to be ready: \(holder.output)") { holder.output.contains("holding") }
        guard let child = holder.children.first else { throw ChildProcessError(description: "no first process: \(holder.output)") }
        firstProcess = child
        try demand("ip link add bridge type bridge")
        try demand("ip link set bridge up")
        try demand("ip link set lo up")
    }

    /// Runs a command in the world's network, which has the bridge and the nodes' links.
    package func demand(_ command: String) throws {
        try ChildProcess.demand(["nsenter", "--target", "\(firstProcess)", "--net", "--"] + command.split(separator: " ").map(String.init))
    }

    /// Starts a long-running program in the world's network.
    package func start(_ command: [String]) throws -> NodeProcess {
        try NodeProcess(ChildProcess(["nsenter", "--target", "\(firstProcess)", "--mount", "--net", "--pid", "--"] + command))
    }

    /// Removes directories of runs that could not run their last process, for instance because the machine was switched off.
    private static func removeLeftovers() throws {
        let temporary = "/tmp"
        for name in try FileManager.default.contentsOfDirectory(atPath: temporary) where name.hasPrefix("tsk-cluster-") {
            guard let owner = Int32(name.dropFirst("tsk-cluster-".count).prefix { $0 != "-" }), kill(owner, 0) != 0 else { continue }
            try? FileManager.default.removeItem(atPath: "\(temporary)/\(name)")
        }
    }

    /// Ends every process of the namespace and removes the directory.
    package func end() throws {
        holder.closeInput()
        try holder.wait(within: 20)
    }
}

/// A host of the cluster.
package final class Node: Sendable {
    package let name: String
    package let address: String
    /// The node's files, by their path outside: `etc-haproxy`, `run`, `lib-haproxy` and `lib-tsukada` are the node's /etc/haproxy, /run, /var/lib/haproxy and
    /// /var/lib/tsukada.
    package let directory: String
    private let keeper: ChildProcess
    private let keeperProcess: Int32

    /// - Parameter nameserver: the address in the node's resolv.conf.
    package init(_ name: String, address: String, nameserver: String, in world: World) throws {
        self.name = name
        self.address = address
        directory = "\(world.directory)/\(name)"
        for part in ["etc-haproxy", "etc-tsukada", "run", "lib-haproxy", "lib-tsukada"] {
            try FileManager.default.createDirectory(atPath: "\(directory)/\(part)", withIntermediateDirectories: true)
        }
        try "127.0.0.1 localhost\n\(address) \(name)\n".write(toFile: "\(directory)/hosts", atomically: false, encoding: .utf8)
        try "nameserver \(nameserver)\n".write(toFile: "\(directory)/resolv.conf", atomically: false, encoding: .utf8)

        let script = """
            set -e
            hostname \(name)
            mount --bind \(directory)/hosts /etc/hosts
            mount --bind \(directory)/resolv.conf "$(readlink -f /etc/resolv.conf)"
            mkdir -p /etc/haproxy /etc/tsukada /var/lib/haproxy /var/lib/tsukada
            mount --bind \(directory)/etc-haproxy /etc/haproxy
            mount --bind \(directory)/etc-tsukada /etc/tsukada
            mount --bind \(directory)/run /run
            mount --bind \(directory)/lib-haproxy /var/lib/haproxy
            mount --bind \(directory)/lib-tsukada /var/lib/tsukada
            ip link set lo up
            sysctl -qw net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range='10000 65535'
            echo ready
            exec sleep infinity
            """
        let enter = ["nsenter", "--target", "\(world.firstProcess)", "--mount", "--pid", "--"]
        let keeper = try ChildProcess(enter + ["unshare", "--net", "--mount", "--uts", "bash", "-c", script])
        self.keeper = keeper
        try eventually(within: 10, "node \(name): \(keeper.output)") { keeper.output.contains("ready") || keeper.exitStatus != nil }
        guard let process = keeper.children.first else { throw ChildProcessError(description: "node \(name): \(keeper.output)") }
        keeperProcess = process

        let inWorld = ["nsenter", "--target", "\(world.firstProcess)", "--net", "--"]
        let link = ["ip", "link", "add", "to-\(name)", "type", "veth", "peer", "name", "eth0", "netns", "\(keeperProcess)"]
        try ChildProcess.demand(inWorld + link)
        try ChildProcess.demand(inWorld + ["ip", "link", "set", "to-\(name)", "master", "bridge", "up"])
        try demand(["ip", "address", "add", "\(address)/24", "dev", "eth0"])
        try demand(["ip", "link", "set", "eth0", "up"])
    }

    /// Returns the command line that runs `command` on this node.
    private func entering(_ command: [String]) -> [String] {
        ["nsenter", "--target", "\(keeperProcess)", "--mount", "--net", "--uts", "--pid", "--"] + command
    }

    /// Starts a long-running program.
    package func start(_ command: [String], input: ChildProcess.Input = .nothing) throws -> NodeProcess {
        try NodeProcess(ChildProcess(entering(command), input: input))
    }

    /// Starts a long-running program that tests may stop by a signal. Without the shell, nsenter would stop together with its program and outlive everything,
    /// even a killed test.
    package func startStoppable(_ command: [String]) throws -> NodeProcess {
        try NodeProcess(ChildProcess(entering(["bash", "-c", "\"$@\" & wait", "bash"] + command)), isBehindAnother: true)
    }

    /// Starts a program whose processes end together: they have a PID namespace, whose first process is the program.
    package func startFamily(_ command: [String]) throws -> NodeProcess {
        let family = ["unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"]
        return try NodeProcess(ChildProcess(entering(family + command)), isBehindAnother: true)
    }

    /// Runs a program to its end.
    package func run(_ command: [String], within seconds: Double = 20) throws -> (status: Int32, output: String) {
        try ChildProcess.run(entering(command), within: seconds)
    }

    /// Runs a program that must succeed.
    @discardableResult
    package func demand(_ command: [String], within seconds: Double = 20) throws -> String {
        try ChildProcess.demand(entering(command), within: seconds)
    }

    /// Sends queries through a proxy at `target`, one after another, each over a new connection.
    package func query(_ target: Node, port: Int = 3306, count: Int = 1, text: String = "select @@hostname") throws -> [Attempt] {
        let command = [clusterTool, "query", "--to", "\(target.address):\(port)", "--count", "\(count)", "--text", text]
        return try demand(command, within: 60).split(separator: "\n").map { try JSONDecoder().decode(Attempt.self, from: Data($0.utf8)) }
    }
}

/// A program that runs on a node. `nsenter` waits for it outside; the program is a child of `nsenter`.
package final class NodeProcess: Sendable {
    /// The process outside. It ends with the program's status as soon as the program ends.
    package let outside: ChildProcess

    private let isBehindAnother: Bool

    /// - Parameter isBehindAnother: true when the child of nsenter is a shell or unshare, and the program is its child.
    package init(_ outside: ChildProcess, isBehindAnother: Bool = false) { (self.outside, self.isBehindAnother) = (outside, isBehindAnother) }

    /// The program's process; `nil` before nsenter has started it.
    private var inside: Int32? {
        guard isBehindAnother else { return outside.children.first }
        return outside.children.first.flatMap { ChildProcess.children(of: $0).first }
    }

    /// Sends a signal to the program.
    package func send(signal: Int32) throws {
        try eventually(within: 5, "nsenter to start its program: \(outside.output)", interval: 1) {
            outside.exitStatus != nil || inside != nil
        }
        guard outside.exitStatus == nil, let inside else { return }
        kill(inside, signal)
    }

    /// Kills the program and waits until its process and sockets are gone.
    /// - Returns: a time after which the program cannot answer.
    @discardableResult
    package func killAtOnce() throws -> Int64 {
        try send(signal: SIGKILL)
        try outside.wait(within: 20)
        return MonotonicMoment.now
    }
}
