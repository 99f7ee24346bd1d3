import Gossip
import Proxy
import Testing
import Wire

@testable import NodeAgent

/// Texts as version 1 of each format writes them: an upgrade must read the previous version's files.
private enum Written {
    static let gossip = """
        tsukada-gossip 1
        node tsukada01
        session 117309440000012345
        server 00112233445566aa stamp 0001a0c35aaa0001 origin 00000000000000bb state maint weight - expiry 1790000600000
        server 10112233445566aa stamp 000000000000001a origin fffffffffffffffc state ready weight 256 expiry -
        server ffffffffffffffff stamp 000000000000001b origin 0000000000000001 state drain weight 0 expiry -
        end 2e398aa7b21438ad

        """

    static let addresses = """
        tsukada-addresses 1
        node tsukada01
        name _mysql._tcp.db 1790000601 10.0.0.1,3306,10,5 10.0.0.2,3306,20,-
        name dbserver01 1790000600 172.20.0.21 2001:db8::1
        end 0b4bd772ad464f49

        """

    static let rows = [
        "2 mysql 1 read01 10.0.0.1 2 0 7 1 52 17 3 4 6 0 0 0 read01.internal 3306 - 0 0 - - 0\n",
        "2 mysql 2 read02 10.0.0.2 0 1 1 1 0 1 0 0 14 0 0 0 - 3306 - 0 3306 - - 3306\n",
    ]

    static let state = """
        tsukada-state 1
        writer a-write 1 db1
        writer mysql-write 3 db2
        name v4 dbserver01 10.0.0.1
        name v6 tsukada01 2001:db8::1
        probe alb fail 5
        probe nlb pass 123456789000
        gossip tsukada-gossip 1
        gossip node tsukada01
        gossip session 117309440000012345
        gossip server 00112233445566aa stamp 0001a0c35aaa0001 origin 00000000000000bb state maint weight - expiry 1790000600000
        gossip server 10112233445566aa stamp 000000000000001a origin fffffffffffffffc state ready weight 256 expiry -
        gossip server ffffffffffffffff stamp 000000000000001b origin 0000000000000001 state drain weight 0 expiry -
        gossip end 2e398aa7b21438ad
        counters frontend mysql 1 2 3
        counters backend mysql 4 5 9007199254740992
        row \(rows[0])check mysql read01 3 1 5210 17 1045 1234 Access denied for 'x'@'y' (using  password: NO)
        fitness mysql read01 out replication lag 37s > 10s
        former mysql read01 10.0.0.7 3307
        condition mysql read01 OUT 61234
        priority mysql read01 20
        counters server mysql/read01 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18
        row \(rows[1])check mysql read02 0 0 0 1 0 0\u{20}
        unchecked mysql read02
        fitness mysql read02 fit 3
        condition mysql read02 MAINT 0

        """

    static let snapshot = """
        name v4 dbserver01 10.0.0.1
        name v6 tsukada01 2001:db8::1
        file 7 a.cfg
        global

        """
}

@Suite("The formats of version 1")
struct StateFormatTests {
    private static let node = "tsukada01"
    private static let names: [NameQuestion: IPAddress] = [
        NameQuestion(family: .v4, name: "dbserver01"): .v4(0x0a00_0001),
        NameQuestion(family: .v6, name: "tsukada01"): .v6(high: 0x2001_0db8_0000_0000, low: 1),
    ]

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("of the gossip file are read and written")
    func gossip() {
        let memory = GossipMemory(
            session: 117_309_440_000_012_345,
            administrative: [
                AdministrativeRow(
                    server: ServerID(0x0011_2233_4455_66aa), stamp: HybridTime(bits: 0x0001_a0c3_5aaa_0001), origin: NodeID(0xbb), state: .maint,
                    expiry: 1_790_000_600_000),
                AdministrativeRow(
                    server: ServerID(0x1011_2233_4455_66aa), stamp: HybridTime(bits: 0x1a), origin: NodeID(.max - 3), state: .ready, weight: 256),
                AdministrativeRow(server: ServerID(.max), stamp: HybridTime(bits: 0x1b), origin: NodeID(1), state: .drain, weight: 0),
            ])
        #expect(GossipMemory(Array(Written.gossip.utf8), node: Self.node) == memory)
        #expect(Self.text(memory.bytes(node: Self.node)) == Written.gossip)
    }

    @Test("of the address file are read and written")
    func addresses() throws {
        func service(_ host: UInt32, _ priority: UInt16, _ weight: Int?) -> KnownName.Entry {
            KnownName.Entry(ResolvedAddress(.v4(host), port: 3306), share: ServiceShare(priority: priority, weight: weight))
        }
        let hosts = [IPAddress.v4(0xac14_0015), .v6(high: 0x2001_0db8_0000_0000, low: 1)].map { KnownName.Entry(ResolvedAddress($0)) }
        var memory = AddressMemory()
        memory.learn(.init(name: try #require(DNSName("dbserver01")), time: 1_790_000_600, entries: hosts))
        memory.learn(
            .init(
                name: try #require(DNSName("_mysql._tcp.db")), time: 1_790_000_601,
                entries: [service(0x0a00_0001, 10, 5), service(0x0a00_0002, 20, nil)]))
        #expect(AddressMemory(Array(Written.addresses.utf8), node: Self.node) == memory)
        #expect(Self.text(memory.bytes(node: Self.node)) == Written.addresses)
    }

    /// A state without the lines of its proxies.
    private static func head() -> AgentState {
        var state = AgentState()
        state.writers = ["mysql-write": WriterMemory(epoch: 3, server: "db2"), "a-write": WriterMemory(epoch: 1, server: "db1")]
        state.names = names
        state.probes = [
            "nlb": ProbeMemory(isPassing: true, since: Instant(nanoseconds: 123_456_789_000)),
            "alb": ProbeMemory(isPassing: false, since: Instant(nanoseconds: 5)),
        ]
        state.gossip = Array(Written.gossip.utf8)
        return state
    }

    private static func servers() -> [ServerMemory] {
        var first = ServerMemory(
            hostName: "read01.internal", address: IPAddress("10.0.0.1"), flags: [], weight: 7, initialWeight: 1, isRunning: true, health: 4,
            lastCheck: CheckResult(
                status: .layer7WrongStatus, code: 1045, info: "Access denied for 'x'@'y' (using  password: NO)", duration: .microseconds(1234)),
            sinceChange: .seconds(52))
        (first.port, first.hasVerdict) = (3306, true)
        (first.failedChecks, first.downTransitions, first.completedDowntime) = (3, 1, .milliseconds(5210))
        (first.condition, first.sinceCondition) = (.out, .milliseconds(61_234))
        (first.fitness, first.formerAddress, first.priority) = (.unfit(reason: "replication lag 37s > 10s"), .ip(.v4(0x0a00_0007), port: 3307), 20)
        var second = ServerMemory(
            hostName: nil, address: IPAddress("10.0.0.2"), flags: .forcedMaintenance, weight: 1, initialWeight: 1, isRunning: false, health: 0,
            lastCheck: nil, sinceChange: .zero)
        (second.port, second.condition, second.fitness) = (3306, .maintenance, .fit(quarters: 3))
        return [first, second]
    }

    @Test("between processes are read and written, in pieces")
    func state() {
        var pieces = [Self.head(), AgentState(), AgentState(), AgentState(), AgentState()]
        pieces[1].counters[.init(kind: .frontend, name: "mysql")] = [1, 2, 3]
        pieces[2].counters[.init(kind: .backend, name: "mysql")] = [4, 5, 1 << 53]
        pieces[3].counters[.init(kind: .server, name: "mysql/read01")] = (1...18).map { UInt64($0) }
        let servers = Self.servers()
        pieces[3].servers[ServerName(backend: "mysql", server: "read01")] = servers[0]
        pieces[4].servers[ServerName(backend: "mysql", server: "read02")] = servers[1]
        var (text, whole) = (FieldText(), Self.head())
        text.append(AgentState.header)
        for (index, piece) in pieces.enumerated() {
            if index >= 3 { StatePart.writeRow(to: &text) { $0.append(Written.rows[index - 3]) } }
            piece.write(to: &text)
            whole.counters.merge(piece.counters) { $1 }
            whole.servers.merge(piece.servers) { $1 }
        }
        #expect(text.text == Written.state)
        #expect(AgentState(Array(Written.state.utf8)) == whole)
    }

    @Test("of a snapshot of the configuration are read and written")
    func snapshot() throws {
        #expect(Self.text(ConfigurationSnapshot(files: [("a.cfg", Array("global\n".utf8))], names: Self.names).bytes) == Written.snapshot)
        let read = try #require(ConfigurationSnapshot(Array(Written.snapshot.utf8)))
        #expect(read.names == Self.names && read.files.map(\.name) == ["a.cfg"] && read.files.map(\.bytes) == [Array("global\n".utf8)])
        for wrong in ["writer mysql-write 3 db2\n", "name v4 db x\n", "file -1 a\n", "file 2 a\nb", "file 1 a"] {
            #expect(ConfigurationSnapshot(Array(wrong.utf8)) == nil, "\(wrong)")
        }
    }

    @Test("have a different first word for each kind of line")
    func words() { #expect(StatePart.byWord.count == StatePart.all.count) }

    @Test(
        "leave a state unchanged at a line that is not understood",
        arguments: [
            "writer mysql 0 db", "writer mysql 3", "writer mysql 3 db more", "name v4 db", "name v4 db 10.0.0.1 more", "probe nlb pass",
            "probe nlb pass -1", "counters server mysql/read01", "counters x mysql 1", "row 2 mysql 1", "check mysql read01 3 1 5210 17 1045 1234",
            "check mysql read01 3 1 x 17 1045 1234 text", "check mysql read09 3 1 5210 17 1045 1234 text", "unchecked mysql read01 more",
            "unchecked mysql", "fitness mysql read01 fit 5", "fitness mysql read01 fit", "fitness mysql read01 maybe 1", "former mysql read01 10.0.0.7",
            "former mysql read01 10.0.0.7 65536", "condition mysql read01 UP -1", "condition mysql read01 GONE 1", "condition mysql read01 UP",
            "priority mysql read01 -1", "priority mysql read01 65536", "strange mysql read01", "row", "", " ",
        ])
    func passedOver(line: String) {
        #expect(AgentState(Array((Written.state + line + "\n").utf8)) == AgentState(Array(Written.state.utf8)))
    }
}
