import Wire

/// `source`: the local address of connections to a server.
package struct SourceSettings: Equatable, Sendable {
    /// `usesrc`: the address that the server sees in a session, in place of `address`.
    package enum Presented: BitwiseCopyable, Equatable, Sendable {
        /// The client's address and port.
        case client
        /// The client's address, and a port of the kernel's choice.
        case clientAddress
        /// This address; port 0 is one of the kernel's choice.
        case other(IPAddress, port: UInt16)
    }

    /// The address; `nil` for the kernel's choice.
    package var address: IPAddress?
    /// The ports, of which each connection uses one; `nil` for the kernel's choice.
    package var ports: ClosedRange<UInt16>?
    /// `usesrc`; `nil` for `address` itself.
    package var presented: Presented?
    /// `interface`: the network interface that connections use, at most 15 bytes; `nil` for the kernel's choice.
    package var interface: String?

    /// The limit on an interface's name in bytes.
    package static let interfaceBytesMax = 15
    /// A process needs a privilege for ports below this one.
    private static let unprivilegedPortMin = 1_024

    /// Creates the kernel's choice.
    package init() {}

    /// True when the server sees the client's address.
    package var needsClient: Bool { presented == .client || presented == .clientAddress }

    /// True when a connection needs the privilege to bind a foreign address, or to bind a socket to an interface.
    package var needsForeignAddresses: Bool { presented != nil || interface != nil }

    /// True when a connection needs the privilege to bind a port below 1024. A client's own port may be one of them, but clients never use them.
    package var needsLowPorts: Bool {
        let presentedPort: UInt16 = if case .other(_, let port)? = presented { port } else { 0 }
        return [ports?.lowerBound ?? 0, presentedPort].contains { $0 > 0 && $0 < Self.unprivilegedPortMin }
    }
}
