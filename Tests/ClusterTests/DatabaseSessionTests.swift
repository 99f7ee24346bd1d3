// Whole sessions of the check's client with a real MariaDB: its methods, its TLS, its refusals.

import ClusterWorld
import Foundation
import Support
import Testing

/// The output of `ClusterTool database` for one session.
private struct SessionLine: Decodable {
    let isTLS: Bool?
    let method: String?
    let answers: [[String?]]?
    let failure: String?
    let kind: String?
}

extension ClusterSuite {
    @Suite("A check's session with MariaDB", .serialized)
    struct DatabaseSessionTests {
        /// A replica that offers TLS and ed25519, counts aborted logins, and has separate users for each method.
        private struct Server {
            let node: Node
            let database: Database
            let authority: CertificateAuthority

            init(_ cluster: Cluster) throws {
                (node, database) = (cluster.tsukada01, cluster.replica01)
                authority = try CertificateAuthority(in: "\(database.node.directory)/certificates")
                let pair = try authority.sign("db", names: "DNS:db01.example,IP:\(database.node.address)")
                // A database that does not resolve names does not count them.
                try "127.0.0.1 localhost\n\(node.address) \(node.name)\n".write(toFile: "\(database.node.directory)/hosts", atomically: false, encoding: .utf8)
                try database.killAtOnce()
                try database.start(options: [
                    "--skip-name-resolve=0", "--max-connect-errors=8", "--plugin-load-add=auth_ed25519", "--plugin-load-add=auth_pam",
                    "--ssl-cert=\(pair.certificate)", "--ssl-key=\(pair.key)",
                ])
                try database.waitUntilReady()
                try change(
                    """
                    create user native@'%' identified by 'native secret'; create user ed@'%' identified via ed25519 using password('ed secret');
                    create user empty@'%';
                    create user 'both'@'%' identified via ed25519 using password('one') or mysql_native_password using password('two');
                    create user tls@'%' identified by 'tls secret' require ssl; create user locked@'%' identified by 'x' account lock;
                    create user expired@'%' identified by 'x' password expire; create user clear@'%' identified via pam;
                    """)
            }

            func end() throws {
                try change("drop user native@'%', ed@'%', empty@'%', 'both'@'%', tls@'%', locked@'%', expired@'%', clear@'%'")
                try database.killAtOnce()
            }

            /// Skips the binary log: the primary has other transactions with these numbers.
            func change(_ statements: String) throws { try database.execute("set sql_log_bin=0; \(statements)") }

            func sessions(_ user: String, _ password: String, tls: String = "off", _ more: [String] = [], query: String = "select current_user()") throws
                -> [SessionLine]
            {
                let command = [clusterTool, "database", "--to", "\(database.node.address):3306", "--user", user, "--password", password, "--tls", tls]
                let output = try node.demand(command + ["--query", query] + more, within: 60)
                return try output.split(separator: "\n").map { try JSONDecoder().decode(SessionLine.self, from: Data($0.utf8)) }
            }

            func session(_ user: String, _ password: String, tls: String = "off", _ more: [String] = [], query: String = "select current_user()") throws
                -> SessionLine
            {
                try #require(sessions(user, password, tls: tls, more, query: query).first)
            }
        }

        @Test("proves its password by each method that MariaDB has, in clear and over TLS, and sends queries")
        func methods() throws {
            let server = try Server(freshCluster())
            defer { try? server.end() }
            for mode in ["off", "prefer", "require"] {
                for (user, password, method) in [
                    ("native", "native secret", "mysql_native_password"), ("ed", "ed secret", "client_ed25519"), ("empty", "", "mysql_native_password"),
                    ("both", "one", "client_ed25519"), ("both", "two", "mysql_native_password"),
                ] {
                    let line = try server.session(user, password, tls: mode, query: "show status like 'Ssl_version'")
                    #expect(line.method == method, "\(user), TLS \(mode): \(line)")
                    #expect(line.isTLS == (mode != "off"), "\(user), TLS \(mode): \(line)")
                    #expect(line.answers == [["Ssl_version", mode == "off" ? "" : "TLSv1.3"]], "\(user), TLS \(mode): \(line)")
                }
            }
            let lines = try server.session("native", "native secret", ["--query2", "show replica status"], query: "select @@hostname, null, ''")
            #expect(lines.answers == [["dbserver01", nil, ""], ["error 1227"]], "\(lines)")
        }

        @Test("verifies the server's certificate, and its name if one is given")
        func certificates() throws {
            let server = try Server(freshCluster())
            defer { try? server.end() }
            let other = try CertificateAuthority(in: "\(server.database.node.directory)/other", name: "another authority")
            let own = server.authority.certificate
            for more in [["--ca", own], ["--ca", own, "--name", "db01.example"], ["--ca", own, "--name", server.database.node.address]] {
                let line = try server.session("tls", "tls secret", tls: "require", more)
                #expect(line.answers == [["tls@%"]], "\(line)")
            }
            for more in [["--ca", other.certificate], ["--ca", own, "--name", "db02.example"], ["--ca", own, "--name", "10.9.9.9"]] {
                let line = try server.session("tls", "tls secret", tls: "require", more)
                #expect(line.kind == "certificateInvalid", "\(line)")
            }
            let clear = try server.session("tls", "tls secret", tls: "off")
            #expect(clear.kind == "accessDenied", "\(clear)")
        }

        @Test("distinguishes a wrong password, a locked account and an expired password")
        func refusals() throws {
            let server = try Server(freshCluster())
            defer { try? server.end() }
            for (user, password, kind, code) in [
                ("native", "wrong", "accessDenied", 1045), ("ed", "wrong", "accessDenied", 1045), ("stranger", "x", "accessDenied", 1045),
                ("locked", "x", "accountLocked", 4151), ("expired", "x", "passwordExpired", 1820),
            ] {
                let line = try server.session(user, password)
                #expect(line.kind == kind && line.failure?.contains("error \(code) ") == true, "\(user): \(line)")
                #expect(line.failure?.contains("using password: NO") != true, "\(user): \(line)")
            }
            try server.change("set global disconnect_on_expired_password=1")
            let line = try server.session("expired", "x")
            #expect(line.kind == "passwordExpired" && line.failure?.contains("error 1862 ") == true, "\(line)")
        }

        @Test("never gets its host blocked, even if it ends the session itself")
        func neverBlocked() throws {
            let server = try Server(freshCluster())
            defer { try? server.end() }
            let other = try CertificateAuthority(in: "\(server.database.node.directory)/other", name: "another authority")
            let distrust = try server.sessions("native", "native secret", tls: "require", ["--ca", other.certificate, "--count", "20"])
            #expect(distrust.count == 20 && distrust.allSatisfy { $0.kind == "certificateInvalid" }, "\(distrust)")
            // Fewer sessions: PAM is slow to refuse.
            let inClear = try server.sessions("clear", "x", ["--count", "10"])
            #expect(inClear.count == 10 && inClear.allSatisfy { $0.kind == "methodRefused" }, "\(inClear)")
            let after = try server.session("native", "native secret")
            #expect(after.answers == [["native@%"]], "\(after)")
            // Proof that the test is valid: a client that just closes is blocked.
            try server.node.demand([clusterTool, "abandon", "--to", "\(server.database.node.address):3306", "--count", "20", "--greeting", "yes"])
            let blocked = try server.session("native", "native secret")
            #expect(blocked.kind == "refused" && blocked.failure?.contains("error 1129 ") == true, "\(blocked)")
            try server.database.execute("flush local hosts")
        }
    }

    /// libmariadb's own client accepts the peer that replaces a MySQL server in other tests.
    @Suite("The conforming peer", .serialized)
    struct MySQLPeerTests {
        private func log(into server: MySQLPeerServer, password: String, _ more: [String]) throws -> (status: Int32, output: String) {
            try ChildProcess.run(
                [
                    "mariadb", "--no-defaults", "--host=127.0.0.1", "--port=\(server.port)", "--user=monitor", "--password=\(password)", "--skip-column-names",
                    "--batch", "--execute=select 1",
                ] + more)
        }

        @Test("accepts the mariadb client by caching_sha2_password: cached, with RSA, over TLS, after a switch", arguments: [false, true], [false, true])
        func loggedInByLibmariadb(isCached: Bool, isSwitched: Bool) throws {
            let folder = "/tmp/tsk-peer-\(getpid())"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let pair = try CertificateAuthority(in: folder).sign("peer", names: "IP:127.0.0.1")
            for isTLS in [false, true] {
                let server = try MySQLPeerServer {
                    var settings = MySQLPeerSettings()
                    settings.isCached = isCached
                    if isSwitched { settings.plugin = "mysql_native_password" }
                    settings.key = try PeerRSAKey()
                    if isTLS { settings.certificate = try PeerCertificate(certificate: pair.certificate, key: pair.key) }
                    return settings
                }
                let more = isTLS ? ["--ssl-ca=\(folder)/ca.pem", "--ssl-verify-server-cert"] : ["--skip-ssl"]
                let right = try log(into: server, password: "secret", more)
                #expect(right.status == 0 && right.output == "peer\n", "TLS \(isTLS): \(right)")
                #expect(server.loginCount == 1)
                let wrong = try log(into: server, password: "wrong", more)
                #expect(wrong.status != 0 && wrong.output.contains("ERROR 1045"), "TLS \(isTLS): \(wrong)")
                #expect(server.loginCount == 1)
            }
        }
    }
}
