/// The user data of an epoll event. It identifies a descriptor of a session, a listener or the thread's wake-up.
struct SessionToken: Equatable {
    /// The kind of descriptor.
    enum Kind: UInt64 {
        case client, server, second, listener, wakeUp
    }

    static let generationMask: UInt32 = 0x0fff_ffff
    let raw: UInt64

    init(raw: UInt64) { self.raw = raw }

    /// Layout: kind 4 bits, generation 28 bits, index 32 bits.
    init(_ kind: Kind, index: Int, generation: UInt32 = 0) {
        raw = kind.rawValue << 60 | UInt64(generation & Self.generationMask) << 32 | UInt64(UInt32(truncatingIfNeeded: index))
    }

    var kind: Kind { Kind(rawValue: raw >> 60) ?? .wakeUp }
    var index: Int { Int(UInt32(truncatingIfNeeded: raw)) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: raw >> 32) & Self.generationMask }
}
