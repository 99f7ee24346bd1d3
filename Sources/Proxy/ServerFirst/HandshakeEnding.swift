import Wire

/// The rest of a handshake whose client has left, so that the server does not count it against this host. It receives the connection's events and does no I/O.
/// Carry out the returned actions after each input; `deadline` may have changed.
protocol HandshakeEnding {
    /// True until the server's first packet has arrived.
    var isAwaitingFirstPacket: Bool { get }
    /// When the current step times out.
    var deadline: Instant { get }
    /// Continues after a first packet that the client has received.
    mutating func firstPacketPassed(now: Instant) -> [CheckOutput]
    /// Handles received bytes.
    mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput]
    /// Handles the server's orderly end of the stream.
    mutating func ended(now: Instant) -> [CheckOutput]
}
