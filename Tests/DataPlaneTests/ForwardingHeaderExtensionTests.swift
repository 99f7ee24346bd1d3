import LinuxIO
import Testing
import Wire

@testable import Proxy

@Suite("Extensions of PROXY headers to servers", .timeLimit(.minutes(2)))
struct ForwardingHeaderExtensionTests {
    private static let addresses = ProxyHeader.Addresses(
        source: .v4(0x0a01_0203), sourcePort: 40_000, destination: .v4(0x0a00_010a), destinationPort: 3_306)

    private func asked(_ authority: String?) -> ProxyHeader {
        var header = ProxyHeader(Self.addresses)
        header.authority = authority.map { Array($0.utf8) }
        return header
    }

    private func harness(_ server: TestServer, _ options: ProxyHeaderOptions, _ values: [UInt8] = []) throws -> ForwardingHarness {
        try ForwardingHarness([server.address]) {
            $0.proxyHeader = .required
            $0.backend.servers[0].proxyHeader = .binary(options)
            $0.backend.servers[0].proxyHeaderValues = values
        }
    }

    @Test("pass on the authority of the client's own header, each session its own, and none without one")
    func authority() throws {
        let server = TestServer.echo("")
        defer { server.stop() }
        let harness = try harness(server, [.authority, .checksum, .uniqueID])
        let names = ["a.example", nil, "b.example", ""]
        let clients = try names.map { name in
            let client = try harness.connect()
            client.send(asked(name).binary(.authority))
            return client
        }
        for (client, name) in zip(clients, names) {
            let expected = asked(name).binary([.authority, .checksum, .uniqueID])
            #expect(client.text(expected.count) == String(decoding: expected, as: UTF8.self))
        }
        for client in clients { client.close() }
        #expect(harness.isEmptyEventually())
        // A later session in the same slot does not inherit it.
        let later = try harness.connect()
        later.send(asked(nil).binary())
        let expected = asked(nil).binary([.authority, .checksum, .uniqueID])
        #expect(later.text(expected.count) == String(decoding: expected, as: UTF8.self))
    }

    @Test("contain the constants of 'set-proxy-v2-tlv-fmt', and no authority that was not asked for")
    func values() throws {
        let server = TestServer.echo("")
        defer { server.stop() }
        let values = ProxyHeader.encoded(0xe0, Array("acme".utf8)) + ProxyHeader.encoded(0xe1, [])
        let harness = try harness(server, .checksum, values)
        let client = try harness.connect()
        client.send(asked("a.example").binary(.authority))
        let expected = asked(nil).binary(.checksum, values: values)
        #expect(client.text(expected.count) == String(decoding: expected, as: UTF8.self))
    }
}
