import Foundation
import Support
import Synchronization

/// A MariaDB server on a node: a primary, or a replica of one.
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

    /// Makes the empty database that every server starts from.
    package static func makeTemplate(in world: World) throws -> String {
        let template = "\(world.directory)/template"
        try ChildProcess.demand(
            [
                "mariadb-install-db", "--no-defaults", "--datadir=\(template)", "--auth-root-authentication-method=normal", "--skip-test-db",
                "--innodb-log-file-size=4M", "--user=root",
            ], within: 120)
        return template
    }

    /// Starts the server, without waiting for it; `options` win over the usual ones.
    package func start(options: [String] = []) throws {
        let command =
            [
                "mariadbd", "--no-defaults", "--user=root", "--datadir=\(dataDirectory)", "--socket=\(socket)", "--pid-file=\(node.directory)/mysqld.pid",
                "--server-id=\(identifier)", "--log-bin=binlog", "--gtid-strict-mode=1", "--max-connections=500",
                "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0", "--innodb-use-native-aio=0", "--innodb-buffer-pool-size=32M",
                "--performance-schema=0", "--back-log=500", "--read-only=\(identifier == 3 ? 0 : 1)", "--slave-net-timeout=5",
            ] + options
        let started = try node.start(command)
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

    /// Runs SQL as root.
    @discardableResult
    package func execute(_ statements: String) throws -> String {
        try node.demand(["mariadb", "--no-defaults", "--socket=\(socket)", "--user=root", "--skip-column-names", "--execute=\(statements)"])
    }

    /// The users that the article's cluster has; on the primary, replication carries them to the replicas.
    package func createUsers() throws {
        try execute(
            """
            create user haproxy_check@'%'; create user app@'%'; grant select on *.* to app@'%';
            create user repl@'%' identified by 'repl'; grant replication slave on *.* to repl@'%';
            create database shop; create table shop.orders (number int primary key); insert into shop.orders values (1);
            """)
    }

    /// Makes this server a replica of `primary`, from the primary's first event on.
    package func replicate(from primary: Database) throws {
        try execute(
            """
            change master to master_host='\(primary.node.address)', master_user='repl', master_password='repl', master_use_gtid=slave_pos,
            master_connect_retry=1; start slave;
            """)
    }

    /// Ends the server as a crash would.
    /// - Returns: the moment after which nothing of it can answer.
    @discardableResult
    package func killAtOnce() throws -> Int64 {
        guard let running = process.withLock({ $0.take() }) else { return MonotonicMoment.now }
        return try running.killAtOnce()
    }

    /// Whether it was started and not killed.
    package var isRunning: Bool { process.withLock { $0 != nil } }
}
