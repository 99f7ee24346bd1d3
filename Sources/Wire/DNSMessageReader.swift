/// Reads one DNS message. Names point back into the message, so it keeps the whole of it beside the rest.
struct DNSMessageReader {
    private let message: [UInt8]
    private var rest: ByteReader

    init(_ message: [UInt8]) {
        self.message = message
        rest = ByteReader(message)
    }

    /// The offset of the next byte to read, at most the message's length.
    var position: Int {
        get { message.count - rest.count }
        set { rest = ByteReader(message[min(max(newValue, 0), message.count)...]) }
    }

    /// The next integer, the high byte first; `nil` when the message ends before.
    mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) -> Integer? { rest.readBigEndian() }

    /// Passes over `count` bytes; `nil` when there are fewer.
    mutating func skip(_ count: Int) -> Void? { rest.skip(count) }

    /// The offset `count` bytes on, `nil` when the message ends before.
    func end(of count: Int) -> Int? { count <= rest.count ? position + count : nil }

    /// The next name, in lower case. Every compression pointer must point before the place where the part that holds it began,
    /// so that each jump goes further back: no loop is possible.
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
                bytes.append(contentsOf: message[(reading + 1)..<(reading + 1 + Int(length))].map(DNSName.lowered))
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
