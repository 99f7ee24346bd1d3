import Glibc
import LinuxIO
import Proxy
import Support
import Synchronization
import Testing
import Wire

@testable import NodeAgent

@Suite("Listening sockets, beside other processes,")
struct SharedAddressTests {
    private func request(_ address: SocketAddress) -> ListenRequest {
        ListenRequest(address: address, endpoint: "x:1", owner: "listen mysql", location: ConfigurationLocation(file: "haproxy.cfg", line: 27))
    }

    private func sockets(_ inherited: InheritedSockets) -> StartSockets {
        StartSockets(
            names: NameResolution(lookup: NameLookup(hosts: "", resolvConf: "")), threads: 2, accounts: AccountFiles(passwd: "", group: ""),
            inherited: inherited)
    }

    @Test(
        "are not opened where another process listens, with any number of threads: at the same address, or if one of the two is a wildcard",
        arguments: [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("::", "127.0.0.1"), ("::1", "::")])
    func claims(earlier: String, later: String) throws {
        var request = request(.ip(try #require(IPAddress(earlier)), port: 0))
        let group = try ListeningSockets.open(request, count: 2)
        let port = try #require(Sockets.localAddress(group[0].raw)?.port)
        request.address = .ip(try #require(IPAddress(later)), port: port)
        for count in [1, 2] {
            let error = #expect(throws: ListenError.self, "\(count) threads") { try ListeningSockets.open(request, count: count) }
            guard case .system(let cause)? = error?.problem else { return #expect(Bool(false), "\(String(describing: error))") }
            #expect(cause.code == EADDRINUSE)
        }
        request.replacesOthers = true
        #expect(try ListeningSockets.open(request, count: 2).count == 2, "-sf and -st share the port until the earlier process has ended")
        (request.replacesOthers, request.sharesOwnAddress) = (false, true)
        #expect(try ListeningSockets.open(request, count: 2).count == 2)
    }

    @Test("may overlap with other sockets of the same process, including inherited ones")
    func overlap() throws {
        let held = try HeldPort(at: .ip(.anyV4, port: 0))
        let port = try #require(held.address.port)
        let text = "listen a\n bind 127.0.0.1:\(port)\n bind 127.0.0.2:\(port)\n bind *:\(port)\n server s 127.0.0.1:9\n"
        let configuration = Configuration.read("defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n" + text).configuration
        var first = sockets(InheritedSockets())
        let listeners = try first.listeners(configuration, sessionsMax: 100)
        #expect(listeners.map(\.count) == [3, 3])
        var second = sockets(InheritedSockets())
        #expect(throws: StartError.self) { try second.listeners(configuration, sessionsMax: 100) }
        let inherited = InheritedSockets()
        inherited.add(try listeners.map { OpenFile(FileDescriptor(owning: dup(try #require($0.last).file.raw))) })
        var successor = sockets(inherited)
        #expect(try successor.listeners(configuration, sessionsMax: 100).map(\.count) == [3, 3])
    }

    @Test("wait a moment for a process that is closing its sockets because its master may have died")
    func closing() throws {
        let listener = try listenOnLoopback()
        let address = try #require(Sockets.localAddress(listener.raw))
        let thread = try LinuxIO.Thread(named: "closing") {
            stallThread(milliseconds: 100)
            // The test releases the descriptor as well; the shutdown ends its listening.
            shutdown(listener.raw, Int32(SHUT_RD))
        }
        #expect(try ListeningSockets.open(request(address), count: 2).count == 2)
        thread.join()
    }

    @Test("change the mode of their own path, but not of a file that has replaced it")
    func replacedPath() throws {
        let folder = try TemporaryFolder()
        let (path, secret) = ("\(folder.path)/stats", try folder.write("secret", "x", mode: 0o600))
        var request = request(.unix(path))
        request.permissions = 0o600
        let socket = try #require(try ListeningSockets.open(request, count: 1).first)
        request.permissions = 0o660
        try ListeningSockets.adopt(socket, for: request)
        #expect(try FileEntry(path).status().permissions == 0o660)
        request.permissions = 0o666
        for place in ["symbolic link", "link", "pipe", "nothing"] {
            unlink(path)
            switch place {
            case "symbolic link": symlink(secret, path)
            case "link": link(secret, path)
            case "pipe": mkfifo(path, 0o600)
            default: break
            }
            #expect(throws: ListenError.self, "\(place)") { try ListeningSockets.adopt(socket, for: request) }
            #expect(try FileEntry(secret).status().permissions == 0o600, "\(place)")
        }
        unlink(path)
        symlink(secret, path)
        let error = #expect(throws: ListenError.self) { try ListeningSockets.adopt(socket, for: request) }
        #expect(error?.problem == .replaced && error?.description.contains("another process has replaced the file") == true)
        #expect(throws: ListenError.self, "nor may a bind replace it") { try ListeningSockets.open(request, count: 1) }
    }

    @Test("change the owner of a socket only if it has a single name")
    func hardLinkedSocket() throws {
        let folder = try TemporaryFolder()
        let (path, other) = ("\(folder.path)/stats", "\(folder.path)/other")
        var request = request(.unix(path))
        let socket = try #require(try ListeningSockets.open(request, count: 1).first)
        request.userIdentifier = geteuid()
        try ListeningSockets.adopt(socket, for: request)
        try #require(link(path, other) == 0)
        #expect(throws: ListenError.self) { try ListeningSockets.adopt(socket, for: request) }
    }

    @Test("are non-blocking after a takeover, even if the earlier process has changed that")
    func adopted() throws {
        let file = try listenOnLoopback()
        _ = fcntl(file.raw, F_SETFL, 0)
        try ListeningSockets.adopt(file, for: request(try #require(Sockets.localAddress(file.raw))))
        #expect(fcntl(file.raw, F_GETFL) & O_NONBLOCK != 0)
    }

    @Test("take the path of a worker whose master is dead, which has closed its ports and answers at the path until the takeover")
    func abandonedPath() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/stats"
        let request = request(.unix(path))
        let files = try ListeningSockets.open(request, count: 1)
        let port = try HeldPort()
        let network = Descriptors(try ListeningSockets.open(self.request(port.address), count: 1))
        let orphan = try Orphan(files: files, network: network)
        #expect(RuntimeClient(path: path).ask("show version") == .text("3.5-tsukada-0.1.0"))
        let taken = #expect(throws: ListenError.self, "its master lives") { try ListeningSockets.open(request, count: 1) }
        #expect(taken?.problem == .answered)
        orphan.handleMasterDeath()
        #expect(RuntimeClient(path: path).ask("show version") == .text("3.5-tsukada-0.1.0"))
        #expect(throws: SystemError.self) { try Client(to: port.address) }
        let successor = try ListeningSockets.open(request, count: 1)
        #expect(Sockets.localAddress(successor[0].raw) != nil)
        #expect(throws: ListenError.self, "the process at this path has not abandoned it") { try ListeningSockets.open(request, count: 1) }
        orphan.end()
    }
}

/// Files that move to another thread, which alone uses them.
private final class Descriptors: Sendable {
    private let files: Mutex<[OpenFile]>

    init(_ files: [OpenFile]) { self.files = Mutex(files) }

    func take() -> [OpenFile] {
        files.withLock { files in
            defer { files = [] }
            return files
        }
    }
}

/// A runtime server on a separate thread.
private final class Orphan: Sendable {
    private enum Phase: Int {
        case serving, abandoning, abandoned, ending
    }

    private let phase = Atomic<Int>(Phase.serving.rawValue)

    init(files: [OpenFile], network: Descriptors) throws {
        _ = try LinuxIO.Thread(named: "orphan") { [self] in
            guard let reactor = try? Reactor() else { return }
            let server = RuntimeServer(reactor: reactor, interpreter: RuntimeInterpreter(target: StubTarget()), connectionsMax: 4, timeout: .seconds(10))
            for file in files + network.take() { try? server.serve(file, rights: RuntimeRights()) }
            while phase.load(ordering: .acquiring) != Phase.ending.rawValue {
                reactor.runOnce(waitingAtMost: .milliseconds(5))
                guard phase.load(ordering: .acquiring) == Phase.abandoning.rawValue else { continue }
                server.abandon()
                phase.store(Phase.abandoned.rawValue, ordering: .releasing)
            }
            server.close()
        }
    }

    func handleMasterDeath() {
        phase.store(Phase.abandoning.rawValue, ordering: .releasing)
        while !eventually(within: 10, { phase.load(ordering: .acquiring) != Phase.abandoning.rawValue }) {}
    }

    func end() { phase.store(Phase.ending.rawValue, ordering: .releasing) }
}
