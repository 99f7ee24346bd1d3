/// A server's place: which backend of the configuration, which server of the backend.
package struct ServerReference: Hashable, Comparable, Sendable {
    /// Index into the configuration's backends.
    package let backend: Int
    /// Index into that backend's servers.
    package let server: Int

    /// Server `server` of backend `backend`.
    package init(backend: Int, server: Int) {
        self.backend = backend
        self.server = server
    }

    /// In the order of the file.
    package static func < (left: ServerReference, right: ServerReference) -> Bool {
        (left.backend, left.server) < (right.backend, right.server)
    }
}
