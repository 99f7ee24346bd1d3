// A small blocking MySQL client for tests and load: one login without password, text queries, COM_QUIT.
// It exists because a load of connects must cost microseconds and record exactly how far each attempt got.

import CLinux
import Glibc
import LinuxIO
import Wire

/// The result of an attempt to use the database through a proxy.
package enum AttemptOutcome: String, Codable, Sendable {
    /// The query was answered.
    case answered
    /// connect() was refused, or failed in another way.
    case connectFailed
    /// connect() or a read took longer than the client's patience.
    case timedOut
    /// The connection ended before the server's greeting.
    case endedBeforeGreeting
    /// The connection ended after the greeting.
    case endedAfterGreeting
    /// The server sent an error packet.
    case errorPacket
}

/// A failed attempt.
package struct MySQLClientError: Error, CustomStringConvertible {
    /// How far the attempt got.
    package let outcome: AttemptOutcome
    /// The text of errno, or the server's message.
    package let detail: String
    /// The time after connect(); `nil` when it failed.
    package var connectedAt: Int64?
    /// Result and detail in one line.
    package var description: String { "\(outcome.rawValue): \(detail)" }
}

/// A connection that is logged in once `init` has returned.
package struct MySQLClient: ~Copyable {
    private let descriptor: Int32
    private var greeted = false
    /// The time after connect().
    package private(set) var connectedAt: Int64 = 0

    /// Connects and logs in.
    ///
    /// - Parameters:
    ///   - address: an IPv4 address in digits.
    ///   - user: a user without password.
    ///   - patience: seconds for connect and for each read.
    package init(address: String, port: UInt16, user: String, patience: Int = 15) throws(MySQLClientError) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw MySQLClientError(outcome: .connectFailed, detail: "no socket: errno \(errno)") }
        limitWaits(SO_RCVTIMEO, SO_SNDTIMEO, to: patience * 1000, on: descriptor)
        let target = RawSocketAddress(.ip(IPAddress(address) ?? .anyV4, port: port))
        if target.withPointer({ connect(descriptor, $0, $1) }) != 0 {
            let reason = errno
            throw MySQLClientError(outcome: reason == EINPROGRESS ? .timedOut : .connectFailed, detail: String(cString: strerror(reason)))
        }
        connectedAt = MonotonicMoment.now
        do throws(MySQLClientError) {
            try readGreeting()
            try logIn(user: user)
        } catch {
            var located = error
            located.connectedAt = connectedAt
            throw located
        }
    }

    deinit { close(descriptor) }

    private mutating func readGreeting() throws(MySQLClientError) {
        let greeting = try readPacket()
        if greeting.payload.first == 0xff { throw Self.serverError(greeting.payload) }
        greeted = true
    }

    private mutating func logIn(user: String) throws(MySQLClientError) {
        // LONG_PASSWORD, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH
        let capabilities: UInt32 = 0x0000_0001 | 0x0000_0200 | 0x0000_2000 | 0x0000_8000 | 0x0008_0000
        let packetBytesMax: UInt32 = 1 << 24
        var login = ByteWriter()
        for value in [capabilities, packetBytesMax] { login.writeLittleEndian(value) }
        login.write(33)
        login.write(repeating: 0, count: 23)
        login.write(user.utf8)
        login.write([0, 0])
        login.write("mysql_native_password".utf8)
        login.write(0)
        try writePacket(login.bytes, sequence: 1)
        var answer = try readPacket()
        if answer.payload.first == 0xfe {
            try writePacket([], sequence: answer.sequence &+ 1)
            answer = try readPacket()
        }
        guard answer.payload.first == 0 else { throw Self.serverError(answer.payload) }
    }

    /// Sends a query and reads the whole result.
    /// - Returns: the fields of the first row; empty when the result has no rows.
    package mutating func query(_ text: String) throws(MySQLClientError) -> [String] {
        try writePacket([3] + Array(text.utf8), sequence: 0)
        let first = try readPacket().payload
        if first.first == 0xff { throw Self.serverError(first) }
        guard let columns = first.first, columns > 0 else { return [] }
        for _ in 0..<columns { _ = try readPacket() }
        _ = try readPacket()
        var row: [String]?
        while true {
            let packet = try readPacket().payload
            if packet.first == 0xff { throw Self.serverError(packet) }
            if packet.first == 0xfe, packet.count < 9 { return row ?? [] }
            if row == nil { row = Self.fields(packet) }
        }
    }

    /// Sends COM_QUIT and waits for the server to close.
    package mutating func quit() {
        do throws(MySQLClientError) {
            try writePacket([1], sequence: 0)
            _ = try readPacket()
        } catch {
            return  // expected: the server closes
        }
    }

    /// Splits length-encoded strings that are all shorter than 251 bytes, which is enough for the tests.
    private static func fields(_ packet: [UInt8]) -> [String] {
        var fields: [String] = []
        var rest = packet[...]
        while let length = rest.popFirst() {
            if length == 0xfb {
                fields.append("NULL")
            } else {
                fields.append(String(decoding: rest.prefix(Int(length)), as: UTF8.self))
                rest = rest.dropFirst(Int(length))
            }
        }
        return fields
    }

    private static func serverError(_ packet: [UInt8]) -> MySQLClientError {
        MySQLClientError(outcome: .errorPacket, detail: String(decoding: packet.dropFirst(3), as: UTF8.self))
    }

    private func writePacket(_ payload: [UInt8], sequence: UInt8) throws(MySQLClientError) {
        let bytes = MySQLPacket(sequence: sequence, payload: payload).bytes
        guard sendAll(bytes, to: descriptor) else { throw ended("write: \(String(cString: strerror(errno)))") }
    }

    private func readPacket() throws(MySQLClientError) -> (sequence: UInt8, payload: [UInt8]) {
        let header = try readBytes(4)
        let count = Int(header[0]) | Int(header[1]) << 8 | Int(header[2]) << 16
        return (header[3], try readBytes(count))
    }

    private func readBytes(_ count: Int) throws(MySQLClientError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress.map { $0 + filled }, count - filled, 0) }
            if got < 0, errno == EAGAIN { throw MySQLClientError(outcome: .timedOut, detail: "no answer") }
            guard got > 0 else { throw ended(got == 0 ? "end of stream" : String(cString: strerror(errno))) }
            filled += got
        }
        return bytes
    }

    private func ended(_ detail: String) -> MySQLClientError {
        MySQLClientError(outcome: greeted ? .endedAfterGreeting : .endedBeforeGreeting, detail: detail)
    }
}
