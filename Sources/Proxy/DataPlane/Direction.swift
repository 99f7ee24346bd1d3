// The hot path: plain values in preallocated memory. This file never allocates, retains or releases.

/// The state of a direction.
struct DirectionFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// The source has ended its stream.
    static let ended = DirectionFlags(rawValue: 1)
    /// The sink has received the end of the stream, or must not receive it.
    static let shut = DirectionFlags(rawValue: 2)
    /// A stream: bytes move through a pipe.
    static let spliced = DirectionFlags(rawValue: 4)
    /// splice(2) does not work between these two sockets: never try again.
    static let unspliceable = DirectionFlags(rawValue: 8)
    /// An end before the first byte is hidden from the sink: the control thread finishes the handshake.
    static let finishesHandshake = DirectionFlags(rawValue: 16)
    /// The bytes in the buffer must not be sent yet: they are being inspected, or the sink does not exist yet.
    static let held = DirectionFlags(rawValue: 32)
    /// Nagle's algorithm is on at the sink: a small segment waits until the previous one is acknowledged. It is turned off before the second send, because many
    /// sessions send only once.
    static let delays = DirectionFlags(rawValue: 64)
    /// `option nolinger` of the backend: the end of the source's stream is not forwarded. It ends the session, and the sink is reset.
    static let resetsSink = DirectionFlags(rawValue: 128)
}

/// The bytes on their way from one side to the other, and their buffer or pipe.
struct Direction: BitwiseCopyable {
    /// A buffer from the thread's pool while bytes are pending or held; `nil` otherwise.
    var buffer: UnsafeMutableRawPointer?
    /// The pending or held bytes in `buffer`: `start..<end`.
    var start: UInt32
    var end: UInt32
    /// The index of a pipe from the pool, -1 for none, and the number of bytes in it.
    var pipe: Int32
    var pipeBytes: UInt32
    var flags: DirectionFlags
    /// Reads in a row that filled the whole scratch buffer.
    var fullReads: UInt8
    /// When bytes were last read from the source: the low 32 bits of the thread's clock in milliseconds. See `Session.lastRead`.
    var readAt: UInt32
    /// Bytes read from the source since the session began, without held ones.
    var bytes: UInt64

    /// True when bytes wait only for the sink.
    var hasPending: Bool { end > start && !flags.contains(.held) || pipeBytes > 0 }
    /// The source has ended, and the sink has received everything.
    var isDone: Bool { flags.contains(.ended) && !hasPending }
}
