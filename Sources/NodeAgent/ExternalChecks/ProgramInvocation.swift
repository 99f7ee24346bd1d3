import Wire

/// How the program of an external check is called, as HAProxy does it.
struct ProgramInvocation: Equatable {
    /// HAProxy's argument for an address or a port that does not exist.
    private static let missing = "NOT_USED"

    /// The path, or a name to look up in PATH.
    let command: String
    /// The arguments: address and port of the proxy, address and port of the server.
    let arguments: [String]
    /// All variables.
    let environment: [String: String]

    /// The call for `request`; `nil` if the table has no program for its server.
    ///
    /// - Parameter inherited: further variables. Those about the check take precedence.
    init?(_ request: ExternalCheckRequest, _ table: ExternalCheckTable, inherited: [String: String]) {
        guard let program = table.programs.first(where: { $0.backend == request.backend }), Int(request.server) < program.servers.count else { return nil }
        let server = program.servers[Int(request.server)]
        let proxyPlace = program.listener.map(Self.words) ?? (address: "", port: "")
        let serverPlace = Self.words(request.address)
        command = program.command
        arguments = [
            program.listener == nil ? Self.missing : proxyPlace.address, proxyPlace.port.isEmpty ? Self.missing : proxyPlace.port,
            serverPlace.address, serverPlace.port.isEmpty ? Self.missing : serverPlace.port,
        ]
        let own = [
            "PATH": program.path, "HAPROXY_PROXY_NAME": program.proxyName, "HAPROXY_PROXY_ID": String(program.proxyIdentifier),
            "HAPROXY_PROXY_ADDR": proxyPlace.address, "HAPROXY_PROXY_PORT": proxyPlace.port, "HAPROXY_SERVER_NAME": server.name,
            "HAPROXY_SERVER_ID": String(server.identifier), "HAPROXY_SERVER_ADDR": serverPlace.address, "HAPROXY_SERVER_PORT": serverPlace.port,
            "HAPROXY_SERVER_MAXCONN": String(server.connectionsMax), "HAPROXY_SERVER_CURCONN": String(request.sessions),
            // tsukada has no TLS, and forwards no protocol but TCP.
            "HAPROXY_SERVER_SSL": "0", "HAPROXY_SERVER_PROTO": "tcp",
        ]
        environment = table.keepsEnvironment ? inherited.merging(own) { $1 } : own
    }

    /// An address as two words. The port of a path is empty, and so is an abstract name: HAProxy passes the bytes before its first NUL, of which there are none.
    private static func words(_ address: SocketAddress) -> (address: String, port: String) {
        switch address {
        case .ip(let host, let port): (host.description, String(port))
        case .unix(let path): (SocketAddress.isAbstract(path) ? "" : path, "")
        }
    }
}
