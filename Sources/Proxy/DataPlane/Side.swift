// The hot path: plain values in preallocated memory. This file never allocates, retains or releases.

/// The readiness of one descriptor.
struct SideFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// Bytes may be waiting: the last read did not drain the socket.
    static let readable = SideFlags(rawValue: 1)
    /// The last send took all bytes.
    static let writable = SideFlags(rawValue: 2)
    /// epoll has reported a FIN or an error. Only a read that returns 0 or fails ends this side. The flag stays set because edges are not repeated.
    static let hungUp = SideFlags(rawValue: 4)
    /// Sends fail: bytes for this side are dropped.
    static let dead = SideFlags(rawValue: 8)
    /// epoll has reported an error. A read that finds a FIN first never sees the error.
    static let failed = SideFlags(rawValue: 16)
}

/// One end of a session.
struct Side: BitwiseCopyable {
    /// -1 while it has none.
    var descriptor: Int32
    var flags: SideFlags
}
