/// What the first bytes of a server that speaks first say, as far as they have come. Until they are decided nothing is passed on, and another server may be taken.
enum FirstPacket: Equatable, BitwiseCopyable {
    /// More bytes are needed.
    case incomplete
    /// It is whole, and for the client. What follows it changes nothing.
    case ready
    /// A refusal that another server would not say.
    case refusing(ServerRefusal)
    /// It is not of the protocol.
    case garbage
}

/// An error with which a server that speaks first turns a session away, and another server would not: "not me, not now".
package struct ServerRefusal: Hashable, Sendable, BitwiseCopyable {
    /// Its place among the refusals of all protocols.
    package let place: Int

    /// By place: the error's number in its protocol, and why new sessions leave the server out, `nil` where it cannot serve anybody at present.
    private static let table: [(number: UInt16, skip: ServerSkip?)] = MySQLServerFirst.refusals
    /// How many refusals there are.
    package static let count = table.count

    /// The refusal at `place`.
    init(place: Int) {
        precondition(place >= 0 && place < Self.count, "refusal \(place) of \(Self.count)")
        self.place = place
    }

    /// The error's number.
    package var number: UInt16 { Self.table[place].number }
    /// Why new sessions leave the server out; `nil` when it cannot serve anybody at present.
    package var skip: ServerSkip? { Self.table[place].skip }
}

/// Why no server has taken a session.
enum UnservedReason {
    case noneUsable, noneReached, allFull, noGreeting
}
