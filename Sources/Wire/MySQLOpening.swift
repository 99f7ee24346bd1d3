/// What a MySQL server's first bytes say, as far as they have come: a proxy that has passed nothing on yet may still take another server.
///
///     offset  bytes  field
///     0       3      length of the payload, little-endian
///     3       1      sequence number: not looked at
///     4       1      10: a greeting, 255: an error, anything else: no MySQL
///     5       2      an error's number, little-endian
///
/// Nothing is decided before the whole packet is there, unless it cannot become one: a server that stops in the midst of its greeting is as silent as one that never
/// began. What follows the packet changes nothing.
package enum MySQLOpening: Equatable, Sendable, BitwiseCopyable {
    /// More bytes are needed.
    case incomplete
    /// A whole greeting.
    case greeting
    /// A whole error packet, by its number.
    case error(UInt16)
    /// Not MySQL.
    case garbage

    /// Greetings and errors are far smaller; what announces more is no MySQL.
    package static let payloadBytesMax = 8192
    /// Header and payload: more bytes than these are never looked at.
    package static let bytesMax = 4 + payloadBytesMax

    /// Looks at a stream's first bytes, wherever they lie.
    package init(_ bytes: UnsafeRawBufferPointer) {
        self = .incomplete
        guard bytes.count >= 3 else { return }
        let length = Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16
        guard (1...Self.payloadBytesMax).contains(length) else {
            self = .garbage
            return
        }
        guard bytes.count >= 5 else { return }
        let isWhole = bytes.count >= 4 + length
        switch bytes[4] {
        case 10: if isWhole { self = .greeting }
        case 0xff where length < 3: self = .garbage
        case 0xff: if isWhole { self = .error(UInt16(bytes[5]) | UInt16(bytes[6]) << 8) }
        default: self = .garbage
        }
    }
}

/// Why a MySQL server refuses a connection before it greets, where another server would not: "not me, not now".
package enum MySQLRefusal: Equatable, Sendable, BitwiseCopyable {
    /// It has no room: it is well, and skipped for a moment.
    case full
    /// It refuses this host, not others.
    case hostRefused
    /// It cannot serve anybody at present.
    case unable

    /// Every number that means one of these, ascending.
    package static let numbers: [(number: UInt16, refusal: MySQLRefusal)] = [
        (1037, .unable),  // ER_OUTOFMEMORY
        (1038, .unable),  // ER_OUT_OF_SORTMEMORY
        (1040, .full),  // ER_CON_COUNT_ERROR
        (1041, .unable),  // ER_OUT_OF_RESOURCES
        (1042, .unable),  // ER_BAD_HOST_ERROR
        (1043, .unable),  // ER_HANDSHAKE_ERROR
        (1053, .unable),  // ER_SERVER_SHUTDOWN
        (1129, .hostRefused),  // ER_HOST_IS_BLOCKED
        (1130, .hostRefused),  // ER_HOST_NOT_PRIVILEGED
        (1135, .unable),  // ER_CANT_CREATE_THREAD
        (1158, .unable),  // ER_NET_READ_ERROR
        (1159, .unable),  // ER_NET_READ_INTERRUPTED
        (1160, .unable),  // ER_NET_ERROR_ON_WRITE
        (1161, .unable),  // ER_NET_WRITE_INTERRUPTED
        (1203, .full),  // ER_TOO_MANY_USER_CONNECTIONS
    ]

    /// What the number means; `nil` for one that another server would say, too.
    package init?(_ number: UInt16) {
        guard let place = Self.place(of: number) else { return nil }
        self = Self.numbers[place].refusal
    }

    /// The number's place in `numbers`; `nil` when it is none of them.
    package static func place(of number: UInt16) -> Int? { numbers.firstIndex { $0.number == number } }
}
