import Foundation
import Support

/// A proxy that was started on a node as an operator starts it: `PROGRAM -f /etc/haproxy/haproxy.cfg`, a daemon with a pidfile.
package final class RunningProxy: Sendable {
    package let program: ProxyProgram
    package let node: Node
    /// The daemon's process identifier outside, and inside the namespace.
    package let process: Int32
    package let innerProcess: Int32
    /// The output before the program became a daemon.
    package let output: String

    /// - Parameters:
    ///   - configuration: the text of haproxy.cfg; the article's by default.
    ///   - ownSections: the text of tsukada.cfg, a second `-f`.
    ///   - options: additional arguments.
    ///   - launcher: a command that starts the program, for instance with limited resources.
    package init(
        _ program: ProxyProgram, on node: Node, in world: World, configuration: String? = nil, ownSections: String? = nil, options: [String] = [],
        launcher: [String] = []
    ) throws {
        self.program = program
        self.node = node
        let pidfile = "\(node.directory)/run/haproxy.pid"
        try? FileManager.default.removeItem(atPath: pidfile)
        let files = try Self.writeFiles(on: node, configuration: configuration, ownSections: ownSections)
        // nginx has a single file, and an error log that it opens before it reads the file.
        let arguments = program == .nginx ? ["-c", "/etc/haproxy/haproxy.cfg", "-e", "/run/error.log"] : files
        let (status, output) = try node.run(launcher + [program.path] + options + arguments)
        guard status == 0 else { throw ChildProcessError(description: "\(program.path) \(arguments) ended with \(status): \(output)") }
        self.output = output
        try eventually(within: 5, "the pidfile") { Int32(Self.firstLine(of: pidfile)) != nil }
        innerProcess = Int32(Self.firstLine(of: pidfile)) ?? -1
        guard let process = Self.outsideIdentifier(of: innerProcess, in: world) else {
            throw ChildProcessError(description: "the daemon \(innerProcess) is not running: \(output)")
        }
        self.process = process
    }

    /// Writes a node's configuration files.
    /// - Returns: the arguments that name them.
    package static func writeFiles(on node: Node, configuration: String?, ownSections: String?) throws -> [String] {
        let text = try configuration ?? seedConfiguration(of: node.name)
        try text.write(toFile: "\(node.directory)/etc-haproxy/haproxy.cfg", atomically: false, encoding: .utf8)
        guard let ownSections else { return ["-f", "/etc/haproxy/haproxy.cfg"] }
        try ownSections.write(toFile: "\(node.directory)/etc-tsukada/tsukada.cfg", atomically: false, encoding: .utf8)
        return ["-f", "/etc/haproxy/haproxy.cfg", "-f", "/etc/tsukada/tsukada.cfg"]
    }

    private static func firstLine(of path: String) -> String {
        String((readWholeFile(path) ?? "").prefix { $0 != "\n" })
    }

    /// Returns the process with number `inner` in the world's PID namespace.
    private static func outsideIdentifier(of inner: Int32, in world: World) -> Int32? {
        func namespace(_ process: String) -> String? { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/pid") }
        let wanted = namespace("\(world.firstProcess)")
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for process in processes where process.first?.isNumber == true && namespace(process) == wanted {
            let status = readWholeFile("/proc/\(process)/status") ?? ""
            let numbers = status.split(separator: "\n").first { $0.hasPrefix("NSpid:") }?.split(separator: "\t").dropFirst()
            if let numbers, numbers.last == Substring("\(inner)") { return Int32(process) }
        }
        return nil
    }

    /// True while the daemon runs.
    package var isAlive: Bool { FileManager.default.fileExists(atPath: "/proc/\(process)/stat") }

    /// Sends a signal to the daemon.
    package func send(signal: Int32) { if isAlive { kill(process, signal) } }

    /// The worker processes of a master, the serving one last; empty for a program without a master.
    package var workers: [Int32] { ChildProcess.children(of: process) }

    /// Sends a signal to the daemon and its workers, to simulate the loss of a whole node.
    package func sendAll(signal: Int32) {
        let workers = workers
        send(signal: signal)
        for worker in workers { kill(worker, signal) }
    }

    /// Waits for the daemon's end.
    package func waitForEnd(within seconds: Double) throws {
        try eventually(within: seconds, "\(program.tag) on \(node.name) to end") { !isAlive }
    }

    /// Stops the daemon, by SIGKILL if necessary.
    package func stop() {
        send(signal: SIGTERM)
        if (try? waitForEnd(within: 5)) == nil {
            send(signal: SIGKILL)
            try? waitForEnd(within: 5)
        }
    }

    /// Sends a command to the runtime socket, as an operator does.
    package func command(_ text: String) throws -> String {
        guard let answer = askSocket("\(node.directory)/lib-haproxy/stats", Array(text.utf8), patience: 10) else {
            throw ChildProcessError(description: "\(program.tag) on \(node.name) has no runtime socket")
        }
        return String(decoding: answer, as: UTF8.self)
    }

    /// Returns a column of `show stat` for a proxy, by server name, including `BACKEND` and `FRONTEND`.
    package func statistics(_ column: String, of proxy: String = "mysql") throws -> [String: String] {
        let rows = try statistics([column]).filter { $0.proxy == proxy }
        return Dictionary(rows.map { ($0.server, $0.values[0]) }) { _, last in last }
    }

    /// Returns columns of `show stat` for each row. A column that does not exist is empty.
    package func statistics(_ columns: [String]) throws -> [(proxy: String, server: String, values: [String])] {
        let lines = try command("show stat").split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        guard let header = lines.first else { return [] }
        let indices = columns.map { header.firstIndex(of: Substring($0)) ?? header.count }
        return lines.dropFirst().filter { $0.count > 2 }.map { fields in
            (String(fields[0]), String(fields[1]), indices.map { fields.indices.contains($0) ? String(fields[$0]) : "" })
        }
    }

    /// Returns the status of each server's last check. `show stat` puts "* " before it while the next check runs.
    package func lastChecks() throws -> [String: String] {
        try statistics("check_status").mapValues { $0.hasPrefix("* ") ? String($0.dropFirst(2)) : $0 }
    }

    /// Waits until both servers are UP and their last checks have passed.
    package func waitUntilBothServersAreUp(within seconds: Double = 20) throws {
        try eventually(within: seconds, "both servers to be UP on \(node.name)", interval: 50) {
            let status = try statistics("status")
            let checks = try lastChecks()
            return ["read01", "read02"].allSatisfy { status[$0] == "UP" && checks[$0] == "L7OK" }
        }
    }

    /// Waits until at least `count` servers of the article's proxy are UP and their last checks have passed.
    package func waitUntilServersAreUp(_ count: Int, within seconds: Double = 20) throws {
        try eventually(within: seconds, "\(count) servers to be UP on \(node.name)", interval: 50) {
            let status = try statistics("status")
            return try lastChecks().count { name, check in check == "L7OK" && status[name] == "UP" } >= count
        }
    }
}
