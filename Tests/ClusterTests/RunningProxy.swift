import Foundation
import Support
import Testing

/// A proxy that was started on a node as its operator would: `PROGRAM -f /etc/haproxy/haproxy.cfg`, a daemon with a pidfile.
final class RunningProxy: Sendable {
    let program: ProxyProgram
    let node: Node
    /// The daemon, as seen from outside and as it sees itself.
    let process: Int32
    let innerProcess: Int32

    /// - Parameters:
    ///   - configuration: the text of haproxy.cfg; the seed's when nil.
    ///   - ownSections: the text of tsukada.cfg, a second `-f`.
    ///   - options: more words of the command line.
    init(_ program: ProxyProgram, on node: Node, in world: World, configuration: String? = nil, ownSections: String? = nil, options: [String] = []) throws {
        self.program = program
        self.node = node
        let pidfile = "\(node.directory)/run/haproxy.pid"
        try? FileManager.default.removeItem(atPath: pidfile)
        let arguments = try Self.writeFiles(on: node, configuration: configuration, ownSections: ownSections)
        let (status, output) = try node.run([program.path] + options + arguments)
        guard status == 0 else { throw ChildProcessError(description: "\(program.path) \(arguments) ended with \(status): \(output)") }
        try eventually(within: 5, "the pidfile") { Int32(Self.firstLine(of: pidfile)) != nil }
        innerProcess = Int32(Self.firstLine(of: pidfile)) ?? -1
        guard let process = Self.outsideIdentifier(of: innerProcess, in: world) else {
            throw ChildProcessError(description: "the daemon \(innerProcess) is not running: \(output)")
        }
        self.process = process
    }

    /// Writes a node's configuration files.
    /// - Returns: the arguments that name them.
    static func writeFiles(on node: Node, configuration: String?, ownSections: String?) throws -> [String] {
        let text = try configuration ?? seedConfiguration(of: node.name)
        try text.write(toFile: "\(node.directory)/etc-haproxy/haproxy.cfg", atomically: false, encoding: .utf8)
        guard let ownSections else { return ["-f", "/etc/haproxy/haproxy.cfg"] }
        try ownSections.write(toFile: "\(node.directory)/etc-tsukada/tsukada.cfg", atomically: false, encoding: .utf8)
        return ["-f", "/etc/haproxy/haproxy.cfg", "-f", "/etc/tsukada/tsukada.cfg"]
    }

    private static func firstLine(of path: String) -> String {
        String((readWholeFile(path) ?? "").prefix { $0 != "\n" })
    }

    /// The process that is number `inner` in the world's PID namespace.
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

    /// Whether the daemon lives.
    var isAlive: Bool { FileManager.default.fileExists(atPath: "/proc/\(process)/stat") }

    /// Sends the daemon a signal.
    func send(signal: Int32) { if isAlive { kill(process, signal) } }

    /// Waits for the daemon's end.
    func waitForEnd(within seconds: Double) throws {
        try eventually(within: seconds, "\(program.tag) on \(node.name) to end") { !isAlive }
    }

    /// Ends the daemon, by force when it does not obey.
    func stop() {
        send(signal: SIGTERM)
        if (try? waitForEnd(within: 5)) == nil {
            send(signal: SIGKILL)
            try? waitForEnd(within: 5)
        }
    }

    /// Sends one command to the runtime socket, as an operator would.
    func command(_ text: String) throws -> String {
        try node.demand(["bash", "-c", "echo '\(text)' | socat - UNIX-CONNECT:/var/lib/haproxy/stats"])
    }

    /// A column of `show stat` by the name of the server (`BACKEND` and `FRONTEND` are rows too).
    func statistics(_ column: String) throws -> [String: String] {
        let lines = try command("show stat").split(separator: "\n")
        let header = lines.first?.split(separator: ",", omittingEmptySubsequences: false) ?? []
        guard let index = header.firstIndex(of: Substring(column)) else { return [:] }
        var values: [String: String] = [:]
        for line in lines.dropFirst() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count > index, fields[0] == "mysql" else { continue }
            values[String(fields[1])] = String(fields[index])
        }
        return values
    }

    /// Waits until checks have found both servers healthy.
    func waitUntilBothServersAreUp(within seconds: Double = 20) throws {
        try eventually(within: seconds, "both servers to be UP on \(node.name)", interval: 50) {
            let status = try statistics("status")
            let checks = try statistics("check_status")
            return ["read01", "read02"].allSatisfy { status[$0] == "UP" && checks[$0] == "L7OK" }
        }
    }
}

/// The product on tsukada01 and Debian's haproxy on tsukada02: what happens, happens to both.
struct SideBySide {
    let cluster: Cluster
    let ours: RunningProxy
    let theirs: RunningProxy
    private let marks: [Int]

    /// Both programs with the seed's files, both servers UP.
    init(_ cluster: Cluster) throws {
        self.cluster = cluster
        marks = [try cluster.log(of: cluster.tsukada01).mark, try cluster.log(of: cluster.tsukada02).mark]
        ours = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world)
        theirs = try RunningProxy(.haproxy, on: cluster.tsukada02, in: cluster.world)
        for proxy in [ours, theirs] { try proxy.waitUntilBothServersAreUp() }
    }

    /// Ends both.
    func stop() {
        ours.stop()
        theirs.stop()
    }

    /// Does something to both, ours first.
    func both<Result>(_ body: (RunningProxy) throws -> Result) rethrows -> [Result] { [try body(ours), try body(theirs)] }

    /// The two, each with the place where its log begins.
    var proxiesAndMarks: [(RunningProxy, Int)] { [(ours, marks[0]), (theirs, marks[1])] }

    /// Waits until both have logged `text`.
    func waitForLog(_ text: String, within seconds: Double = 25, times: Int = 1) throws {
        for (proxy, mark) in proxiesAndMarks {
            try cluster.log(of: proxy.node).wait(for: text, from: mark, within: seconds, times: times)
        }
    }

    /// Fails for everything that the two logs say differently beyond the intended differences.
    func expectTheSameLog(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let lines = try proxiesAndMarks.map { proxy, mark in try cluster.log(of: proxy.node).lines(from: mark) }
        let differences = LogComparison.differences(ours: lines[0], theirs: lines[1])
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))", sourceLocation: sourceLocation)
    }
}
