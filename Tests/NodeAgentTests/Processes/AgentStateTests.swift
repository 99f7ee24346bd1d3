import Glibc
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("A process's state for its successor")
struct AgentStateTests {
    private static let row = "2 mysql 1 read01 10.0.0.1 2 0 7 1 52 15 3 4 6 0 0 0 read01.internal 3306 - 0 0 - - 0"
    private static let header = "1\n# be_id be_name srv_id srv_name\n"

    private static func state() throws -> AgentState {
        var state = AgentState()
        state.servers = try ServerStateText.read(Array((header + row + "\n").utf8))
        let name = ServerName(backend: "mysql", server: "read01")
        state.servers[name]?.lastCheck = CheckResult(
            status: .layer7WrongStatus, code: 1045, info: "Access denied for 'x'@'y' (using  password: NO)", duration: .microseconds(1234))
        state.servers[name]?.failedChecks = 3
        state.servers[name]?.downTransitions = 1
        state.servers[name]?.completedDowntime = .milliseconds(5210)
        state.counters[.init(kind: .server, name: "mysql/read01")] = (1...18).map { UInt64($0) }
        state.counters[.init(kind: .frontend, name: "mysql")] = [1, 1 << 53, 3]
        state.servers[name]?.fitness = .unfit(reason: "replication lag 37s > 10s")
        state.servers[name]?.priority = 20
        state.servers[name]?.formerAddress = .ip(.v4(0x0a00_0007), port: 3307)
        state.servers[name]?.condition = .out
        state.servers[name]?.sinceCondition = .milliseconds(61_234)
        state.writers["mysql-write"] = WriterMemory(epoch: 3, server: "db2")
        state.names[NameQuestion(family: .v6, name: "tsukada01")] = IPAddress("2001:db8::1")
        state.probes["nlb"] = ProbeMemory(isPassing: true, since: Instant(nanoseconds: 123_456_789))
        state.gossip = Array("tsukada-gossip 1\nnode tsukada01\nsession 1\nend 00\n".utf8)
        return state
    }

    private static func bytes(_ state: AgentState) -> [UInt8] {
        var text = FieldText()
        text.append(AgentState.header)
        StatePart.writeRow(to: &text) { $0.append(row + "\n") }
        state.write(to: &text)
        return text.bytes
    }

    @Test("is read as it was written", arguments: [true, false])
    func roundTrip(hasVerdict: Bool) throws {
        var state = try Self.state()
        state.servers[ServerName(backend: "mysql", server: "read01")]?.hasVerdict = hasVerdict
        #expect(AgentState(Self.bytes(state)) == state)
    }

    @Test("is read as far as it is understood, with missing or unknown parts", arguments: 0..<64 as Range<UInt64>)
    func damage(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var bytes = try Self.bytes(Self.state())
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.removeLast(Int.random(in: 0..<bytes.count / 2, using: &random))
            default: bytes.insert(contentsOf: "\ncheck mysql read01 9\nrow\nname x y\n ".utf8, at: Int.random(in: bytes.indices, using: &random))
            }
        }
        let state = AgentState(bytes)
        #expect(state.servers.count <= 2)
    }

    @Test("is rejected when the text is malformed")
    func foreign() {
        #expect(AgentState([]) == AgentState())
        #expect(AgentState(Array("tsukada-state 2\nrow \(Self.row)\n".utf8)) == AgentState())
    }

    @Test("contains configuration files byte for byte, and the addresses of names")
    func snapshot() throws {
        let files = [(name: "/etc/my files/haproxy.cfg", bytes: Array("global\n".utf8)), (name: "b", bytes: []), (name: "c", bytes: [0, 10, 255])]
        let names = [NameQuestion(family: .v4, name: "a.b"): IPAddress.v4(1), NameQuestion(family: .v6, name: "a.b"): .v6(high: 1, low: 2)]
        let bytes = ConfigurationSnapshot(files: files, names: names).bytes
        let read = try #require(ConfigurationSnapshot(bytes))
        #expect(read.files.map(\.name) == files.map(\.name) && read.files.map(\.bytes) == files.map(\.bytes) && read.names == names)
        for count in 1..<bytes.count {
            guard let cut = ConfigurationSnapshot(Array(bytes.prefix(count))) else { continue }
            #expect(cut.files.count < files.count, "cut at \(count)")
        }
    }

    @Test("has no count too high for a successor to continue, even if an intruder wrote it")
    func extremes() throws {
        let end = String(Int64.max)
        let text = """
            tsukada-state 1
            row 2 mysql 1 read01 10.0.0.1 2 0 7 1 52 15 3 4 6 0 0 0 read01.internal 3306 - 0 0 - - 0
            check mysql read01 \(end) \(end) \(end) 15 \(end) \(end) text
            condition mysql read01 UP \(end)
            counters server mysql/read01 \(UInt64.max) \(UInt64.max)
            writer mysql \(UInt64.max) db
            probe nlb pass \(end)
            """
        let state = AgentState(Array(text.utf8))
        let memory = try #require(state.servers.values.first)
        #expect(memory.failedChecks == 1 << 53 && memory.downTransitions == 1 << 53 && memory.completedDowntime == .milliseconds(1 << 53))
        #expect(state.counters.values.first == [1 << 53, 1 << 53] && state.writers.isEmpty && state.probes.isEmpty)
        #expect(memory.condition == nil)
    }

    @Test("can be read from HAProxy's state files, with the line of an error")
    func stateFile() throws {
        let read = try ServerStateText.read(Array((Self.header + Self.row + "\n\n").utf8))
        let memory = try #require(read[ServerName(backend: "mysql", server: "read01")])
        #expect(memory.hostName == "read01.internal" && memory.address == IPAddress("10.0.0.1") && memory.weight == 7 && memory.initialWeight == 1)
        #expect(memory.isRunning && memory.health == 4 && memory.sinceChange == .seconds(52) && memory.lastCheck?.status == .layer7OK)
        #expect(throws: ServerStateText.FormatError(line: 3, problem: "not a line of 'show servers state'")) {
            try ServerStateText.read(Array((Self.header + "2 mysql 1\n").utf8))
        }
        let error = #expect(throws: ServerStateText.FormatError.self) { try ServerStateText.read(Array("2\n".utf8)) }
        #expect(error?.line == 1)
    }
}

@Suite("A server that a successor inherits")
struct ServerMemoryTests {
    private static let now = Instant(nanoseconds: 1_000_000_000_000)

    private static func memory(isRunning: Bool = true, health: Int = 4, flags: AdministrativeFlags = [], weight: Int = 1) -> ServerMemory {
        ServerMemory(
            hostName: nil, address: IPAddress("127.0.0.1"), flags: flags, weight: weight, initialWeight: 1, isRunning: isRunning, health: health,
            lastCheck: CheckResult(status: isRunning ? .layer4OK : .layer4Timeout, duration: .milliseconds(3)), sinceChange: .seconds(60))
    }

    private static func status(_ memory: ServerMemory, options: String = "") throws -> ServerStatus {
        let text =
            "listen a\n bind 127.0.0.1:1\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n server s 127.0.0.1:2 check rise 2 fall 3 \(options)\n"
        let configuration = Configuration.read(text).configuration
        let registry = ServerRegistry(backends: configuration.backends, now: now) { _ in
            .ip(.v4(0x7f00_0001), port: 2)
        } memory: { _ in
            memory
        }
        return registry.status(of: ServerReference(backend: 0, server: 0))
    }

    @Test("is up or down as before, with its count of checks")
    func verdicts() throws {
        let up = try Self.status(Self.memory())
        #expect(up.isUsable && up.text == "UP" && up.lastChange.duration(to: Self.now) == .seconds(60))
        #expect(try Self.status(Self.memory(health: 3)).text == "UP 2/3")
        let down = try Self.status(Self.memory(isRunning: false, health: 0))
        #expect(!down.isUsable && down.text == "DOWN" && down.checkStatus == .layer4Timeout)
        #expect(try Self.status(Self.memory(isRunning: false, health: 1)).text == "DOWN 1/2")
        #expect(try Self.status(Self.memory(isRunning: false, health: 99)).text == "DOWN 1/2", "down stays down, with any count")
        #expect(try Self.status(Self.memory(health: -5)).text == "UP 1/3")
    }

    @Test("keeps an operator's maintenance, drain and weight")
    func administration() throws {
        #expect(try Self.status(Self.memory(isRunning: false, health: 0, flags: .forcedMaintenance)).text == "MAINT")
        #expect(try Self.status(Self.memory(flags: .forcedDrain)).text == "DRAIN")
        #expect(try Self.status(Self.memory(weight: 50)).weight == 50)
        #expect(try Self.status(Self.memory(weight: 50), options: "weight 9").weight == 9, "the file has another weight since")
        #expect(try Self.status(Self.memory(weight: 5000)).weight == 1)
    }

    @Test("keeps the priority of its service record; a server without a service has none")
    func priority() throws {
        var memory = Self.memory()
        memory.priority = 20
        #expect(try Self.status(memory).priority == 0)
        let text = "resolvers r\n nameserver n 127.0.0.1:53\nbackend b\n timeout connect 1s\n timeout server 1s\n server s _mysql._tcp.db resolvers r check\n"
        let backends = Configuration.read(text).configuration.backends
        try #require(backends.first?.servers.count == 1)
        let registry = ServerRegistry(backends: backends, now: Self.now) { _ in
            nil
        } memory: { _ in
            memory
        }
        let reference = ServerReference(backend: 0, server: 0)
        #expect(registry.status(of: reference).priority == 20 && registry.memory(of: reference, now: Self.now).priority == 20)
    }

    @Test("keeps its last address until it gets another one")
    func formerAddress() throws {
        let text = "resolvers r\n nameserver n 127.0.0.1:53\nbackend b\n timeout connect 1s\n timeout server 1s\n server-template s 1 db:3306 resolvers r\n"
        let backends = Configuration.read(text).configuration.backends
        let (reference, here) = (ServerReference(backend: 0, server: 0), SocketAddress.ip(.v4(0x0a00_0001), port: 3306))
        func registry(_ memory: ServerMemory?, _ address: SocketAddress?) -> ServerRegistry {
            ServerRegistry(backends: backends, now: Self.now) { _ in
                address
            } memory: { _ in
                memory
            }
        }
        var first = registry(nil, here)
        _ = first.apply(.addressLost(reason: "x"), to: reference, now: Self.now) { _ in ServerLoad() }
        let memory = first.memory(of: reference, now: Self.now)
        #expect(memory.address == nil && memory.formerAddress == here)
        #expect(registry(memory, nil).status(of: reference).formerAddress == here)
        #expect(registry(memory, .ip(.v4(2), port: 1)).status(of: reference).formerAddress == nil)
        _ = first.apply(.addressResolved(.ip(.v4(3), port: 1), by: "r/n"), to: reference, now: Self.now) { _ in ServerLoad() }
        #expect(first.status(of: reference).formerAddress == nil)
    }

    @Test("ends a maintenance whose line was removed, and begins one whose line was added")
    func configuredMaintenance() throws {
        let flags: AdministrativeFlags = [.forcedMaintenance, .configuredMaintenance]
        #expect(try Self.status(Self.memory(isRunning: false, health: 0, flags: flags)).flags == [])
        #expect(try Self.status(Self.memory(), options: "disabled").text == "MAINT")
    }
}

@Suite("Inherited sockets")
struct InheritedSocketsTests {
    private static func listener(at port: UInt16 = 0, isShared: Bool = true) throws -> OpenFile {
        let address = SocketAddress.ip(.v4(0x7f00_0001), port: port)
        let file = OpenFile(try Sockets.open(.stream, for: address))
        if isShared { try Sockets.set(SO_REUSEPORT, at: SOL_SOCKET, to: 1, on: file.raw) }
        try Sockets.bind(file.raw, to: address)
        try Sockets.listen(file.raw, backlog: 16)
        return file
    }

    @Test("are taken by address and kind, a group as a whole, only once")
    func groups() throws {
        let first = try Self.listener()
        let address = try #require(Sockets.localAddress(first.raw))
        let second = try Self.listener(at: try #require(address.port))
        let other = try Self.listener()
        let datagram = try DatagramSocket(bind: address, receiveBuffer: 4096)
        let sockets = InheritedSockets()
        sockets.add([first, other, datagram.file, second])
        #expect(sockets.take(.stream, at: address).map(\.raw) == [first.raw, second.raw])
        #expect(sockets.take(.stream, at: address).isEmpty)
        #expect(sockets.take(.datagram, at: address).map(\.raw) == [datagram.raw])
    }

    @Test("of a path are found by the path's name, not by the name under which they were bound")
    func paths() throws {
        let path = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        defer { unlink(path) }
        let request = ListenRequest(
            address: .unix(path), endpoint: path, owner: "stats socket", location: ConfigurationLocation(file: "haproxy.cfg", line: 1))
        let files = try ListeningSockets.open(request, count: 1)
        let sockets = InheritedSockets()
        sockets.add(files)
        #expect(sockets.take(.stream, at: .unix(path)).map(\.raw) == files.map(\.raw))
    }

    @Test("pass through a channel in any number, and keep their order")
    func passing() throws {
        let (one, other) = try DescriptorPassing.pair()
        let (sender, receiver) = (ProcessChannel(one), ProcessChannel(other))
        let files = try (0..<DescriptorPassing.filesMax).map { try MemoryFile.containing([UInt8($0)], name: "test") }
        try sender.send([.sockets(files), .state(try MemoryFile.containing([1, 2, 3], name: "test")), .ready], timeout: .seconds(2))
        let deadline = MonotonicClock.now().advanced(by: .seconds(2))
        guard case .sockets(let came)? = receiver.next(until: deadline) else { return #expect(Bool(false), "no sockets") }
        #expect(try came.map { try MemoryFile.bytes(of: $0, bytesMax: 9) } == files.indices.map { [UInt8($0)] })
        guard case .state(let file)? = receiver.next(until: deadline) else { return #expect(Bool(false), "no state") }
        #expect(try MemoryFile.bytes(of: file, bytesMax: 9) == [1, 2, 3])
        guard case .ready? = receiver.next(until: deadline) else { return #expect(Bool(false), "not ready") }
        #expect(receiver.next(until: MonotonicClock.now().advanced(by: .milliseconds(5))) == nil)
    }

    @Test("do not arrive in any other message")
    func garbage() throws {
        let (one, other) = try DescriptorPassing.pair()
        _ = try Sockets.send(one.raw, Array("Unknown command\n".utf8)[...])
        #expect(ProcessChannel(other).next(until: MonotonicClock.now().advanced(by: .milliseconds(50))) == nil)
    }
}
