import LinuxIO

/// An open stats socket.
struct StatsSocket {
    /// The listening socket.
    var file: OpenFile
    /// The rights of its connections.
    var rights: RuntimeRights
}
