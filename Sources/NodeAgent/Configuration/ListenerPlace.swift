import Proxy

/// The place of a listening socket. Two sockets of a process at one place exclude each other, or share its connections.
struct ListenerPlace: Hashable {
    private let endpoint: Endpoint
    /// The family of a name; a numeric address has its own.
    private let family: AddressFamily?
    /// Sockets of different interfaces may have the same address.
    private let interface: String?
    /// So may sockets in different network namespaces.
    private let namespace: String?

    /// The place of `bind`. A name without a family has an IPv4 address if there is one.
    init(_ bind: Bind) {
        (endpoint, interface, namespace) = (bind.endpoint, bind.interface, bind.namespace)
        family = if case .name = bind.endpoint { bind.family ?? .v4 } else { nil }
    }
}
