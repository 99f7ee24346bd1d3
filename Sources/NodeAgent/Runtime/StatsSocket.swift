import LinuxIO

/// An open stats socket.
struct StatsSocket {
    /// The listening socket.
    var file: OpenFile
    /// The rights of its connections.
    var rights: RuntimeRights
    /// `maxconn` of its line: the most connections of this socket; `nil` for `stats maxconn` alone.
    var connectionsMax: Int?
}
