import Proxy
import Testing

@testable import NodeAgent

@Suite("Handshakes that clients abandon")
struct AbandonedHandshakeTests {
    private static let servers: [(option: String, server: String, isFinished: Bool)] = [
        ("option mysql-check user haproxy_check", "10.0.0.1:3306 check", true),
        ("option mysql-check user haproxy_check", "10.0.0.1:3306 check port 3306", true),
        ("option mysql-check user haproxy_check pre-41", "db1.internal:3306 check", true),
        ("option mysql-check user haproxy_check", "/run/mysqld/mysqld.sock check", true),
        ("option mysql-check user haproxy_check", "10.0.0.1:3306 check port 3307", false),
        ("option mysql-check user haproxy_check", "10.0.0.1:3306 check addr 10.0.0.2", false),
        ("option mysql-check user haproxy_check", "10.0.0.1 check port 3306", false), ("option mysql-check user haproxy_check", "10.0.0.1:3306", false),
        ("option mysql-check", "10.0.0.1:3306 check", false), ("balance leastconn", "10.0.0.1:3306 check", false),
    ]

    @Test("are finished where the server's checks log in on the port that clients use", arguments: servers)
    func whereFinished(option: String, server: String, isFinished: Bool) throws {
        let (configuration, _) = Configuration.read("backend a\n \(option)\n server s \(server)\n")
        let backend = try #require(configuration.backends.first)
        #expect(backend.finishesHandshakes(of: try #require(backend.servers.first)) == isFinished)
    }
}
