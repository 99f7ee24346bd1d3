import ClusterWorld
import Support
import Synchronization

/// A program under comparison and its servers and clients.
final class DifferentialSide: Sendable {
    let name: String
    let program: ProxyProgram
    let node: Node
    let stage: RunningStage
    private let cluster: Cluster
    private let proxy = Mutex<RunningProxy?>(nil)
    private let log: CaseLogs

    /// - Parameter cases: the names of the cases.
    init(_ program: ProxyProgram, named name: String, on node: Node, in cluster: Cluster, cases: [String]) throws {
        (self.name, self.program, self.node, self.cluster) = (name, program, node, cluster)
        log = CaseLogs(try cluster.log(of: node), cases: cases)
        stage = try RunningStage(on: node)
    }

    /// Starts the program.
    func start(_ text: String) throws {
        let started = try RunningProxy(program, on: node, in: cluster.world, configuration: text)
        proxy.withLock { $0 = started }
    }

    /// Ends the program and its servers.
    func stop() {
        proxy.withLock { $0.take() }?.stop()
        stage.stop()
    }

    /// Runs a runtime command.
    func command(_ text: String) throws -> String { try running().command(text) }

    private func running() throws -> RunningProxy {
        guard let running = proxy.withLock({ $0 }) else { throw ChildProcessError(description: "\(name) does not run") }
        return running
    }

    /// Returns whether the program accepts a file.
    func accepts(_ text: String, as file: String) throws -> (accepts: Bool, output: String) {
        let path = "\(node.directory)/run/\(file).cfg"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        let (status, output) = try node.run([program.path, "-c", "-f", "/run/\(file).cfg"])
        return (status == 0, output)
    }

    /// The log lines since the start, of one case.
    func lines(of name: String) -> [LogLine] { log.lines(of: name) }

    /// Waits until every server with a check has a result.
    func waitForFirstChecks() throws {
        func waiting() throws -> [String] {
            try statistics(["status", "check_status", "agent_status"]).filter { _, values in
                !values[0].hasPrefix("MAINT") && values[1...].contains { $0.hasPrefix("INI") || $0.hasPrefix("UNK") }
            }.map(\.row)
        }
        try eventually(within: 15, "\(name)'s first checks of \(try waiting())", interval: 100) { try waiting().isEmpty }
    }

    /// Returns columns of `show stat` for each row, `PROXY/SERVER`. The mark of a running check, "* ", is removed.
    func statistics(_ columns: [String]) throws -> [(row: String, values: [String])] {
        try running().statistics(columns).map { ("\($0.proxy)/\($0.server)", $0.values.map { $0.replacing("* ", with: "") }) }
    }
}

/// The records that cases add to the cluster's nameserver, which both sides ask.
final class SharedNames: Sendable {
    private let nameserver: NameServer
    private let services: PoolNameServer
    private let records = Mutex<[String: [String]]>([:])

    init(_ nameserver: NameServer) throws {
        self.nameserver = nameserver
        services = try PoolNameServer(on: nameserver.node)
        try services.serve([])
    }

    /// Ends the nameserver of the services.
    func stop() { try? services.stop() }

    /// Replaces the records of the service `_db._tcp.diff`.
    func serve(services ports: [Int: Int]) throws {
        let records = ports.sorted { $0.key < $1.key }.map { last, port in
            (host: "n\(last).diff", address: "127.0.0.\(last)", port: port, priority: 1, weight: 10)
        }
        try services.serve(service: "_db._tcp.diff", records)
    }

    /// Adds or replaces names; a name without addresses does not exist.
    func serve(_ changes: [String: [String]]) throws {
        try records.withLock { records in
            records.merge(changes) { _, new in new }
            try nameserver.serve(NameServer.records, sets: records)
        }
    }
}
