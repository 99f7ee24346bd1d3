// The hot path: plain values in preallocated memory, nothing here allocates, retains or releases.

/// What is known of one descriptor's readiness.
struct SideFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// Bytes may wait: the last read did not drain the socket.
    static let readable = SideFlags(rawValue: 1)
    /// The last send was taken whole.
    static let writable = SideFlags(rawValue: 2)
    /// A FIN or an error has been announced: only a read that returns 0 or fails ends this side. Sticky, because edges are not repeated.
    static let hungUp = SideFlags(rawValue: 4)
    /// Sends fail: what waits for this side is dropped.
    static let dead = SideFlags(rawValue: 8)
    /// The kernel has reported an error. A read that finds a FIN before it never sees it.
    static let failed = SideFlags(rawValue: 16)
}

/// One end of a session.
struct Side: BitwiseCopyable {
    /// -1 while there is none.
    var descriptor: Int32
    var flags: SideFlags
}
