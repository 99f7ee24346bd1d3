/// A reader of one DNS message. It keeps the whole message, because compressed names point back into it.
struct DNSMessageReader {
    private let message: [UInt8]
    private var rest: ByteReader

    init(_ message: [UInt8]) {
        self.message = message
        rest = ByteReader(message)
    }

    /// The offset of the next unread byte, at most the message's length.
    var position: Int {
        get { message.count - rest.count }
        set { rest = ByteReader(message[min(max(newValue, 0), message.count)...]) }
    }

    /// Reads an integer in network byte order; `nil` when the message ends before.
    mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) -> Integer? { rest.readBigEndian() }

    /// Skips `count` bytes; `nil` when fewer are left.
    mutating func skip(_ count: Int) -> Void? { rest.skip(count) }

    /// The offset after `count` more bytes; `nil` when the message ends before.
    func end(of count: Int) -> Int? { count <= rest.count ? position + count : nil }

    /// Reads a name in lower case. A compression pointer must point before the start of the part that contains it. Each jump therefore goes further back, and
    /// no loop is possible.
    mutating func name() throws(DNSAnswerError) -> DNSName {
        var bytes: [UInt8] = []
        var reading = position
        var partStart = position
        var end: Int?
        while true {
            guard reading < message.count else { throw .tooShort }
            let length = message[reading]
            switch length >> 6 {
            case 0:
                guard message.count - reading > Int(length) else { throw .tooShort }
                guard bytes.count + 1 + Int(length) < DNSName.bytesMax || length == 0 else { throw .badName }
                bytes.append(length)
                bytes.append(contentsOf: message[(reading + 1)..<(reading + 1 + Int(length))].map(\.asciiLowercased))
                reading += 1 + Int(length)
                guard length == 0 else { continue }
                position = end ?? reading
                return DNSName(wire: bytes)
            case 3:
                guard reading + 1 < message.count else { throw .tooShort }
                let target = Int(length & 0x3f) << 8 | Int(message[reading + 1])
                guard target < partStart else { throw .badName }
                end = end ?? reading + 2
                reading = target
                partStart = target
            default:
                throw .badName
            }
        }
    }
}
