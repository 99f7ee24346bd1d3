/// Reads the messages between a node and its helper process for external checks from a stream of bytes.
///
/// Every check has its own connection. Closing it ends the program.
///
///     node to helper   request: run the program for this server
///     helper to node   started             the program runs
///                      exited or killed    it has ended
///                      failed              instead of all others: it could not be started
///
///     offset  bytes  field
///     0       1      n, the length of the message
///     1       n      the message
package struct ExternalCheckReader: Sendable {
    private var bytes: [UInt8] = []

    /// Creates a reader at the start of a connection.
    package init() {}

    /// Adds received bytes. The caller takes all complete messages after each call, so that less than one message remains.
    package mutating func append(_ more: [UInt8]) { bytes += more }

    /// True when no byte is left.
    package var isAtEnd: Bool { bytes.isEmpty }

    /// Removes and returns the next message without its length; `nil` until it is complete.
    package mutating func next() -> ArraySlice<UInt8>? {
        var reader = ByteReader(bytes)
        guard let length = reader.readByte(), let message = reader.readBytes(Int(length)) else { return nil }
        bytes = Array(reader.rest)
        return message
    }

    /// Returns `message` with its length before it.
    fileprivate static func frame(_ message: ByteWriter) -> [UInt8] {
        precondition(message.bytes.count <= UInt8.max, "a message of \(message.bytes.count) bytes")
        return [UInt8(message.bytes.count)] + message.bytes
    }
}

/// A request to run the program of an external check. It contains only what changes during the node's life: the helper has the rest.
///
///     offset  bytes  field
///     0       4      index of the backend in the node's configuration
///     4       4      index of the server in the backend
///     8       4      number of sessions of the server
///     12      n      address
///
/// An address is a byte 4, the IPv4 address and the port; or a byte 6, the IPv6 address and the port; or a byte 1, the length of a UNIX path and the path.
/// A path that begins with a NUL is an abstract name, all bytes of which count.
package struct ExternalCheckRequest: Equatable, Sendable {
    /// The index of the backend.
    package var backend: UInt32
    /// The index of the server in the backend.
    package var server: UInt32
    /// The server's current number of sessions.
    package var sessions: UInt32
    /// The server's current address.
    package var address: SocketAddress

    /// Creates a request from its parts.
    package init(backend: UInt32, server: UInt32, sessions: UInt32, address: SocketAddress) {
        (self.backend, self.server, self.sessions, self.address) = (backend, server, sessions, address)
    }

    /// The request as it is sent.
    package var frame: [UInt8] {
        var writer = ByteWriter()
        for number in [backend, server, sessions] { writer.writeBigEndian(number) }
        writer.write(address)
        return ExternalCheckReader.frame(writer)
    }

    /// Decodes a message; `nil` if it is not a request.
    package init?(_ message: ArraySlice<UInt8>) {
        var reader = ByteReader(message)
        guard let backend: UInt32 = reader.readBigEndian(), let server: UInt32 = reader.readBigEndian(), let sessions: UInt32 = reader.readBigEndian(),
            let address = reader.readAddress(), reader.isAtEnd
        else { return nil }
        self.init(backend: backend, server: server, sessions: sessions, address: address)
    }
}

/// A message of the helper process about the program of a check.
///
///     offset  bytes  field
///     0       1      1 started, 2 exited, 3 killed, 4 failed
///     1       1      exited: the exit code; killed: the signal
///     1       n      failed: the reason, n up to `reasonBytesMax`
package enum ExternalCheckAnswer: Equatable, Sendable {
    /// The limit on the bytes of a reason. Longer ones are cut.
    package static let reasonBytesMax = 127

    /// The program runs.
    case started
    /// The program has ended with this exit code.
    case exited(code: UInt8)
    /// A signal has killed the program.
    case killed(signal: UInt8)
    /// The program could not be started; the kernel's reason.
    case failed(reason: String)

    /// The answer as it is sent.
    package var frame: [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .started: writer.write(1)
        case .exited(let code): writer.write([2, code])
        case .killed(let signal): writer.write([3, signal])
        case .failed(let reason):
            writer.write(4)
            writer.write(reason.utf8.prefix(Self.reasonBytesMax))
        }
        return ExternalCheckReader.frame(writer)
    }

    /// Decodes a message; `nil` if it is not an answer.
    package init?(_ message: ArraySlice<UInt8>) {
        var reader = ByteReader(message)
        switch reader.readByte() {
        case 1: self = .started
        case 2:
            guard let code = reader.readByte() else { return nil }
            self = .exited(code: code)
        case 3:
            guard let signal = reader.readByte() else { return nil }
            self = .killed(signal: signal)
        case 4:
            guard reader.count <= Self.reasonBytesMax else { return nil }
            self = .failed(reason: String(decoding: reader.readRest(), as: UTF8.self))
        default: return nil
        }
        guard reader.isAtEnd else { return nil }
    }
}

extension ByteWriter {
    /// Writes an address of an external check. A path is cut at the limit of UNIX sockets.
    mutating func write(_ address: SocketAddress) {
        switch address {
        case .ip(.v4(let bits), let port):
            write(4)
            writeBigEndian(bits)
            writeBigEndian(port)
        case .ip(.v6(let high, let low), let port):
            write(6)
            writeBigEndian(high)
            writeBigEndian(low)
            writeBigEndian(port)
        case .unix(let path):
            let bytes = path.utf8.prefix(SocketAddress.bytesMax(ofPath: path))
            write([1, UInt8(bytes.count)])
            write(bytes)
        }
    }
}

extension ByteReader {
    /// Reads an address of an external check; `nil` if the bytes are malformed.
    mutating func readAddress() -> SocketAddress? {
        switch readByte() {
        case 4:
            guard let bits: UInt32 = readBigEndian(), let port: UInt16 = readBigEndian() else { return nil }
            return .ip(.v4(bits), port: port)
        case 6:
            guard let high: UInt64 = readBigEndian(), let low: UInt64 = readBigEndian(), let port: UInt16 = readBigEndian() else { return nil }
            return .ip(.v6(high: high, low: low), port: port)
        case 1:
            guard let bytes = readByte().flatMap({ readBytes(Int($0)) }), !bytes.isEmpty else { return nil }
            let path = String(decoding: bytes, as: UTF8.self)
            guard bytes.count <= SocketAddress.bytesMax(ofPath: path), SocketAddress.isAbstract(path) || !bytes.contains(0) else { return nil }
            return .unix(path)
        default: return nil
        }
    }
}
