/// A `frontend`, or the listening half of a `listen` section.
package struct Frontend: Equatable, Sendable {
    /// The section's name.
    package var name: String
    /// HAProxy's `iid`: from 2, in the order of the file. Both halves of a `listen` have the same one.
    package var identifier: Int
    /// The addresses that it listens on.
    package var binds: [Bind] = []
    /// The index of the backend that takes its sessions; `nil` for none.
    package var backend: Int?
    /// All backends named in the section, the default one first. Each counts this frontend's `maxconn` toward its `fullconn`.
    package var namedBackends: [Int] = []
    /// `maxconn`: the most sessions at a time; `nil` for the process's limit.
    package var connectionsMax: Int?
    /// `backlog`: the length of the listening sockets' queues; `nil` for `connectionsMax`.
    package var backlog: Int?
    /// `timeout client`: the idle time of the client's side; `nil` for no limit.
    package var clientTimeout: Duration?
    /// `timeout client-fin`: the idle time once the client's side is half-closed.
    package var clientFinTimeout: Duration?
    /// `timeout client-hs`: how long a client may take to send its PROXY header; `nil` for `clientTimeout`.
    package var handshakeTimeout: Duration?
    /// `option nolinger`: clients' connections are reset when their sessions end.
    package var resetsClients = false
    /// `option independent-streams`: only bytes from the client count against `clientTimeout`, and not those that it receives.
    package var hasIndependentTimeout = false
    /// `option tcp-smart-accept`: the first bytes of a client are acknowledged together with the answer.
    package var delaysAcknowledgements = false
    /// `option socket-stats`: `show stat` has a row for each bind.
    package var countsBinds = false
    /// Keepalive toward clients.
    package var keepAlive = KeepAlive.clients
    /// `description`; not shown anywhere.
    package var description: String?
    /// `disabled`: its listeners are not opened.
    package var isDisabled = false
    /// True for the half of a `listen` section.
    package var isListen = false
    /// The log settings.
    package var log = LogSettings()

    /// The number of each bind: `sid` in `show stat`, and the name of a bind without `name` in log lines.
    package var bindNumbers: [Int] { AutomaticNumbers.assign(fixed: binds.map(\.number)) }

    /// Creates a frontend without binds.
    package init(name: String, identifier: Int) {
        self.name = name
        self.identifier = identifier
    }
}
