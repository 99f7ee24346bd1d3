import Glibc
import LinuxIO
import Support
import Testing
import Wire

@Suite("A held port")
struct HeldPortTests {
    private func connects(_ kind: SocketKind, to address: SocketAddress) throws -> Bool {
        let client = try Sockets.open(kind, for: address)
        _ = fcntl(client.raw, F_SETFL, 0)
        guard RawSocketAddress(address).withPointer({ connect(client.raw, $0, $1) }) == 0 else { return false }
        // The kernel refuses a datagram during send(2), and reports it at the next call.
        guard kind == .datagram else { return true }
        return send(client.raw, "x", 1, 0) == 1 && send(client.raw, "x", 1, 0) == 1
    }

    @Test("refuses connects before a server listens at it, and after the server has closed", arguments: ["127.0.0.1", "0.0.0.0", "::1"])
    func stream(host: String) throws {
        let port = try HeldPort(at: .ip(try #require(IPAddress(host)), port: 0))
        for _ in 0..<2 {
            #expect(try !connects(.stream, to: port.address))
            let listener = try listenBlocking(port.address, backlog: 1)
            #expect(try connects(.stream, to: port.address))
            close(listener)
        }
        #expect(try !connects(.stream, to: port.address))
    }

    @Test("refuses datagrams")
    func datagram() throws {
        let port = try HeldPort(.datagram)
        #expect(try !connects(.datagram, to: port.address))
    }

    @Test("is taken for sockets without SO_REUSEADDR", arguments: [SocketKind.stream, .datagram])
    func isTaken(kind: SocketKind) throws {
        let port = try HeldPort(kind)
        let other = try Sockets.open(kind, for: port.address)
        #expect(throws: SystemError("bind", code: EADDRINUSE)) { try Sockets.bind(other.raw, to: port.address) }
    }
}
