import LinuxIO
import Wire

/// A listening socket as its thread sees it.
package struct ThreadListener: Sendable {
    /// The listening, non-blocking socket. Threads that share the socket share the file.
    package var file: OpenFile
    /// Index into the frontends.
    package var frontend: Int
    /// The bound address, as `Connect from ... to` lines show it; `nil` for a wildcard address, where each connection has its own.
    package var address: SocketAddress?
    /// The listener's name in lines about refused connections: the `name` of its `bind`, or its number in the frontend, from 1.
    package var name: String
    /// Whether a PROXY header comes first.
    package var proxyHeader: ProxyHeaderRule
    /// Index into the frontend's binds; `nil` if the bind needs neither its own limit nor its own statistics.
    package var bind: Int?

    /// Creates a listener of `frontend`.
    package init(file: OpenFile, frontend: Int, address: SocketAddress?, name: String = "1", proxyHeader: ProxyHeaderRule = .none, bind: Int? = nil) {
        self.file = file
        self.frontend = frontend
        self.address = address
        self.name = name
        self.proxyHeader = proxyHeader
        self.bind = bind
    }
}
