import Wire

/// The address of a listening socket, a server or a log target before names are resolved.
package enum Endpoint: Hashable, Sendable {
    /// A numeric address and a port.
    case ip(IPAddress, port: UInt16)
    /// A host name and a port.
    case name(String, port: UInt16)
    /// A UNIX socket's path; an abstract name begins with a NUL (`SocketAddress`).
    case unix(String)
    /// A descriptor inherited by this process.
    case inherited(Int32)
}

extension Endpoint: CustomStringConvertible {
    /// The address, name or path, without a port: "10.0.1.10", "dbserver01", "/run/s", "abns@s", "fd@3".
    package var host: String {
        switch self {
        case .ip(let address, _): address.description
        case .name(let name, _): name
        case .unix(let path): SocketAddress.text(ofPath: path)
        case .inherited(let number): "fd@\(number)"
        }
    }

    /// The port; 0 without one.
    package var port: UInt16 {
        switch self {
        case .ip(_, let port), .name(_, let port): port
        case .unix, .inherited: 0
        }
    }

    /// The text as in the configuration: "10.0.1.10:7946", "[::1]:7946", "dbserver01:3306", "/run/s", "fd@3".
    package var description: String {
        switch self {
        case .ip(let address, let port): SocketAddress.ip(address, port: port).description
        case .name(let name, let port): "\(name):\(port)"
        case .unix, .inherited: host
        }
    }
}
