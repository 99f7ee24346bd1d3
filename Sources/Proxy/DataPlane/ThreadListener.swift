import LinuxIO
import Wire

/// A listening socket as its thread knows it.
package struct ThreadListener: Sendable {
    /// The open, listening, non-blocking socket. The thread that gets it polls it; the file is shared by threads when the socket is.
    package var file: OpenFile
    /// Index into the frontends.
    package var frontend: Int
    /// What it is bound to, as `Connect from ... to` lines show it; `nil` when it must be asked of each connection (a wildcard address).
    package var address: SocketAddress?
    /// What lines about connections that become no session call it: the `name` of its `bind`, or its number in the frontend, from 1.
    package var name: String
    /// Whether a PROXY header comes first.
    package var proxyHeader: ProxyHeaderRule

    /// A listener of `frontend`.
    package init(file: OpenFile, frontend: Int, address: SocketAddress?, name: String = "1", proxyHeader: ProxyHeaderRule = .none) {
        self.file = file
        self.frontend = frontend
        self.address = address
        self.name = name
        self.proxyHeader = proxyHeader
    }
}
