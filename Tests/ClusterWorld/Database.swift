import Foundation
import Support
import Synchronization

/// A MariaDB server on a node: a primary or a replica.
package final class Database: Sendable {
    package let node: Node
    private let identifier: Int
    private let process = Mutex<NodeProcess?>(nil)
    private var dataDirectory: String { "\(node.directory)/data" }
    private var socket: String { "\(node.directory)/mysql.sock" }

    /// Copies the empty database `template` and starts a server on it.
    package init(on node: Node, identifier: Int, template: String) throws {
        self.node = node
        self.identifier = identifier
        try ChildProcess.demand(["cp", "-r", template, "\(node.directory)/data"])
        try start()
    }

    /// Creates the empty database that every server starts from.
    package static func makeTemplate(in world: World) throws -> String {
        let template = "\(world.directory)/template"
        try ChildProcess.demand(
            [
                "mariadb-install-db", "--no-defaults", "--datadir=\(template)", "--auth-root-authentication-method=normal", "--skip-test-db",
                "--innodb-log-file-size=4M", "--user=root", "--tmpdir=\(world.directory)",
            ], within: 120)
        return template
    }

    /// Starts the server without waiting for it. `options` override the defaults.
    package func start(options: [String] = []) throws {
        // Each server needs its own `tmpdir`, because it deletes all temporary tables there at its start.
        // innodb-flush-log-at-trx-commit=2: no fsync per transaction, but committed transactions survive the end of the process.
        let command =
            [
                "mariadbd", "--no-defaults", "--user=root", "--datadir=\(dataDirectory)", "--socket=\(socket)", "--pid-file=\(node.directory)/mysqld.pid",
                "--tmpdir=\(node.directory)",
                "--server-id=\(identifier)", "--log-bin=binlog", "--log-slave-updates=1", "--gtid-strict-mode=1", "--max-connections=500",
                "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=2", "--innodb-use-native-aio=0", "--innodb-buffer-pool-size=32M",
                "--performance-schema=0", "--back-log=500", "--read-only=\(identifier == 3 ? 0 : 1)", "--slave-net-timeout=5",
            ] + options
        let started = try node.startStoppable(command)
        process.withLock { $0 = started }
    }

    /// Waits until the server answers.
    package func waitUntilReady() throws {
        try eventually(within: 60, "\(node.name) to answer: \(process.withLock { $0?.outside.output.suffix(2000) } ?? "")", interval: 50) {
            if let output = process.withLock({ $0?.outside.exitStatus == nil ? nil : $0?.outside.output }) {
                throw ChildProcessError(description: "\(node.name) has ended: \(output)")
            }
            return try node.run(["mariadb", "--no-defaults", "--socket=\(socket)", "--user=root", "--execute=select 1"]).status == 0
        }
    }

    /// Runs SQL statements as root.
    @discardableResult
    package func execute(_ statements: String) throws -> String {
        try node.demand(["mariadb", "--no-defaults", "--socket=\(socket)", "--user=root", "--skip-column-names", "--execute=\(statements)"])
    }

    /// Creates the users of the article's cluster on the primary; replication copies them to the replicas.
    package func createUsers() throws {
        try execute(
            """
            create user haproxy_check@'%'; create user app@'%'; grant select on *.* to app@'%';
            create user repl@'%' identified by 'repl'; grant replication slave on *.* to repl@'%';
            create database shop; create table shop.orders (number int primary key); insert into shop.orders values (1);
            """)
    }

    /// Makes this server a replica of `primary` from its current position; an empty server starts at the primary's first event.
    package func replicate(from primary: Database) throws {
        try execute(
            """
            stop slave; change master to master_host='\(primary.node.address)', master_user='repl', master_password='repl', master_use_gtid=current_pos,
            master_connect_retry=1; start slave;
            """)
    }

    /// Makes this server the primary, as an orderly failover does. It waits for all writes of the old primary, which then becomes a replica together with
    /// `others`.
    package func promote(from old: Database, others: [Database]) throws {
        try old.execute("set global read_only=1")
        let position = try old.ask("select @@gtid_binlog_pos")
        try execute("select master_gtid_wait('\(position)', 5); stop slave; reset slave all; set global read_only=0")
        for replica in [old] + others { try replica.replicate(from: self) }
    }

    /// Returns the row of a statement's result, with tabs between the fields.
    package func ask(_ statement: String) throws -> String { try execute(statement).trimmingCharacters(in: .whitespacesAndNewlines) }

    /// Blocks replication on a table, which stays readable, until `unlock`.
    package func lock(_ table: String) throws {
        let words = ["mariadb", "--no-defaults", "--socket=\(socket)", "--user=root", "--execute=lock tables \(table) read; \(Self.lockWait)"]
        _ = try node.start(words)
        try eventually(within: 5, "the lock of \(table)", interval: 20) { try lockHolder() != nil }
    }

    /// Ends the lock.
    package func unlock() throws { if let holder = try lockHolder() { try execute("kill \(holder)") } }

    /// Limits the number of connections for a time, so that new ones are refused. It uses one connection throughout, because root could not connect again either.
    package func limitConnections(to count: Int, for seconds: Double) throws -> NodeProcess {
        let statements = "set global max_connections=\(count); select sleep(\(seconds)); set global max_connections=500"
        return try node.start(["mariadb", "--no-defaults", "--socket=\(socket)", "--user=root", "--execute=\(statements)"])
    }

    private static let lockWait = "select sleep(3600)"

    private func lockHolder() throws -> String? {
        let holder = try ask("select id from information_schema.processlist where info='\(Self.lockWait)' limit 1")
        return holder.isEmpty ? nil : holder
    }

    /// Kills the server, as in a crash.
    /// - Returns: a time after which the server cannot answer.
    @discardableResult
    package func killAtOnce() throws -> Int64 {
        guard let running = process.withLock({ $0.take() }) else { return MonotonicMoment.now }
        return try running.killAtOnce()
    }

    /// Sends a signal to the server if it runs.
    package func send(signal: Int32) throws { try process.withLock { $0 }?.send(signal: signal) }

    /// True when the server was started and not killed.
    package var isRunning: Bool { process.withLock { $0 != nil } }
}
