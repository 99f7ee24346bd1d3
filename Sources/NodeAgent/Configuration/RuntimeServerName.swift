/// `backend/server`, as a command names it.
struct RuntimeServerName: Hashable, Sendable {
    /// The backend's name.
    let backend: String
    /// The server's name.
    let server: String
}
