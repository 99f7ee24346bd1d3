import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import Proxy

private let isRoot = geteuid() == 0

/// A listening socket in `namespace`.
private func listener(_ address: SocketAddress, in namespace: NetworkNamespace?) throws -> TestSocket {
    let descriptor = try Sockets.open(.stream, for: address, in: namespace)
    try Sockets.bind(descriptor.raw, to: address)
    try Sockets.listen(descriptor.raw, backlog: 16)
    return TestSocket(owning: descriptor.release())
}

@Suite("Servers in network namespaces", .timeLimit(.minutes(5)), .enabled(if: isRoot, "needs CAP_SYS_ADMIN"))
struct ForwardingNamespaceTests {
    private static let loopback = SocketAddress.ip(.v4(0x7f00_0001), port: 0)

    /// Two servers with the same address: the first one is in the namespace.
    private struct Pair {
        let blue: TemporaryNamespace
        let namespaces: NetworkNamespaces
        let servers: [TestServer]
        var address: SocketAddress { servers[0].address }

        init() throws {
            blue = try TemporaryNamespace()
            var opened = NetworkNamespaces()
            try opened.open(blue.name)
            namespaces = opened
            let outside = TestServer(loopback) { $0.send("outside") }
            let inside = TestServer(listening: try listener(outside.address, in: opened[blue.name])) { $0.send("inside") }
            servers = [inside, outside]
        }

        func stop() { for server in servers { server.stop() } }
    }

    private func harness(_ pair: Pair) throws -> ForwardingHarness {
        try ForwardingHarness([pair.address, pair.address]) {
            $0.namespaces = pair.namespaces
            $0.backend.servers[0].namespace = pair.blue.name
        }
    }

    @Test("get their sessions there, and threads return: the sessions of other servers stay outside")
    func sessions() throws {
        let pair = try Pair()
        defer { pair.stop() }
        let harness = try harness(pair)
        let texts = try (0..<20).map { _ in try harness.connect().textToEnd() }
        #expect(texts.filter { $0 == "inside" }.count == 10 && texts.filter { $0 == "outside" }.count == 10, "\(texts)")
    }

    @Test("are checked there; a UNIX socket is in no network namespace")
    func checks() throws {
        let pair = try Pair()
        defer { pair.stop() }
        let state = try harness(pair).state
        func number(_ address: SocketAddress, _ server: Int) throws -> UInt64 {
            let socket = try state.openSocket(for: address, ofCheckOf: ServerReference(backend: 0, server: server))
            return NetworkNamespace.number(ofSocket: socket.raw)
        }
        let own = try number(pair.address, 1)
        #expect(try number(pair.address, 0) != own && number(.unix("/x"), 0) == own && number(pair.address, 1) == own)
        // The check's other address, as with 'addr', is in the namespace as well.
        #expect(try number(.ip(.v4(0x7f00_0002), port: 5), 0) == number(pair.address, 0))
    }

    @Test("that do not exist, or that are another kind of file, cannot be opened")
    func errors() throws {
        var namespaces = NetworkNamespaces()
        let missing = #expect(throws: SystemError.self) { try namespaces.open("tsk-missing-\(getpid())") }
        #expect(missing?.code == ENOENT)
        // The folder exists once a namespace does.
        let blue = try TemporaryNamespace()
        let name = "\(blue.name)-file"
        let raw = open(NetworkNamespaces.path(of: name), O_CREAT | O_WRONLY, 0o644)
        close(raw)
        defer { unlink(NetworkNamespaces.path(of: name)) }
        let other = #expect(throws: SystemError.self) { try namespaces.open(name) }
        #expect(raw >= 0 && other?.code == EINVAL)
    }
}
