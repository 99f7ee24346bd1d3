import Glibc
import LinuxIO
import Proxy
import Support
import Synchronization
import Testing
import Wire

@testable import NodeAgent

private let start: Int64 = 1_790_000_000

private func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

private func known(_ text: String, _ entries: [KnownName.Entry], time: Int64 = start) throws -> AddressMemory.Known {
    AddressMemory.Known(name: try name(text), time: time, entries: entries)
}

private func host(_ number: UInt32) -> KnownName.Entry { KnownName.Entry(ResolvedAddress(.v4(0x0a00_0000 + number))) }

private func memory() throws -> AddressMemory {
    var memory = AddressMemory()
    let share = ServiceShare(priority: 20, weight: nil)
    memory.learn(try known("db2.test", [host(2), KnownName.Entry(ResolvedAddress(.v6(high: 0x2001_0db8_0000_0000, low: 1)))]))
    memory.learn(
        try known(
            "_mysql._tcp.db",
            [
                KnownName.Entry(ResolvedAddress(.v4(1), port: 3306), share: ServiceShare(priority: 10, weight: 256)),
                KnownName.Entry(ResolvedAddress(.v6(high: 1, low: 2), port: 65535), share: share),
            ]))
    memory.learn(try known("db1.test", [host(1)], time: start + 5))
    return memory
}

@Suite("Addresses stored in a file")
struct AddressMemoryTests {
    @Test("are read as they were written, in the order of the names")
    func roundTrip() throws {
        let bytes = try memory().bytes(node: "n1")
        #expect(AddressMemory(bytes, node: "n1") == (try memory()))
        #expect(try memory().names.map(\.name.description) == ["_mysql._tcp.db", "db1.test", "db2.test"])
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        #expect(lines[2] == "name _mysql._tcp.db 1790000000 0.0.0.1,3306,10,256 ::1:0:0:0:2,65535,20,-")
        #expect(lines[3] == "name db1.test 1790000005 10.0.0.1")
        #expect(AddressMemory(bytes, node: "n2") == nil)
    }

    @Test("are rejected when a byte is missing or a bit has changed")
    func damaged() throws {
        let bytes = try memory().bytes(node: "n1")
        for length in bytes.indices { #expect(AddressMemory(Array(bytes[..<length]), node: "n1") == nil, "\(length) bytes") }
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1 << UInt8(index % 8)
            #expect(AddressMemory(damaged, node: "n1") == nil, "byte \(index)")
        }
    }

    @Test(
        "are rejected when a line is impossible, although the checksum is right",
        arguments: [
            "name db", "name db 1", "name  1 10.0.0.1", "name db -1 10.0.0.1", "name db 99999999999999999999 10.0.0.1", "name DB 1 10.0.0.1",
            "name db 1 10.0.0.1,3306,1,1", "name db 1 0.0.0.0", "name db 1 10.0.0.256", "name db 1 10.0.0.1 ", "name a/b 1 10.0.0.1",
            "name _m._t 1 10.0.0.1", "name _m._t 1 10.0.0.1,0,1,1", "name _m._t 1 10.0.0.1,3306,65536,1", "name _m._t 1 10.0.0.1,3306,1,0",
            "name _m._t 1 10.0.0.1,3306,1,257", "name _m._t 1 10.0.0.1,3306,1", "name b 1 10.0.0.1\nname a 1 10.0.0.1",
            "name a 1 10.0.0.1\nname a 1 10.0.0.1", "server a 1 10.0.0.1", "", "name \u{0} 1 10.0.0.1",
        ])
    func strict(lines: String) {
        #expect(AddressMemory(StateChecksum.bytes(of: Array("tsukada-addresses 1\nnode n1\nname a 1 10.0.0.1\n".utf8)), node: "n1")?.names.count == 1)
        #expect(AddressMemory(StateChecksum.bytes(of: Array("tsukada-addresses 1\nnode n1\n\(lines)\n".utf8)), node: "n1") == nil)
        #expect(AddressMemory(StateChecksum.bytes(of: Array("tsukada-addresses 2\nnode n1\nname a 1 10.0.0.1\n".utf8)), node: "n1") == nil)
    }

    @Test("never trap on noise", arguments: 0..<32 as Range<UInt64>)
    func noise(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var bytes = try memory().bytes(node: "n1")
        for _ in 0..<Int.random(in: 1...40, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(AddressMemory(bytes, node: "n1") == nil)
        // With a correct checksum, the lines themselves are read.
        let repaired = StateChecksum.bytes(of: Array((text.hasSuffix("\n") ? text : text + "\n").utf8))
        if let read = AddressMemory(repaired, node: "n1") { #expect(read.names.count <= 3) }
    }

    @Test("are not used when they are older than a day, or more than five minutes in the future")
    func age() throws {
        let memory = try memory()
        let db = try name("db2.test")
        for (age, isUsed) in [(0, true), (86_400, true), (86_401, false), (-300, true), (-301, false)] as [(Int64, Bool)] {
            #expect(memory.entries(of: db, now: start + age).isEmpty != isUsed, "\(age) seconds old")
        }
        #expect(memory.entries(of: try name("db3.test"), now: start).isEmpty)
    }

    @Test("keep to their limits, and are removed together with unused names")
    func limits() throws {
        var memory = AddressMemory()
        memory.learn(try known("db", (0..<300).map { host($0) }))
        #expect(memory.names.first?.entries.count == AddressMemory.entriesMax)
        for number in 0..<1_100 { memory.learn(try known("host\(number)", (0..<256).map { host($0) })) }
        #expect(memory.names.count == AddressMemory.namesMax)
        let bytes = memory.bytes(node: "n1")
        #expect(bytes.count <= StateText.bytesMax)
        #expect((AddressMemory(bytes, node: "n1")?.names.count ?? 0) > 100)
        memory.keep([try name("db"), try name("host7")])
        #expect(memory.names.map(\.name.description) == ["db", "host7"])
        memory.learn(try known("db", []))
        #expect(memory.names.count == 2)
    }
}

@Suite("The keeper of addresses")
struct AddressKeeperTests {
    private let folder: TemporaryFolder
    private static let present = FileOwner(user: geteuid(), group: getegid())
    private let now = Instant(nanoseconds: 1_000_000_000_000)

    init() throws {
        folder = try TemporaryFolder()
        try #require(chmod(folder.path, 0o700) == 0)
    }

    private func store() throws -> StateStore<AddressMemory> { try StateStore(path: folder.path, node: "n/1", owner: Self.present) }

    private func knows(_ entries: [KnownName.Entry], ago: Duration = .zero) throws -> [KnownName] {
        [KnownName(name: try name("db"), entries: entries, lastValid: now.advanced(by: .zero - ago))]
    }

    @Test("writes new addresses at once, and newer times every hour")
    func writes() throws {
        let keeper = AddressKeeper(.init(store: try store(), memory: AddressMemory())) { _, _ in }
        keeper.update(try knows([host(1)], ago: .seconds(7)), now: now, wall: start)
        #expect(folder.names == ["addresses-n_1.state"])
        #expect(try FileStatus(of: Folder(folder.path).open("addresses-n_1.state")).permissions == 0o600)
        #expect(try store().load().content?.names == [known("db", [host(1)], time: start - 7)])
        keeper.update(try knows([host(1)]), now: now, wall: start + 3_599)
        #expect(try store().load().content?.names.first?.time == start - 7)
        keeper.update(try knows([host(1)]), now: now, wall: start + 3_600)
        #expect(try store().load().content?.names.first?.time == start + 3_600)
        keeper.update(try knows([host(2), host(1)]), now: now, wall: start + 3_601)
        #expect(try store().load().content?.names.first?.entries == [host(2), host(1)])
        // A clock that was set back does not preserve the old ones.
        keeper.update(try knows([host(3)]), now: now, wall: start - 9_000)
        #expect(try store().load().content?.names == [known("db", [host(3)], time: start - 9_000)])
    }

    @Test("reports once that it cannot write, and once that it can again", .enabled(if: geteuid() == 0))
    func fullDisk() throws {
        let script = "mount -t tmpfs -o size=16k,mode=700 tsk-test \(folder.path) && echo mounted && read line"
        let child = try ChildProcess(["unshare", "--mount", "sh", "-c", script], input: .heldPipe)
        defer { child.closeInput() }
        try eventually(within: 10, "a mount; \(child.output)") { child.output.contains("mounted") || child.exitStatus != nil }
        try #require(child.exitStatus == nil, "\(child.output)")
        let path = "/proc/\(child.pid)/root\(folder.path)"
        let lines = Mutex<[String]>([])
        let store = try StateStore<AddressMemory>(path: path, node: "n1", owner: Self.present)
        let keeper = AddressKeeper(.init(store: store, memory: AddressMemory())) { level, text in lines.withLock { $0.append("\(level) \(text)") } }
        keeper.update(try knows([host(1)]), now: now, wall: start)
        // More than the disk can hold.
        let many = try (0..<64).map { KnownName(name: try name("host\($0)"), entries: (0..<256).map { host($0) }, lastValid: now) }
        for second in 1...3 { keeper.update(many, now: now, wall: start + Int64(second)) }
        #expect(lines.withLock { $0.count } == 1 && lines.withLock { $0.first?.contains("cannot be written to state-dir: write: No space left") } == true)
        #expect(store.load().content?.names.map(\.name.description) == ["db"])
        #expect(child.exitStatus == nil)
    }

    @Test("renames a file that it cannot read, and states the consequence")
    func badFile() throws {
        try folder.write("addresses-n_1.state", "tsukada-addresses 1\nnode n_1\nname db 1 10.0.0.1\nend 0000000000000000\n")
        let (memory, warning) = try store().load()
        #expect(memory == nil)
        #expect(
            warning
                == "\(folder.path)/addresses-n_1.state is damaged or belongs to another node; renamed to addresses-n_1.state.bad; "
                + "without DNS no earlier address can be used")
        #expect(try store().load().warning == nil)
    }
}

@Suite("A start without DNS")
struct StartWithoutDNSTests {
    /// No process listens at this port.
    private let lookup = NameLookup(hosts: "10.0.0.9 local", resolvConf: "nameserver 127.0.0.1\noptions attempts:1 timeout:1", port: 1)

    private func server(_ text: String, _ more: String = "check") throws -> Server {
        let (configuration, diagnostics) = Configuration.read("backend b\n server s \(text):3306 \(more)\n")
        #expect(Configuration.alerts(diagnostics).isEmpty)
        return try #require(configuration.backends.first?.servers.first)
    }

    private func resolution(_ memory: AddressMemory, at time: Int64 = start, checksOnly: Bool = false) -> NameResolution {
        NameResolution(lookup: lookup, memory: .init(addresses: memory, time: time), checksOnly: checksOnly)
    }

    @Test("uses stored addresses; their servers must pass a check first")
    func fallsBack() throws {
        var names = resolution(try memory())
        #expect(try names.address(of: server("db1.test"), owner: "b") == .ip(.v4(0x0a00_0001), port: 3306))
        #expect(try names.address(of: server("DB2.test", "check resolve-prefer ipv6"), owner: "b")?.address?.isV6 == true)
        #expect(names.warnings.count == 2)
        #expect(
            names.warnings.first
                == "t.cfg:2: server 'b/s': cannot resolve 'db1.test': no answer from 127.0.0.1:1; its previous address is used: 10.0.0.1")
        #expect(names.unproven.values.allSatisfy { !$0.isRunning && $0.health == 1 } && names.unproven.count == 1)
        #expect(names.found.isEmpty, "no nameserver has answered")
        let unproven = try #require(names.unproven[ServerName(backend: "b", server: "s")])
        var backend = Backend(name: "b", identifier: 1)
        backend.servers = [try server("db1.test")]
        let reference = ServerReference(backend: 0, server: 0)
        var registry = ServerRegistry(backends: [backend], now: Instant(nanoseconds: 0)) { _ in
            .ip(.v4(0x0a00_0001), port: 3306)
        } memory: { _ in
            unproven
        }
        #expect(!registry.status(of: reference).isUsable)
        _ = registry.apply(.checkFinished(CheckResult(status: .layer4OK, duration: .zero)), to: reference, now: Instant(nanoseconds: 1)) { _ in ServerLoad() }
        #expect(registry.status(of: reference).isUsable)
    }

    @Test("continues without the servers whose stored address is missing or too old, with a warning")
    func goesOn() throws {
        var names = resolution(try memory(), at: start + 90_000)
        #expect(try names.address(of: server("db1.test"), owner: "b") == nil)
        var other = resolution(try memory())
        #expect(try other.address(of: server("db9.test"), owner: "b") == nil)
        #expect(
            other.warnings == [
                "t.cfg:2: server 'b/s': cannot resolve 'db9.test': no answer from 127.0.0.1:1; it has no address until a reload; "
                    + "with 'resolvers default' it is resolved again"
            ])
        #expect(try other.address(of: server("db9.test", "check resolvers default"), owner: "b") == nil)
        #expect(other.warnings.last?.hasSuffix("; it has no address until 'default' finds one") == true)
        #expect(try other.address(of: server("local"), owner: "b") == .ip(.v4(0x0a00_0009), port: 3306))
        #expect(try other.address(of: server("db9.test", "init-addr libc,10.0.0.8"), owner: "b") == .ip(.v4(0x0a00_0008), port: 3306))
        #expect(other.found.isEmpty, "the hosts file is read at each start")
    }

    @Test("asks for all names at once, wherever they appear, and only once for each")
    func asksForAll() throws {
        var text = """
            global
                log log.test:514 local0
                stats socket stats.test:9999
            listen b
                bind front.test:3306
                server t1 template.test:3306 check addr check.test
            probe p
                bind probe.test:3307
            gossip g
                bind own.test:7946
                node one 127.0.0.1:7946
                node two peer.test:7946
                key-file /k

            """
        for number in 1...8 { text += "backend b\(number)\n server s db\(number).test:3306 check resolvers default init-addr last,libc,none\n" }
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(Configuration.alerts(diagnostics).isEmpty)
        // A nameserver that receives all questions and answers none.
        let silent = try DatagramSocket(bind: .ip(.v4(0x7f00_0001), port: 0), receiveBuffer: 1 << 20)
        let port = try #require(Sockets.localAddress(silent.file.raw)?.port)
        let lookup = NameLookup(hosts: "", resolvConf: "nameserver 127.0.0.1\noptions attempts:1 timeout:1", port: port)
        let lone = MonotonicClock.now()
        #expect(throws: NameLookupError.self) { try lookup.addresses(of: "lone.test", preferring: .v4, random: SplitMix64(seed: 1)) }
        var names = NameResolution(lookup: lookup)
        let begin = MonotonicClock.now()
        names.ask(for: configuration, own: configuration.gossip?.nodes.first)
        #expect(try names.place(of: try #require(configuration.global.logTargets.first)) == nil)
        for backend in configuration.backends {
            for server in backend.servers {
                #expect(try names.address(of: server, owner: backend.name) == nil)
                _ = try names.checkAddress(of: server, owner: backend.name)
            }
        }
        let gossip = try #require(configuration.gossip)
        #expect(try names.place(ofGossip: gossip, own: gossip.nodes[0]) == .ip(.anyV4, port: 7_946))
        var sockets = StartSockets(names: names, threads: 1, accounts: AccountFiles(passwd: "", group: ""), inherited: InheritedSockets())
        #expect(throws: StartError.self) { try sockets.check(configuration) }
        // One after another they would take sixteen times as long as a single name.
        let duration = begin.duration(to: MonotonicClock.now())
        #expect(duration >= .milliseconds(900) && duration < lone.duration(to: begin) * 8, "\(duration)")
        #expect(Set(configuration.names).count == 16)
    }

    @Test("is tried by '-c', which only warns while nameservers fail; a start needs the address of a bind")
    func trial() throws {
        let (configuration, _) = Configuration.read("listen b\n bind front.test:3306\n server s 10.0.0.1:3306\n")
        let bind = try #require(configuration.frontends.first?.binds.first)
        var trial = resolution(try memory(), checksOnly: true)
        #expect(try trial.address(of: bind, owner: "listen b") == nil && trial.warnings.count == 1)
        var names = resolution(try memory())
        #expect(throws: StartError.self) { try names.address(of: bind, owner: "listen b") }
    }
}
