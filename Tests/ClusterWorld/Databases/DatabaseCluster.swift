import Foundation
import Support

/// The article's cluster with three replicas, two more that can join them, and no load balancer: clients connect to one node or to both.
package final class DatabaseCluster {
    /// The query of reading clients: the server's name, and when its data was written.
    static let question = "select @@hostname, moment from shop.beat"
    /// The statement of writing clients.
    static let statement = "insert into shop.writes values (uuid_short()) returning @@hostname"
    /// The port of faulty relays and nameservers.
    static let faultPort = 4400

    package let cluster: Cluster
    package let pace: DatabasePace
    /// The three replicas of the configuration.
    package let replicas: [Database]
    /// Two more replicas, which are not in the configuration.
    package let spares: [Database]
    private let beat: NodeProcess
    private let key: String
    private var proxies: [RunningProxy] = []
    private var faults: [NodeProcess] = []

    /// Starts the additional databases in a running cluster.
    package init(_ cluster: Cluster, pace: DatabasePace) throws {
        (self.cluster, self.pace) = (cluster, pace)
        let template = "\(cluster.world.directory)/template"
        let more = try [4, 5, 6].map { number in
            let node = try Node("dbserver0\(number)", address: "172.20.0.2\(number)", nameserver: "172.20.0.2", in: cluster.world)
            return try Database(on: node, identifier: number, template: template)
        }
        (replicas, spares) = ([cluster.replica01, cluster.replica02, more[0]], Array(more[1...]))
        try cluster.primary.execute(
            """
            create table if not exists shop.beat (number int primary key, moment bigint); replace into shop.beat values (1, 0);
            create table if not exists shop.writes (number bigint unsigned primary key);
            create user if not exists writer@'%'; grant select, insert, update on shop.* to writer@'%';
            create user if not exists monitor@'%' identified by 'monitor'; grant slave monitor, replication client on *.* to monitor@'%';
            """)
        // The databases resolve these names without the nameserver, so that its faults do not affect them.
        let hosts = "127.0.0.1 localhost\n172.20.0.11 tsukada01\n172.20.0.12 tsukada02\n172.20.0.30 client\n172.20.0.40 balancer\n"
        for database in [cluster.primary, cluster.replica01, cluster.replica02] + more {
            try hosts.write(toFile: "\(database.node.directory)/hosts", atomically: false, encoding: .utf8)
        }
        for database in more {
            try database.waitUntilReady()
            try database.replicate(from: cluster.primary)
        }
        let words = ["--user", "writer", "--text", "update shop.beat set moment=MOMENT"]
        beat = try cluster.primary.node.start([clusterTool, "beat", "--to", "\(cluster.primary.node.address):3306"] + words)
        key = FileManager.default.isExecutableFile(atPath: ProxyProgram.tsukada.path) ? (try? GossipFile.newKey(on: cluster.tsukada01)) ?? "" : ""
    }

    /// All databases.
    var databases: [Database] { [cluster.primary] + replicas + spares }
    /// Returns the nodes of a setting.
    func nodes(_ setting: DatabaseSetting) -> [Node] { setting.hasTwoNodes ? [cluster.tsukada01, cluster.tsukada02] : [cluster.tsukada01] }
    /// The nodes whose proxies run.
    var runningNodes: [Node] { proxies.map(\.node) }
    private var replicating: [Database] { replicas + spares }

    /// The nameserver's records without faults.
    static var records: [String: String] {
        var records = NameServer.records
        for number in 4...6 { records["dbserver0\(number)"] = "172.20.0.2\(number)" }
        return records
    }

    // MARK: Nodes

    /// Starts a program's nodes.
    func start(_ program: DatabaseProgram, _ setting: DatabaseSetting) throws {
        for node in nodes(setting) {
            var own: [String] = []
            if program.isTsukada {
                own = DatabaseProgram.ownLines(setting, node: node.name)
                try write("monitor", to: "monitor.password", on: node)
            }
            var sections = own.isEmpty ? nil : own.joined(separator: "\n") + "\n"
            if program.isTsukada, setting.hasTwoNodes {
                let gossip = GossipFile(key: key)
                try gossip.writeKey(on: node)
                sections = (sections ?? "") + gossip.text
            }
            let text = try program.configuration(setting, node: node.name)
            proxies.append(try RunningProxy(program.program, on: node, in: cluster.world, configuration: text, ownSections: sections))
        }
        for proxy in proxies {
            if program.hasChecks {
                let count: Int = if case .discovering = setting { 2 } else { 3 }
                try proxy.waitUntilServersAreUp(count)
            } else {
                try eventually(within: 10, "nginx to answer") { try cluster.client.query(proxy.node).allSatisfy { $0.outcome == .answered } }
            }
            if case .writing = setting {
                try eventually(within: 10, "writes by \(proxy.node.name)") {
                    try cluster.client.query(proxy.node, port: 3308).allSatisfy { $0.outcome == .answered }
                }
            }
        }
    }

    private func write(_ secret: String, to name: String, on node: Node) throws {
        let path = "\(node.directory)/etc-tsukada/\(name)"
        try "\(secret)\n".write(toFile: path, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    /// Stops the nodes.
    func stopNodes() {
        for proxy in proxies { proxy.stop() }
        proxies = []
    }

    // MARK: Faults

    /// Puts a faulty relay in front of a database, for new connections.
    func addFault(_ database: Database, _ fault: FaultyRelay.Fault) throws {
        try startFault("fault", fault.rawValue, on: database.node, target: "127.0.0.1:3306")
        try database.node.redirect("tcp dport 3306", to: Self.faultPort)
    }

    /// Puts a faulty nameserver in front of the real one, for queries over UDP.
    func addNameFault(_ fault: FaultyNameserver.Fault) throws {
        let node = cluster.nameserver.node
        try startFault("name-fault", fault.rawValue, on: node, target: "\(node.address):53")
        try node.redirect("udp dport 53", to: Self.faultPort)
    }

    private func startFault(_ command: String, _ kind: String, on node: Node, target: String) throws {
        let process = try node.start([clusterTool, command, "--kind", kind, "--port", "\(Self.faultPort)", "--to", target])
        faults.append(process)
        try eventually(within: 5, "\(command) on \(node.name): \(process.outside.output)") { process.outside.output.contains("serving") }
    }

    /// Keeps a process until the repair, which ends it: sessions that fill a database, or a lock.
    func keepUntilRepair(_ process: NodeProcess) { faults.append(process) }

    /// Undoes what can be undone while clients run: filters, links, signals, locks, names.
    func repair() throws {
        for database in databases {
            try faults.isEmpty ? database.node.flushFilters() : database.node.endRedirect()
            try cluster.world.demand("ip link set to-\(database.node.name) up")
            try database.send(signal: SIGCONT)
        }
        try cluster.nameserver.node.flushFilters()
        for fault in faults { try fault.killAtOnce() }
        faults = []
        try cluster.nameserver.serve(Self.records, sets: ["dbservers": replicas.prefix(2).map(\.node.address)])
    }

    /// Restores the state at the start of a row.
    func settle() throws {
        stopNodes()
        try repair()
        for database in databases where !database.isRunning { try database.start() }
        for database in databases { try database.waitUntilReady() }
        if try cluster.primary.ask("select @@read_only") == "1" { try cluster.primary.promote(from: replicas[0], others: Array(replicating.dropFirst())) }
        for database in databases {
            try database.execute("set global max_connect_errors=100, max_connections=500, disconnect_on_expired_password=0; flush local hosts")
        }
        try cluster.primary.execute("alter user haproxy_check@'%' identified by ''; alter user monitor@'%' identified by 'monitor'")
        for replica in replicating {
            try replica.unlock()
            try replica.execute("set global read_only=1; start slave")
        }
        for replica in replicating {
            try eventually(within: 20, "\(replica.node.name) to replicate: \(try replica.ask("show slave status"))", interval: 50) {
                let written = Int64(try replica.ask("select moment from shop.beat")) ?? 0
                return MonotonicMoment.now - written < 1_000_000_000
            }
        }
    }

    /// Returns the number of connections that the databases have accepted since their start, without those of this query.
    func connectsSeen(by databases: [Database]) throws -> Int {
        try databases.reduce(0) { sum, database in
            sum + (Int(try database.ask("select variable_value from information_schema.global_status where variable_name='Connections'")) ?? 0) - 1
        }
    }

    /// Returns the number of connects to servers that the programs count for clients; `nil` when a program does not count them.
    func connectsMade() throws -> Int? {
        var sum = 0
        for proxy in proxies {
            guard proxy.program != .nginx else { return nil }
            sum += try proxy.statistics("connect").reduce(0) { $1.key.hasPrefix("read") ? $0 + (Int($1.value) ?? 0) : $0 }
        }
        return sum
    }

    /// Stops the nodes and the additional databases; the cluster stays.
    package func stop() {
        stopNodes()
        try? settle()
        _ = try? beat.killAtOnce()
        for database in [replicas[2]] + spares { _ = try? database.killAtOnce() }
    }
}
