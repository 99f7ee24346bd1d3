/// The meaning of a MySQL server's first bytes. While a proxy has forwarded nothing to the client, it may still choose another server.
///
///     offset  bytes  field
///     0       3      length of the payload, little-endian
///     3       1      sequence number, ignored
///     4       1      10: a greeting, 255: an error, anything else: not MySQL
///     5       2      the error's number, little-endian
///
/// A result needs the whole packet, unless its first bytes already exclude MySQL: a server that stalls within its greeting counts as silent. Bytes after the
/// packet do not matter.
package enum MySQLOpening: Equatable, Sendable, BitwiseCopyable {
    /// More bytes are needed.
    case incomplete
    /// A complete greeting.
    case greeting
    /// A complete error packet with this number.
    case error(UInt16)
    /// Not MySQL.
    case garbage

    /// The limit on the payload. Greetings and errors are far smaller; a longer packet is not MySQL.
    package static let payloadBytesMax = 8192
    /// The limit on header and payload; further bytes are ignored.
    package static let bytesMax = 4 + payloadBytesMax

    /// Classifies the first bytes of a stream.
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

/// The reason why a MySQL server refuses a connection before its greeting, when another server would accept it.
package enum MySQLRefusal: Equatable, Sendable, BitwiseCopyable {
    /// The server has reached its connection limit. It is healthy and skipped for a short time.
    case full
    /// The server refuses this host only.
    case hostRefused
    /// The server cannot serve any client at present.
    case unable

    /// All error numbers that mean a refusal, ascending.
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

    /// Returns the meaning of a number; `nil` when other servers would refuse the connection as well.
    package init?(_ number: UInt16) {
        guard let index = Self.index(of: number) else { return nil }
        self = Self.numbers[index].refusal
    }

    /// Returns the index of the number in `numbers`; `nil` when it is not listed.
    package static func index(of number: UInt16) -> Int? { numbers.firstIndex { $0.number == number } }
}
