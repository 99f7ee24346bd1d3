import Wire

/// The rest of a handshake whose client has left: what is to be said so that the server does not count it against this host. Fed with what the connection does,
/// does no I/O. Carry the steps out after each input; `deadline` may have moved then.
protocol HandshakeEnding {
    /// True while the server has not spoken.
    var isAwaitingFirstPacket: Bool { get }
    /// When the server has been silent for too long.
    var deadline: Instant { get }
    /// The first packet has come, and the client has got it.
    mutating func firstPacketPassed(now: Instant) -> [HandshakeStep]
    /// Bytes came.
    mutating func received(_ bytes: [UInt8], now: Instant) -> [HandshakeStep]
    /// The server has closed its side in order.
    mutating func ended(now: Instant) -> [HandshakeStep]
}

/// What is to be done for the end of a handshake.
enum HandshakeStep: Equatable {
    /// Send these bytes.
    case send([UInt8])
    /// Close: nothing comes after it. Whether the server has nothing to count against this host.
    case finished(isHarmless: Bool)
}
