import Proxy
import Wire

/// The value of `X-Haproxy-Server-State`, with which `http-check send-state` shows a server how this node sees it.
enum CheckStateText {
    /// What the text says about the server's backend.
    struct Backend {
        /// Its name.
        let name: String
        /// The number of sessions that have a server.
        let sessions: Int
        /// The weights in effect of all its servers.
        let weight: Int
    }

    /// "UP 2/3; address=10.0.0.1; port=3306; name=bck/srv2; node=lb1; weight=1/2; scur=13/22; qcur=0".
    static func text(_ server: ServerStatistics, of backend: Backend, node: String) -> String {
        let (address, port): (String, String) =
            switch server.address {
            case .ip(let address, let port)?: (address.description, String(port))
            case .unix?: ("unix", "")
            case nil: ("", "")
            }
        let weight = StatisticsTable.weight(sixteenths: server.weight * server.share)
        let throttle = StatisticsTable.throttle(server).map { "; throttle=\($0)%" } ?? ""
        return "\(state(server)); address=\(address); port=\(port); name=\(backend.name)/\(server.name); node=\(node)"
            + "; weight=\(weight)/\(backend.weight); scur=\(server.sessions.current)/\(backend.sessions); qcur=\(server.serving.queued)" + throttle
    }

    /// `show stat`'s status, but UP for a draining server: "UP", "UP 2/3", "DOWN 1/2", "NOLB".
    private static func state(_ server: ServerStatistics) -> String {
        server.status.hasPrefix("DRAIN") ? "UP" + server.status.dropFirst("DRAIN".utf8.count) : server.status
    }
}
