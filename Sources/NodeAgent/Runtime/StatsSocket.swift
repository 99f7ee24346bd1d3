import LinuxIO

/// An open stats socket.
struct StatsSocket {
    /// Bound and listening.
    var file: OpenFile
    /// What a connection may do.
    var rights: RuntimeRights
}
