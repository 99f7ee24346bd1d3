/// `backend/server`: a server's names in the configuration.
struct ServerName: Hashable, Comparable, Sendable {
    /// The backend's name.
    let backend: String
    /// The server's name.
    let server: String

    static func < (left: ServerName, right: ServerName) -> Bool { (left.backend, left.server) < (right.backend, right.server) }
}
