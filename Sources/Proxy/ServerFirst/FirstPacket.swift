/// The first packet of a server that speaks first, as far as it has arrived. Until it is classified nothing is sent to the client, and another server may be
/// used.
enum FirstPacket: Equatable, BitwiseCopyable {
    /// Incomplete: more bytes must arrive.
    case incomplete
    /// Complete, and for the client. Later bytes do not matter.
    case ready
    /// A refusal that another server would not send.
    case refusing(ServerRefusal)
    /// The bytes do not follow the protocol.
    case garbage
}

/// An error with which a server refuses a session now, while another server might take it.
package struct ServerRefusal: Hashable, Sendable, BitwiseCopyable {
    /// The index among the refusals of all protocols.
    package let index: Int

    /// By index: the error's number in its protocol, and why new sessions skip the server; `nil` when the server cannot serve any client at present.
    private static let table: [(number: UInt16, skip: ServerSkip?)] = MySQLServerFirst.refusals
    /// The number of refusals.
    package static let count = table.count

    /// Creates the refusal with index `index`.
    init(index: Int) {
        precondition(index >= 0 && index < Self.count, "refusal \(index) of \(Self.count)")
        self.index = index
    }

    /// The error's number.
    package var number: UInt16 { Self.table[index].number }
    /// Why new sessions skip the server; `nil` when it cannot serve any client at present.
    package var skip: ServerSkip? { Self.table[index].skip }
}

/// Why no server has taken a session.
enum UnservedReason {
    case noneUsable, noneReached, allFull, noGreeting
}
