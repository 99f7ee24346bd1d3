import Testing
import Wire

@testable import NodeAgent

@Suite("The call of an external check's program")
struct ProgramInvocationTests {
    private func filled(listener: SocketAddress?, path: String = "/usr/bin:/bin") -> ExternalCheckTable {
        var table = ExternalCheckTable()
        let servers = [
            ExternalCheckTable.Server(name: "a", identifier: 7, connectionsMax: 33), ExternalCheckTable.Server(name: "b", identifier: 2, connectionsMax: 0),
        ]
        table.programs = [
            ExternalCheckTable.Program(
                backend: 4, command: "/usr/local/bin/check", path: path, proxyName: "one", proxyIdentifier: 2, listener: listener, servers: servers)
        ]
        return table
    }

    private func request(backend: UInt32 = 4, server: UInt32 = 0, address: SocketAddress = .ip(.v4(0x7f42_0002), port: 5001)) -> ExternalCheckRequest {
        ExternalCheckRequest(backend: backend, server: server, sessions: 12, address: address)
    }

    @Test("has the arguments and variables of HAProxy, and no others")
    func complete() throws {
        let call = try #require(ProgramInvocation(request(), filled(listener: .ip(.v4(0x7f42_0001), port: 4001)), inherited: ["FOO": "bar"]))
        #expect(call.command == "/usr/local/bin/check")
        #expect(call.arguments == ["127.66.0.1", "4001", "127.66.0.2", "5001"])
        #expect(
            call.environment == [
                "HAPROXY_PROXY_ADDR": "127.66.0.1", "HAPROXY_PROXY_ID": "2", "HAPROXY_PROXY_NAME": "one", "HAPROXY_PROXY_PORT": "4001",
                "HAPROXY_SERVER_ADDR": "127.66.0.2", "HAPROXY_SERVER_CURCONN": "12", "HAPROXY_SERVER_ID": "7", "HAPROXY_SERVER_MAXCONN": "33",
                "HAPROXY_SERVER_NAME": "a", "HAPROXY_SERVER_PORT": "5001", "HAPROXY_SERVER_PROTO": "tcp", "HAPROXY_SERVER_SSL": "0",
                "PATH": "/usr/bin:/bin",
            ])
    }

    /// What HAProxy 2.6 passes: arguments, and the variables with the addresses and ports of the proxy and the server.
    static let examples: [(listener: SocketAddress?, server: SocketAddress, arguments: [String], variables: [String])] = [
        (.ip(.v4(0), port: 4101), .ip(.v4(0x7f42_0002), port: 0), ["0.0.0.0", "4101", "127.66.0.2", "0"], ["0.0.0.0", "4101", "127.66.0.2", "0"]),
        (.ip(.anyV6, port: 4102), .ip(.v6(high: 0, low: 1), port: 5003), ["::", "4102", "::1", "5003"], ["::", "4102", "::1", "5003"]),
        (.unix("\0l\0"), .unix("\0x\0"), ["", "NOT_USED", "", "NOT_USED"], ["", "", "", ""]),
        (.unix("/run/l"), .unix("/run/x"), ["/run/l", "NOT_USED", "/run/x", "NOT_USED"], ["/run/l", "", "/run/x", ""]),
        (nil, .ip(.v4(0x7f42_0002), port: 1), ["NOT_USED", "NOT_USED", "127.66.0.2", "1"], ["", "", "127.66.0.2", "1"]),
    ]

    @Test("has HAProxy's words for missing addresses and ports", arguments: 0..<examples.count)
    func places(index: Int) throws {
        let place = Self.examples[index]
        let call = try #require(ProgramInvocation(request(address: place.server), filled(listener: place.listener), inherited: [:]))
        #expect(call.arguments == place.arguments)
        let names = ["HAPROXY_PROXY_ADDR", "HAPROXY_PROXY_PORT", "HAPROXY_SERVER_ADDR", "HAPROXY_SERVER_PORT"]
        #expect(names.map { call.environment[$0] } == place.variables)
    }

    @Test("inherits variables only with 'preserve-env', and none about the check")
    func inherited() throws {
        var table = filled(listener: nil, path: "")
        let inherited = ["FOO": "bar", "PATH": "/sbin", "HAPROXY_SERVER_NAME": "x"]
        #expect(try #require(ProgramInvocation(request(), table, inherited: inherited)).environment["FOO"] == nil)
        table.keepsEnvironment = true
        let kept = try #require(ProgramInvocation(request(server: 1), table, inherited: inherited)).environment
        #expect(kept["FOO"] == "bar" && kept["PATH"] == "" && kept["HAPROXY_SERVER_NAME"] == "b" && kept["HAPROXY_SERVER_MAXCONN"] == "0")
    }

    @Test("exists only for the servers of the table")
    func unknown() {
        #expect(ProgramInvocation(request(backend: 0), filled(listener: nil), inherited: [:]) == nil)
        #expect(ProgramInvocation(request(server: 2), filled(listener: nil), inherited: [:]) == nil)
        #expect(ProgramInvocation(request(server: .max), filled(listener: nil), inherited: [:]) == nil)
    }
}
