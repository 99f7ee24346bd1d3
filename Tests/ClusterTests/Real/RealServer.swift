import ClusterWorld
import Foundation
import Support
import Synchronization

/// A real server program on a node. Its files are in `/run/NAME` of the node, and end with the node.
final class RealServer: Sendable {
    /// The processes of a program.
    enum Processes: Sendable {
        /// One process, which a signal can stop.
        case one
        /// Several processes that end together: they have a PID namespace, and its first process gets the signals.
        case family
    }

    let node: Node
    private let processes: Processes
    private let command: [String]
    private let running = Mutex<NodeProcess?>(nil)

    /// Writes the program's files. It does not run yet.
    ///
    /// - Parameters:
    ///   - name: the folder in `/run`.
    ///   - user: who owns the folder.
    ///   - folders: folders in it.
    ///   - files: texts of files, by their names in it.
    init(
        _ name: String, on node: Node, user: String = "root", folders: [String] = [], files: [String: String] = [:], processes: Processes = .one,
        command: [String]
    ) throws {
        (self.node, self.processes, self.command) = (node, processes, command)
        let folder = "/run/\(name)"
        try node.demand(["rm", "-rf", folder])
        try node.demand(["install", "-d", "-o", user] + [folder] + folders.map { "\(folder)/\($0)" })
        for (path, text) in files { try text.write(toFile: "\(node.directory)/run/\(name)/\(path)", atomically: false, encoding: .utf8) }
        if user != "root" { try node.demand(["chown", "-R", user, folder]) }
    }

    deinit { try? kill() }

    /// Starts the program without waiting for it.
    func start() throws {
        let started = try processes == .one ? node.startStoppable(command) : node.startFamily(command)
        running.withLock { $0 = started }
    }

    /// Kills all processes of the program.
    func kill() throws { try running.withLock { $0.take() }?.killAtOnce() }

    /// Sends a signal to the program.
    func send(signal: Int32) throws { try running.withLock { $0 }?.send(signal: signal) }

    /// What the program has printed since its start.
    var output: String { running.withLock { $0?.outside.output } ?? "" }
}

/// Programs that the real servers need and that are not installed; `nil` if all are.
let missingServers: String? = {
    let needed = [
        "/usr/bin/redis-server", "/usr/bin/redis-sentinel", "/usr/sbin/nginx", "/usr/sbin/sshd", "/usr/sbin/slapd", "/usr/lib/postfix/sbin/master",
        "/usr/sbin/mosquitto", "/usr/lib/galera/libgalera_smm.so", "/usr/bin/rsync", "/usr/bin/patroni", "/usr/bin/etcd", PatroniNode.programs + "/postgres",
    ]
    let missing = needed.filter { !FileManager.default.fileExists(atPath: $0) }
    return missing.isEmpty ? nil : "the tests with real servers need \(missing.joined(separator: ", ")); deploy/test installs all"
}()
