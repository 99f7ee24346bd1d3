import Wire

/// The rest of a handshake whose client has left: what is to be said so that the server does not count it against this host. Fed with what the connection does,
/// does no I/O. Carry the steps out after each input; `deadline` may have moved then.
protocol HandshakeEnding {
    /// True while the server has not spoken.
    var isAwaitingFirstPacket: Bool { get }
    /// When the server has been silent for too long.
    var deadline: Instant { get }
    /// The first packet has come, and the client has got it.
    mutating func firstPacketPassed(now: Instant) -> [CheckOutput]
    /// Bytes came.
    mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput]
    /// The server has closed its side in order.
    mutating func ended(now: Instant) -> [CheckOutput]
}
