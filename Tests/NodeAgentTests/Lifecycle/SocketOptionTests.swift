import Glibc
import LinuxIO
import Proxy
import Support
import Testing
import Wire

@testable import NodeAgent

private let isRoot = geteuid() == 0

@Suite("Options of listening sockets")
struct SocketOptionTests {
    private static func sockets(_ inherited: InheritedSockets, _ namespaces: NetworkNamespaces) -> StartSockets {
        StartSockets(
            names: NameResolution(lookup: NameLookup()), threads: 1, accounts: AccountFiles.ofMachine(), inherited: inherited, namespaces: namespaces)
    }

    /// The files of a frontend whose first bind has this address in place of the one in the file.
    private static func open(_ lines: String, at address: SocketAddress?, _ inherited: InheritedSockets = InheritedSockets()) throws -> [ThreadListener] {
        var configuration = Configuration.read("frontend f\n \(lines)\n").configuration
        if case .ip(let host, let port)? = address { configuration.frontends[0].binds[0].endpoint = .ip(host, port: port) }
        var sockets = Self.sockets(inherited, try StartNamespaces.open(configuration))
        return try sockets.listeners(configuration, sessionsMax: 100)[0]
    }

    private static let loopback = SocketAddress.ip(.v4(0x7f00_0001), port: 0)

    @Test("are set, and accepted sockets inherit them")
    func inherited() throws {
        let listener = try #require(try Self.open("bind :1 mss 1000 tos 0x20 tfo\n option tcp-smart-accept", at: Self.loopback).first)
        let raw = listener.file.raw
        #expect(socketOption(Int32(IPPROTO_TCP), TCP_MAXSEG, raw) == 1000 && socketOption(Int32(IPPROTO_TCP), TCP_QUICKACK, raw) == 0)
        #expect(socketOption(Int32(IPPROTO_TCP), TCP_FASTOPEN, raw) == 100)
        let client = try Client(to: try #require(Sockets.localAddress(raw)))
        var descriptor = try Sockets.accept(raw)
        guard let taken = descriptor.take() else {
            Issue.record("no connection")
            return
        }
        let accepted = OpenFile(taken)
        #expect(socketOption(Int32(IPPROTO_IP), IP_TOS, accepted.raw) == 0x20)
        #expect((900...1000).contains(socketOption(Int32(IPPROTO_TCP), TCP_MAXSEG, accepted.raw)))
        client.halfClose()
    }

    @Test("of an earlier process get the values of the new file")
    func adopted() throws {
        let first = try #require(try Self.open("bind :1 mss 1000 tos 0x20\n option tcp-smart-accept", at: Self.loopback).first)
        let address = try #require(Sockets.localAddress(first.file.raw))
        let inherited = InheritedSockets()
        inherited.add([OpenFile(FileDescriptor(owning: dup(first.file.raw)))])
        let second = try #require(try Self.open("bind :1", at: address, inherited).first)
        #expect(socketOption(Int32(IPPROTO_IP), IP_TOS, second.file.raw) == 0)
        #expect(socketOption(Int32(IPPROTO_TCP), TCP_QUICKACK, second.file.raw) == 1)
        #expect(socketOption(Int32(IPPROTO_TCP), TCP_MAXSEG, second.file.raw) != 1000)
    }

    @Test("may bind an address of another host, or one interface", .enabled(if: isRoot, "needs CAP_NET_RAW"))
    func places() throws {
        let foreign = try #require(try Self.open("bind :1 transparent", at: .ip(.v4(0xc000_0201), port: 0)).first)
        #expect(Sockets.localAddress(foreign.file.raw)?.address == .v4(0xc000_0201))
        #expect(throws: StartError.self) { try Self.open("bind :1", at: .ip(.v4(0xc000_0201), port: 0)) }
        let lo = try #require(try Self.open("bind :1 interface lo", at: Self.loopback).first)
        #expect(InterfaceName.of(lo.file.raw) == "lo")
        let error = #expect(throws: StartError.self) { try Self.open("bind :1 interface no-such-if", at: Self.loopback) }
        #expect(error?.description.contains("setcap cap_net_raw+ep") == true, "\(error.map { "\($0)" } ?? "")")
        // A successor finds a socket by its address and its interface.
        let address = try #require(Sockets.localAddress(lo.file.raw))
        let inherited = InheritedSockets()
        inherited.add([OpenFile(FileDescriptor(owning: dup(lo.file.raw)))])
        #expect(inherited.take(.stream, at: address).isEmpty)
        #expect(inherited.take(.stream, at: address, interface: "lo").count == 1)
    }

    @Test("may be in a network namespace, where the same address is free; a successor keeps the two apart", .enabled(if: isRoot, "needs CAP_SYS_ADMIN"))
    func namespaces() throws {
        let blue = try TemporaryNamespace()
        let outside = try #require(try Self.open("bind :1", at: Self.loopback).first).file
        let address = try #require(Sockets.localAddress(outside.raw))
        let lines = "bind :1 namespace \(blue.name)"
        let inside = try #require(try Self.open(lines, at: address).first).file
        #expect(Sockets.localAddress(inside.raw) == address)
        #expect(throws: StartError.self, "it is taken in the namespace as well") { try Self.open(lines, at: address) }
        var namespaces = NetworkNamespaces()
        try namespaces.open(blue.name)
        let client = try Sockets.open(.stream, for: address, in: namespaces[blue.name])
        _ = try Sockets.connect(client.raw, to: address)
        var waiting = [inside, outside].map { pollfd(fd: $0.raw, events: Int16(POLLIN), revents: 0) }
        #expect(poll(&waiting, 2, 10_000) == 1 && waiting[0].revents != 0)

        let inherited = InheritedSockets()
        inherited.add([outside, inside].map { OpenFile(FileDescriptor(owning: dup($0.raw))) })
        #expect(inherited.streamAddresses.count == 2)
        let successor = try #require(try Self.open(lines, at: address, inherited).first).file
        let numbers = [inside, outside, successor].map { NetworkNamespace.number(ofSocket: $0.raw) }
        #expect(numbers[0] == numbers[2] && numbers[0] != numbers[1])
        #expect(inherited.take(.stream, at: address, namespace: numbers[0]).isEmpty)
        #expect(inherited.take(.stream, at: address).count == 1)
    }

    @Test("in a network namespace that no line names belong to a plain 'bind'", .enabled(if: isRoot, "needs CAP_SYS_ADMIN"))
    func foreignNamespaces() throws {
        let (blue, green) = (try TemporaryNamespace(), try TemporaryNamespace())
        let inside = try #require(try Self.open("bind :1 namespace \(blue.name)", at: Self.loopback).first).file
        let address = try #require(Sockets.localAddress(inside.raw))
        func inherited(_ files: [OpenFile]) -> InheritedSockets {
            let sockets = InheritedSockets()
            sockets.add(files.map { OpenFile(FileDescriptor(owning: dup($0.raw))) })
            return sockets
        }
        func number(_ lines: String, _ files: [OpenFile]) throws -> UInt64 {
            let file = try #require(try Self.open(lines, at: address, inherited(files)).first).file
            return withExtendedLifetime(file) { NetworkNamespace.number(ofSocket: file.raw) }
        }
        let numbers = (own: try NetworkNamespace.number(of: nil), blue: NetworkNamespace.number(ofSocket: inside.raw))
        #expect(try number("bind :1", [inside]) == numbers.blue)
        let other = try #require(try Self.open("bind :1 namespace \(green.name)", at: address).first).file
        #expect(try number("bind :1", [inside, other]) == numbers.own, "two namespaces have a socket at the address")
        #expect(inherited([inside]).takeForeign(at: address, interface: nil, except: [numbers.blue]).isEmpty)
    }

    @Test("in a network namespace cost two descriptors, and one for each further name")
    func namespaceDescriptors() {
        func fixed(_ lines: String) -> Int {
            Limits.Needs(Configuration.read("listen a\n bind :1\n server s :1\n \(lines)\n").configuration, threads: 1, sessions: 10).fixed
        }
        let none = fixed("server t :1")
        #expect(fixed("server t :1 namespace a\n server u :1 namespace a") == none + 2 && fixed("server t :1 namespace a\n bind :2 namespace b") == none + 3)
    }

    @Test("of a path are its owner and its mode; accounts must exist", .enabled(if: isRoot, "only root changes owners"))
    func owners() throws {
        let path = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        defer { unlink(path) }
        _ = try Self.open("bind \(path) mode 640 user root gid 4", at: nil)
        let status = try FileEntry(path).status()
        #expect(status.permissions == 0o640 && status.owner.user == 0 && status.owner.group == 4)
        let error = #expect(throws: StartError.self) { try Self.open("bind \(path) user no-such-user", at: nil) }
        #expect(error?.description.contains("'frontend f'") == true)
    }

    @Test("an abstract name has no file, and a successor inherits it")
    func abstract() throws {
        let name = "tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let listener = try #require(try Self.open("bind abns@\(name)", at: nil).first)
        let client = try Client(to: .unix(RawSocketAddress.abstractPath(name)))
        client.halfClose()
        #expect(throws: StartError.self, "it is taken") { try Self.open("bind abns@\(name)", at: nil) }
        let inherited = InheritedSockets()
        inherited.add([OpenFile(FileDescriptor(owning: dup(listener.file.raw)))])
        #expect(try Self.open("bind abns@\(name)", at: nil, inherited).count == 1)
        #expect(StartFolders(Configuration.read("listen a\n bind abns@/nonexistent/x\n").configuration).missing.isEmpty)
    }

    @Test("name listeners by their number, or by 'id'")
    func names() throws {
        let listeners = try Self.open("bind abns@a-\(getpid()) id 9\n bind abns@b-\(getpid())\n bind abns@c-\(getpid()) name x", at: nil)
        #expect(listeners.map(\.name) == ["9", "2", "x"] && listeners.map(\.bind) == [0, 1, 2])
    }
}

@Suite("The capabilities of a process")
struct CapabilityTests {
    @Test("have setcap's names")
    func names() {
        #expect(CapabilityName.text(of: [.useForeignAddresses, .bindLowPorts]) == "cap_net_bind_service,cap_net_raw")
        #expect(CapabilityName.text(of: .administerSystem) == "cap_sys_admin")
        let error = PrivilegeError(.keeping(.useForeignAddresses), SystemError("capset", code: EPERM))
        #expect(error.description.contains("need cap_net_raw") && error.description.contains("setcap cap_net_raw+ep"))
        #expect(!error.description.contains("master"))
        let missing = PrivilegeError(.keeping(.administerSystem), SystemError("capset", code: EPERM))
        #expect(missing.description.contains("setcap cap_sys_admin+ep") && missing.description.contains("restart a master"))
        let request = ListenRequest(address: .unix(""), endpoint: "x", owner: "listen a", location: ConfigurationLocation(file: "t", line: 1))
        let refused = request.failure(.system(SystemError(NetworkNamespace.call, code: EPERM)))
        #expect(refused.description.contains("'namespace' needs root") && refused.description.contains("setcap cap_sys_admin+ep"))
    }
}

@Suite("Names with a family")
struct FamilyNameTests {
    private static func resolution() -> NameResolution { NameResolution(lookup: NameLookup(hosts: "10.0.0.1 both four\nfd00::1 both six\n", resolvConf: "")) }

    @Test(
        "have an address of this family, or the start fails",
        arguments: [("ipv4@both", "10.0.0.1"), ("ipv6@both", "fd00::1"), ("both", "10.0.0.1"), ("six", "fd00::1"), ("ipv4@six", nil), ("tcp6@four", nil)]
            as [(String, String?)])
    func binds(host: String, address: String?) throws {
        var names = Self.resolution()
        let configuration = Configuration.read("listen a\n bind \(host):3306\n server s \(host):3306\n").configuration
        names.ask(for: configuration, own: nil)
        let bind = configuration.frontends[0].binds[0]
        let server = configuration.backends[0].servers[0]
        guard let address else {
            let error = #expect(throws: StartError.self) { try names.address(of: bind, owner: "listen a") }
            #expect(error?.description.contains("it has no IPv") == true)
            #expect(throws: StartError.self) { try names.address(of: server, owner: "a") }
            return
        }
        #expect(try names.address(of: bind, owner: "listen a")?.address == IPAddress(address))
        #expect(try names.address(of: server, owner: "a")?.address == IPAddress(address))
    }

    @Test("are resolved in this family before the start, at every listening socket")
    func trial() {
        func failures(_ host: String) -> [Int] {
            var names = Self.resolution()
            let text = "global\n stats socket \(host):1\nlisten a\n bind \(host):2\nprobe p\n bind \(host):3\n"
            names.resolvePlaces(of: Configuration.read(text).configuration, own: nil)
            return names.failures.map(\.location.line)
        }
        #expect(failures("ipv4@six") == [4, 6, 2])
        #expect(failures("ipv6@six").isEmpty)
    }
}
