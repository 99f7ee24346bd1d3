// The hot path: plain values in preallocated memory, nothing here allocates, retains or releases.

/// How far one direction's end has come.
struct DirectionFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// The source will send no more.
    static let ended = DirectionFlags(rawValue: 1)
    /// The sink has been told so, or is not to be told.
    static let shut = DirectionFlags(rawValue: 2)
    /// The direction moves bulk: bytes go through a pipe.
    static let spliced = DirectionFlags(rawValue: 4)
    /// splice(2) does not work between these two: never try again.
    static let unspliceable = DirectionFlags(rawValue: 8)
    /// The sink does not hear of an end that comes before the first byte: its handshake is finished by the control thread.
    static let finishesHandshake = DirectionFlags(rawValue: 16)
    /// What is in the buffer does not go to the sink yet: it is being looked at, or there is no sink.
    static let held = DirectionFlags(rawValue: 32)
    /// The sink's socket holds a small segment back while an earlier one is not acknowledged. That ends before the second send: the first may be the only one.
    static let delays = DirectionFlags(rawValue: 64)
}

/// The bytes on their way from one side to the other.
struct Direction: BitwiseCopyable {
    /// A buffer lent from the thread's pool while the sink does not take what was read, or bytes are held; `nil` otherwise.
    var buffer: UnsafeMutableRawPointer?
    /// The pending or held bytes in `buffer`: `start..<end`.
    var start: UInt32
    var end: UInt32
    /// The lent pipe's index, -1 for none, and the bytes in it.
    var pipe: Int32
    var pipeBytes: UInt32
    var flags: DirectionFlags
    /// Reads in a row that filled the whole scratch buffer.
    var fullReads: UInt8
    /// Bytes taken from the source since the session began, without those that are held.
    var bytes: UInt64

    /// True when bytes wait for the sink only.
    var hasPending: Bool { end > start && !flags.contains(.held) || pipeBytes > 0 }
    /// The source will send no more, and the sink has got everything.
    var isDone: Bool { flags.contains(.ended) && !hasPending }
}
