import Gossip
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The control of databases")
struct DatabaseControlTests {
    private static let location = ConfigurationLocation(file: "haproxy.cfg", line: 1)

    private let servers: ServerControl
    private let control: DatabaseControl
    private let log = RecordedLog()

    /// Two servers behind one proxy; the primary takes the writes.
    init() throws {
        var backend = Backend(name: "mysql-write", identifier: 2)
        for number in 1...2 {
            let endpoint = Endpoint.ip(.v4(0x7f00_0001), port: 3306)
            var server = Server(name: "db\(number)", identifier: number, endpoint: endpoint, port: .fixed(3306), location: Self.location)
            server.check = CheckSettings()
            backend.servers.append(server)
        }
        var settings = DatabaseSettings(user: "check", location: Self.location)
        settings.role = .primary
        backend.database = settings
        var configuration = AgentConfiguration()
        configuration.backends = [backend]
        let reactor = try Reactor()
        let registry = ServerRegistry(backends: [backend], now: reactor.now) { ServerRegistry.numericAddress(of: backend.servers[$0.server]) }
        servers = ServerControl(registry, now: { reactor.now }, load: { _ in ServerLoad() })
        control = DatabaseControl(configuration, DatabaseControl.Resources(), servers: servers, reactor: reactor, log: log)
    }

    private func look(_ server: Int, isReadOnly: Bool) {
        control.apply(.seen(DatabaseView(version: "8.4.3", isReadOnly: isReadOnly)), at: ServerReference(backend: 0, server: server))
    }

    private var fit: [Int] { (0..<2).filter { servers.status(of: ServerReference(backend: 0, server: $0)).fitness.isFit } }

    @Test("removes the old writer and closes its sessions before it admits the new one, and settles once")
    func promotion() {
        look(0, isReadOnly: false)
        look(1, isReadOnly: true)
        #expect(fit == [0])
        var steps: [String] = []
        control.handlers.closeSessions = { steps.append("close \($0.server)") }
        servers.carryOut = { [control] output in
            switch output {
            case .changed(let server, let before, let after) where before.fitness.isFit != after.fitness.isFit:
                steps.append("\(server.server) \(after.fitness.isFit ? "in" : "out")")
                #expect(control.isDeciding(0))
            case .changesEnded: steps.append("changesEnded")
            case .effect, .changed, .gossipEvent: break
            }
        }
        look(0, isReadOnly: true)
        look(1, isReadOnly: false)
        control.decide()
        #expect(fit == [1])
        #expect(steps.filter { $0 != "changesEnded" } == ["0 out", "close 0", "1 in"], "\(steps)")
        #expect(steps.last == "changesEnded" && !control.isDeciding(0), "\(steps)")
    }

    @Test("remembers the writer for a later process")
    func memories() {
        #expect(control.writerMemories.isEmpty)
        look(0, isReadOnly: false)
        look(1, isReadOnly: true)
        #expect(control.writerMemories["mysql-write"]?.server == "db1")
        #expect(control.report != nil && control.lag(of: ServerReference(backend: 0, server: 0)) == nil)
    }

    @Test("sends its ballot to the peers once while it is unchanged")
    func words() {
        final class Cluster: WriterCluster {
            private(set) var words: [WriterMessage] = []
            var hasUnknownPeer: Bool { false }
            func ballots(onWriterOf backend: Int) -> [PeerBallot] { [] }
            func send(_ word: WriterMessage, onWriterOf backend: Int) { words.append(word) }
        }
        let cluster = Cluster()
        control.handlers.cluster = { cluster }
        look(0, isReadOnly: false)
        look(1, isReadOnly: true)
        let count = cluster.words.count
        #expect(count > 0)
        for _ in 0..<3 { control.decide() }
        #expect(cluster.words.count == count)
        control.gossipStarted()
        #expect(cluster.words.count == count + 1, "a new gossip session does not have it")
    }
}
