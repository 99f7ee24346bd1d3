import Glibc
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The frontends' sockets")
struct StartSocketsTests {
    private static func sockets(threads: Int, inherited: InheritedSockets = InheritedSockets()) -> StartSockets {
        StartSockets(names: NameResolution(lookup: NameLookup()), threads: threads, accounts: AccountFiles.ofMachine(), inherited: inherited)
    }

    /// The longest queue of a listening socket: `tcpi_sacked` of the kernel's `tcp_info`.
    private static func queue(_ file: OpenFile) -> UInt32 {
        var info = [UInt32](repeating: 0, count: 32)
        var length = socklen_t(info.count * 4)
        getsockopt(file.raw, Int32(IPPROTO_TCP), TCP_INFO, &info, &length)
        return info[7]
    }

    /// A frontend at a port of the loopback address, 0 for any, with these lines.
    private static func configuration(port: UInt16, _ lines: String) -> AgentConfiguration {
        var configuration = Configuration.read("frontend f\n \(lines)\n").configuration
        let location = ConfigurationLocation(file: "test", line: 1)
        configuration.frontends[0].binds = [Bind(endpoint: .ip(.v4(0x7f00_0001), port: port), location: location)]
        return configuration
    }

    private static func option(_ name: Int32, _ file: OpenFile) -> Int32 { socketOption(Int32(IPPROTO_TCP), name, file.raw) }

    @Test(
        "have HAProxy's queue: 'backlog', or else 'maxconn', or else the process's limit, divided among the sockets of an address",
        arguments: [
            ("", 1, 150), ("", 2, 75), ("", 4, 38), ("maxconn 33", 1, 33), ("maxconn 33", 2, 17), ("backlog 9\n maxconn 33", 1, 9),
            ("backlog 1", 4, 1),
        ] as [(String, Int, UInt32)])
    func queue(lines: String, threads: Int, expected: UInt32) throws {
        var sockets = Self.sockets(threads: threads)
        let listeners = try sockets.listeners(Self.configuration(port: 0, lines), sessionsMax: 150)
        #expect(listeners.map { $0.map { Self.queue($0.file) } } == Array(repeating: [expected], count: threads))
    }

    @Test("are as many for each address as planned; threads share them, and each thread has one", arguments: [1, 3, 8])
    func shared(each: Int) throws {
        var sockets = StartSockets(
            names: NameResolution(lookup: NameLookup()), threads: 8, socketsPerBind: each, accounts: AccountFiles.ofMachine(), inherited: InheritedSockets())
        let listeners = try sockets.listeners(Self.configuration(port: 0, "maxconn 240"), sessionsMax: 1_000)
        #expect(listeners.map(\.count) == Array(repeating: 1, count: 8))
        var shares: [ObjectIdentifier: Int] = [:]
        for listener in listeners.joined() { shares[ObjectIdentifier(listener.file), default: 0] += 1 }
        #expect(shares.count == each && shares.values.allSatisfy { (8 / each...(8 + each - 1) / each).contains($0) })
        #expect(Set(listeners.joined().map { Self.queue($0.file) }) == [UInt32(240 / each)])
        let port = try #require(listeners[0].first.flatMap { Sockets.localAddress($0.file.raw)?.port })
        let inherited = InheritedSockets()
        inherited.add(Set(listeners.joined().map(\.file.raw)).sorted().map { OpenFile(FileDescriptor(owning: dup($0))) })
        #expect(inherited.streamsCount == each)
        // A successor with another plan keeps the group as it is.
        var next = Self.sockets(threads: 4, inherited: inherited)
        let adopted = try next.listeners(Self.configuration(port: port, ""), sessionsMax: 1_000)
        #expect(adopted.allSatisfy { !$0.isEmpty } && Set(adopted.joined().map { ObjectIdentifier($0.file) }).count == each)
    }

    @Test("of an earlier process become fewer where the kernel can move connections", arguments: [1, 2, 4])
    func reduced(threads: Int) throws {
        var first = Self.sockets(threads: 3)
        let files = try first.listeners(Self.configuration(port: 0, ""), sessionsMax: 100).flatMap { $0.map(\.file) }
        let port = try #require(files.first.flatMap { Sockets.localAddress($0.raw)?.port })
        let inherited = InheritedSockets()
        inherited.add(files.map { OpenFile(FileDescriptor(owning: dup($0.raw))) })
        var second = StartSockets(
            names: NameResolution(lookup: NameLookup()), threads: threads, accounts: AccountFiles.ofMachine(), inherited: inherited, reducesGroups: true)
        let adopted = try second.listeners(Self.configuration(port: port, ""), sessionsMax: 100)
        #expect(adopted.allSatisfy { $0.count == 1 })
        #expect(Set(adopted.joined().map { ObjectIdentifier($0.file) }).count == min(3, threads))
    }

    @Test("of an earlier process get the queue and the keepalive of the new file")
    func adopted() throws {
        var first = Self.sockets(threads: 2)
        let files = try first.listeners(Self.configuration(port: 0, "clitcpka-idle 200s"), sessionsMax: 100).flatMap { $0.map(\.file) }
        #expect(files.map { Self.option(TCP_KEEPIDLE, $0) } == [200, 200])
        let port = try #require(files.first.flatMap { Sockets.localAddress($0.raw)?.port })
        let after = Self.configuration(port: port, "maxconn 40\n clitcpka-intvl 7s")
        let inherited = InheritedSockets()
        inherited.add(files.map { OpenFile(FileDescriptor(owning: dup($0.raw))) })
        var second = Self.sockets(threads: 1, inherited: inherited)
        let adopted = try second.listeners(after, sessionsMax: 100).flatMap { $0.map(\.file) }
        #expect(adopted.count == 2)
        for file in adopted {
            #expect(Self.queue(file) == 20)
            #expect((Self.option(TCP_KEEPIDLE, file), Self.option(TCP_KEEPINTVL, file), Self.option(TCP_KEEPCNT, file)) == (120, 7, 3))
        }
    }
}
