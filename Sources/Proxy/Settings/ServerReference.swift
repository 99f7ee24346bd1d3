/// A server's position in the configuration.
package struct ServerReference: Hashable, Comparable, Sendable {
    /// Index into the configuration's backends.
    package let backend: Int
    /// Index into that backend's servers.
    package let server: Int

    /// Creates a reference to server `server` of backend `backend`.
    package init(backend: Int, server: Int) {
        self.backend = backend
        self.server = server
    }

    /// Orders references as in the file.
    package static func < (left: ServerReference, right: ServerReference) -> Bool {
        (left.backend, left.server) < (right.backend, right.server)
    }
}
