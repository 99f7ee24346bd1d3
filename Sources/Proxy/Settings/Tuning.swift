/// The sizes of a socket's kernel buffers in bytes; 0 for the kernel's choice. The kernel reserves twice as much.
package struct SocketBuffers: BitwiseCopyable, Equatable, Sendable {
    /// `tune.rcvbuf.client`, `tune.rcvbuf.server`.
    package var receive: Int32 = 0
    /// `tune.sndbuf.client`, `tune.sndbuf.server`.
    package var send: Int32 = 0

    /// Creates the kernel's choice.
    package init() {}
}

/// The sizes and limits of `global` that the data plane and the checks obey.
package struct Tuning: Equatable, Sendable {
    /// The default of `bufferBytes`.
    package static let bufferBytesStandard = 16_384
    /// The largest `bufferBytes`.
    package static let bufferBytesMax = 16 << 20

    /// `tune.bufsize`: the most bytes of a client that are held for a server, and the most bytes of a check's answer.
    package var bufferBytes = bufferBytesStandard
    /// `tune.maxaccept`: the most connections that a listener accepts before other work has a turn.
    package var acceptsPerTurn = 64
    /// `maxconnrate`: the most connections that the process accepts in a second; 0 for no limit.
    package var connectionsPerSecond = 0
    /// `maxsessrate`: the most sessions that the process begins in a second; 0 for no limit.
    package var sessionsPerSecond = 0
    /// The buffers of clients' sockets.
    package var clientBuffers = SocketBuffers()
    /// The buffers of servers' sockets, also those of checks.
    package var serverBuffers = SocketBuffers()
    /// `tune.sndbuf.backend`: the send buffer of each socket for log lines; 0 for the default.
    package var logSendBytes: Int32 = 0

    /// Creates the defaults.
    package init() {}

    /// The most connections that may be accepted in a second, each of which is a session; 0 for no limit.
    package var acceptsPerSecond: Int {
        let limits = [connectionsPerSecond, sessionsPerSecond].filter { $0 > 0 }
        return limits.min() ?? 0
    }
}
