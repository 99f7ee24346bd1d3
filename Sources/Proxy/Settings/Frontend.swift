/// A `frontend`, or the listening half of a `listen` section.
package struct Frontend: Equatable, Sendable {
    /// The section's name.
    package var name: String
    /// HAProxy's `iid`: from 2, in the order of the file; both halves of a `listen` have the same.
    package var identifier: Int
    /// Where it listens.
    package var binds: [Bind] = []
    /// The backend that takes its sessions: an index into the configuration's backends; `nil` for none.
    package var backend: Int?
    /// Every backend that a line of the section names, `backend` first: each counts this frontend's `maxconn` toward its `fullconn`.
    package var namedBackends: [Int] = []
    /// `maxconn`: sessions at once; `nil` for the process's limit.
    package var connectionsMax: Int?
    /// `backlog`: the listening sockets' queue; `nil` for `connectionsMax`.
    package var backlog: Int?
    /// `timeout client`: idle time of the client's side; `nil` for ever.
    package var clientTimeout: Duration?
    /// `timeout client-fin`: the same once the client's side is half-closed.
    package var clientFinTimeout: Duration?
    /// Keepalive toward clients.
    package var keepAlive = KeepAlive.clients
    /// `description`; nothing shows it yet.
    package var description: String?
    /// `disabled`: the section's listeners are not opened.
    package var isDisabled = false
    /// True for the half of a `listen` section.
    package var isListen = false
    /// What it logs, and where.
    package var log = LogSettings()

    /// A frontend without binds.
    package init(name: String, identifier: Int) {
        self.name = name
        self.identifier = identifier
    }
}
