import Glibc
import Gossip
import LinuxIO
import Proxy
import Seals
import Testing
import Wire

@testable import NodeAgent

/// Two runners on one loop, over UDP on loopback, with the real cryptography.
private final class Pair {
    static let text = """
        defaults
            timeout connect 1s
            timeout client 1s
            timeout server 1s
        listen mysql
            bind 127.0.0.1:9
            server read01 127.0.0.1:3301 check fall 3
            server read02 127.0.0.1:3302 check fall 3

        """

    let reactor: Reactor
    private(set) var runners: [GossipRunner] = []
    var requested: [[ServerID]] = [[], []]
    var verdicts: [[(ServerID, ServerVerdict)]] = [[], []]
    var administered: [[(ServerID, Gossip.AdministrativeState?, Int?, String)]] = [[], []]
    var lines: [[String]] = [[], []]

    init(stores: [StateStore<GossipMemory>?] = [nil, nil], secrets: [Bytes32] = [Bytes32(1, 2, 3, 4), Bytes32(1, 2, 3, 4)]) throws {
        reactor = try Reactor()
        let sockets = try (0..<2).map { _ in try DatagramSocket(bind: .ip(.v4(0x7f00_0001), port: 0), receiveBuffer: 1 << 16) }
        let ports = try sockets.map { try #require($0.localAddress?.port) }
        let section = "gossip tsukada\n node one 127.0.0.1:\(ports[0])\n node two 127.0.0.1:\(ports[1])\n"
        let (configuration, diagnostics) = Configuration.read(Pair.text + section)
        #expect(Configuration.alerts(diagnostics).isEmpty)
        for (index, name) in ["one", "two"].enumerated() {
            let seal = try OpenSSLSeal()
            let addresses = ports.map { SocketAddress.ip(.v4(0x7f00_0001), port: $0) }
            let plan = try GossipPlan(
                try #require(configuration.gossip), node: name, backends: configuration.backends, addresses: addresses, seal: seal)
            let memory = stores[index]?.load().content ?? GossipMemory()
            let ring = KeyRing([try KeyRing.key(secrets[index], seal)])
            let resources = GossipRunner.Resources(plan: plan, seal: seal, socket: sockets[index], ring: ring, memory: memory, store: stores[index])
            let handlers = GossipRunner.Handlers(
                requestCheck: { [unowned self] in requested[index].append($0) }, verdictChanged: { [unowned self] in verdicts[index].append(($0, $1)) },
                administered: { [unowned self] in administered[index].append(($0, $1, $2, $3)) }, log: { [unowned self] in lines[index].append($0.text) })
            let runner = GossipRunner(resources, random: SecureRandomGenerator(), reactor: reactor, handlers: handlers)
            runners.append(runner)
            try runner.start()
        }
    }

    /// Runs the loop until `condition`; false when that takes 30 s.
    func wait(_ condition: () -> Bool) -> Bool {
        let end = MonotonicClock.now().advanced(by: .seconds(30))
        while !condition(), MonotonicClock.now() < end { reactor.runOnce(waitingAtMost: .milliseconds(50)) }
        return condition()
    }

    func report(_ index: Int) -> GossipReport { GossipReport(runners[index], now: reactor.now) }

    func observe(_ index: Int, _ server: Int, _ finding: Finding) {
        let address = SocketAddress.ip(.v4(0x7f00_0001), port: UInt16(3_301 + server))
        runners[index].feed(.observed(runners[index].plan.servers[server].id, Observation(finding, address: address, code: 15)))
    }

    func state(of peer: String, at index: Int) -> PeerState? { runners[index].core.peerReports(now: reactor.now).first { $0.name == peer }?.state }

    var areAlive: Bool { state(of: "two", at: 0) == .alive && state(of: "one", at: 1) == .alive }
}

@Suite("A gossip runner")
struct GossipRunnerTests {
    @Test("meets its peer over UDP, sends its findings, carries out a cluster command, and announces its leave")
    func conversation() throws {
        let pair = try Pair()
        #expect(pair.wait { pair.areAlive })
        for index in 0..<2 { for server in 0..<2 { pair.observe(index, server, .passed) } }
        #expect(
            pair.wait { pair.report(0).health.whole().split(separator: "\n").count == 5 && pair.report(1).health.whole().split(separator: "\n").count == 5 })
        pair.observe(0, 1, .failedWithResponse)
        #expect(pair.wait { !pair.requested[1].isEmpty })
        let second = pair.runners[0].plan.servers[1].id
        #expect(pair.requested[1] == [second])
        pair.observe(1, 1, .failedWithResponse)
        #expect(pair.wait { pair.requested[1].count == 2 }, "one own failure does not suffice")
        pair.observe(1, 1, .failedWithResponse)
        #expect(pair.wait { pair.verdicts[1].contains { $0 == (second, .down(.ownAndPeers)) } })
        #expect(pair.runners[1].core.failingPeers(of: second) == ["one"])
        let views = { (index: Int) in pair.report(index).health.whole().split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") } }
        #expect(views(1).contains { $0.hasPrefix("mysql/read02 one up 1 L7OK 0 - 1 ") }, "\(views(1))")

        try pair.runners[0].operate { (core, now, outputs) throws(AdministrationRefusal) in
            try core.administer(second, .drain, weight: 7, now: now, into: &outputs)
        }
        #expect(pair.wait { pair.administered[1].count == 1 })
        #expect(pair.administered.map { $0.map(\.1) } == [[.drain], [.drain]])
        #expect(pair.administered[1].first?.2 == 7)
        #expect(pair.administered.map { $0.map(\.3) } == Array(repeating: ["a cluster command from one"], count: 2))
        #expect(pair.report(1).administrative.whole() == "# server     state weight origin expires_s\nmysql/read02 drain 7      one    -\n")

        pair.runners[0].stop()
        #expect(pair.wait { pair.lines[1].contains("peer one has LEFT") })
        #expect(pair.lines[1].first == "peer one is ALIVE")
        let members = pair.report(1).members.whole().split(separator: "\n").map { $0.split(separator: " ") }
        #expect(members.map { $0.prefix(2).joined(separator: " ") } == ["# name", "two alive", "one left"])
        #expect(members.last?.suffix(2) == ["-", "-"])
        // The views of a silent node are stale.
        #expect(views(1).contains { $0.hasPrefix("mysql/read02 one stale - - - - - ") }, "\(views(1))")
        #expect(views(1).contains { $0.hasPrefix("mysql/read02 two up 2 L7OK ") }, "\(views(1))")
    }

    @Test("receives no datagram with another key, and reports that")
    func wrongKey() throws {
        let pair = try Pair(secrets: [Bytes32(1, 2, 3, 4), Bytes32(9, 9, 9, 9)])
        #expect(pair.wait { pair.runners.allSatisfy { $0.core.counters.unknownKey > 2 } })
        #expect(pair.state(of: "two", at: 0) == .unknown && pair.state(of: "one", at: 1) == .unknown)
        #expect(pair.lines[0].contains { $0.contains("two uses a key that is not in key-file") })
        let known = pair.report(0).keys.whole().split(separator: "\n")
        #expect(known.count == 2 && known.last?.hasSuffix(" yes    one") == true)
    }

    @Test("ignores a failing socket for a second, and then receives again")
    func failingSocket() throws {
        let pair = try Pair()
        #expect(pair.wait { pair.areAlive })
        let socket = pair.runners[0].socket
        let address = try #require(socket.localAddress)
        let complaints = { pair.lines[0].filter { $0.hasPrefix("cannot receive: ") } }
        // Another file takes the socket's number: every attempt to receive fails, including those of the timer.
        let broken = try WakeUp()
        #expect(dup2(broken.raw, socket.raw) == socket.raw)
        #expect(pair.wait { complaints().count == 2 })
        let mended = try DatagramSocket(bind: address, receiveBuffer: 1 << 16)
        #expect(dup2(mended.raw, socket.raw) == socket.raw)
        let received = pair.runners[0].core.counters.received
        #expect(pair.wait { pair.areAlive && pair.runners[0].core.counters.received > received + 5 })
        #expect(complaints().count == 2)
    }

    @Test("changes keys while it runs, and stays in contact")
    func rotation() throws {
        let pair = try Pair()
        #expect(pair.wait { pair.areAlive })
        let key = try pair.runners[0].key(Bytes32(5, 6, 7, 8))
        let old = pair.runners[0].core.ring.current.id
        try pair.runners[0].operate { (core, _, _) throws(KeyRing.Refusal) in try core.installKey(key) }
        try pair.runners[0].operate { (core, _, _) throws(KeyRing.Refusal) in try core.useKey(key.id) }
        #expect(throws: KeyRing.Refusal.lacking(nodes: ["two"])) {
            try pair.runners[0].operate { (core, _, _) throws(KeyRing.Refusal) in try core.removeKey(old) }
        }
        try pair.runners[1].operate { (core, _, _) throws(KeyRing.Refusal) in try core.installKey(key) }
        try pair.runners[1].operate { (core, _, _) throws(KeyRing.Refusal) in try core.useKey(key.id) }
        let row = "\(Hexadecimal.text(key.id, digits: 8)) yes    "
        #expect(pair.wait { pair.report(0).keys.whole().contains(row + "one,two\n") && pair.report(1).keys.whole().contains(row + "two,one\n") })
        for runner in pair.runners { try runner.operate { (core, _, _) throws(KeyRing.Refusal) in try core.removeKey(old) } }
        let sent = pair.runners.map { $0.core.counters.received }
        #expect(pair.wait { zip(pair.runners, sent).allSatisfy { $0.core.counters.received > $1 + 5 } })
        #expect(pair.areAlive)
        #expect(pair.lines.allSatisfy { $0.allSatisfy { !$0.contains("DEAD") } })
    }

    @Test("keeps operators' commands across restarts")
    func memory() throws {
        let folder = try TemporaryFolder()
        let store = try StateStore<GossipMemory>(path: folder.path, node: "one", owner: FileOwner(user: geteuid(), group: getegid()))
        let session: UInt64
        do {
            let pair = try Pair(stores: [store, nil])
            let server = pair.runners[0].plan.servers[0].id
            try pair.runners[0].operate { (core, now, outputs) throws(AdministrationRefusal) in
                try core.administer(server, .maint, now: now, into: &outputs)
            }
            session = pair.runners[0].core.session
        }
        let again = try Pair(stores: [store, nil])
        #expect(again.runners[0].core.session > session)
        #expect(again.administered[0].map(\.1) == [.maint], "and reports it to its owner at the start")
        #expect(again.wait { again.administered[1].count == 1 })
    }
}

@Suite("The start of the gossip")
struct StartGossipTests {
    private static let key = String(repeating: "0123456789abcdef", count: 4)

    /// The exit code of `-c` for a file with this section, and a `key-file` with these bytes and this mode.
    private func check(_ section: String, key: String? = nil, mode: UInt32 = 0o600) throws -> Int32 {
        let folder = try TemporaryFolder()
        let line = try key.map { " key-file \(try folder.write("key", $0, mode: mode))\n" } ?? ""
        let path = try folder.write("cfg", Pair.text + section + line)
        return Startup.run(arguments: ["-c", "-q", "-L", "one", "-f", path], environment: [:])
    }

    @Test("requires a key unless all addresses are loopback, and a key file that other users cannot read")
    func keys() throws {
        let far = "gossip tsukada\n node one 10.0.0.1:7946\n node two 10.0.0.2:7946\n"
        #expect(try check(far) == 1)
        #expect(try check(far, key: Self.key + "\n") == 0)
        #expect(try check(far, key: Self.key + "\n", mode: 0o644) == 1)
        #expect(try check(far, key: Self.key + "\n", mode: 0o640) == 1)
        #expect(try check(far, key: "a passphrase\n") == 1)
        #expect(try check(far, key: "") == 1)
        #expect(try check(far + " key-file /nonexistent/key\n") == 1)
        #expect(try check("gossip tsukada\n node one 127.0.0.1:7946\n node two 127.0.0.2:7946\n") == 0)
    }

    @Test("refuses a node that is missing from the section, and an address that the machine does not have")
    func places() throws {
        let section = { (text: String) in try #require(Configuration.read(Pair.text + text).configuration.gossip) }
        let strangers = try section("gossip tsukada\n node one 127.0.0.1:7946\n node two 127.0.0.2:7946\n")
        let lookup = NameLookup(hosts: "127.0.0.1 own.test", resolvConf: "nameserver 127.0.0.1", port: 1)
        var names = NameResolution(lookup: lookup)
        let owner = FileOwner(user: geteuid(), group: getegid())
        #expect(throws: StartError.self) {
            try StartGossip(strangers, lookup: lookup).open(node: "three", backends: [], names: &names, owner: owner, inherited: InheritedSockets())
        }
        let foreign = try section("gossip tsukada\n node one 127.0.0.1:7946\n node two 127.0.0.2:7946\n bind 192.0.2.1:7946\n")
        let error = #expect(throws: StartError.self) {
            try StartGossip(foreign, lookup: lookup).open(node: "one", backends: [], names: &names, owner: owner, inherited: InheritedSockets())
        }
        #expect(error?.description.contains("this machine does not have the address") == true)
        let everywhere = try section("gossip tsukada\n node one 127.0.0.1:7946\n node two 127.0.0.2:7946\n bind 127.0.0.1:17999\n")
        #expect(throws: Never.self) {
            try StartGossip(everywhere, lookup: lookup).open(node: "one", backends: [], names: &names, owner: owner, inherited: InheritedSockets())
        }
    }

    @Test("receives at the address of a name, and at all addresses while no nameserver answers")
    func names() throws {
        let section = { (bind: String, own: String) in
            try #require(
                Configuration.read(Pair.text + "gossip tsukada\n node one \(own):17998\n node two 127.0.0.2:7946\n\(bind) key-file /k\n").configuration.gossip)
        }
        var names = NameResolution(lookup: NameLookup(hosts: "127.0.0.1 own.test", resolvConf: "nameserver 127.0.0.1", port: 1))
        let bound = try section(" bind own.test:17997\n", "127.0.0.3")
        #expect(try names.place(ofGossip: bound, own: bound.nodes[0]) == .ip(.v4(0x7f00_0001), port: 17_997))
        let named = try section("", "own.test")
        #expect(try names.place(ofGossip: named, own: named.nodes[0]) == .ip(.v4(0x7f00_0001), port: 17_998))
        #expect(names.warnings.isEmpty)
        let unknown = try section("", "elsewhere.test")
        #expect(try names.place(ofGossip: unknown, own: unknown.nodes[0]) == .ip(.anyV4, port: 17_998))
        #expect(names.warnings.count == 1 && names.warnings[0].contains("no answer from 127.0.0.1:1; gossip is received on all IPv4 addresses"))
    }
}
