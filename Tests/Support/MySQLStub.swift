// A stub of a MySQL server: it greets, accepts every login and answers every query with its own name.
// For the demonstration without databases, and for tests of faults that a real server does not show on request.

import CLinux
import Foundation
import LinuxIO
import Wire

/// A listening stub. Its threads end with the process.
package struct MySQLStub: Sendable {
    private let name: String
    private let listener: Int32

    /// Listens on an IPv4 address in digits.
    package init(name: String, address: String, port: UInt16) throws {
        self.name = name
        guard let host = IPAddress(address) else { throw ChildProcessError(description: "no address: \(address)") }
        listener = try listenBlocking(.ip(host, port: port), backlog: 256)
    }

    /// Accepts until the process ends, with one thread per client.
    package func serve() {
        var number: UInt32 = 0
        acceptEach(listener) { client in
            number &+= 1
            let connection = number
            Thread.detachNewThread { [self] in
                converse(client, connection: connection)
                close(client)
            }
        }
    }

    private func converse(_ client: Int32, connection: UInt32) {
        guard sendPacket(client, greeting(connection: connection), sequence: 0), receivePacket(client) != nil,
            sendPacket(client, Self.ok, sequence: 2)
        else { return }
        while let command = receivePacket(client), let kind = command.first, kind != 1 {
            if kind == 3 {
                guard answer(client) else { return }
            } else {
                guard sendPacket(client, Self.ok, sequence: 1) else { return }
            }
        }
    }

    private static let ok: [UInt8] = [0, 0, 0, 2, 0, 0, 0]
    private static let endOfRows: [UInt8] = [0xfe, 0, 0, 2, 0]

    private func greeting(connection: UInt32) -> [UInt8] {
        // 0x2001: LONG_PASSWORD and TRANSACTIONS, which real servers set.
        let capabilities: MySQLCapabilities = [.protocol41, .secureConnection, .pluginAuthentication, MySQLCapabilities(rawValue: 0x2001)]
        return MySQLGreeting(
            serverVersion: "8.0.0-\(name)", connectionIdentifier: connection, seed: Array("saltsaltsaltsaltsalt".utf8), capabilities: capabilities,
            plugin: "mysql_native_password"
        ).payload
    }

    private func answer(_ client: Int32) -> Bool {
        func text(_ value: String) -> [UInt8] { [UInt8(value.utf8.count)] + Array(value.utf8) }
        let column = text("def") + text("") + text("") + text("") + text("name") + text("") + [12, 33, 0, 0, 1, 0, 0, 0xfd, 0, 0, 0, 0, 0]
        let packets: [[UInt8]] = [[1], column, Self.endOfRows, text(name), Self.endOfRows]
        // One write, because five small ones would wait for delayed acknowledgements.
        return sendAll(packets.enumerated().flatMap { index, packet in MySQLPacket(sequence: UInt8(index + 1), payload: packet).bytes }, to: client)
    }

    private func sendPacket(_ client: Int32, _ payload: [UInt8], sequence: UInt8) -> Bool {
        sendAll(MySQLPacket(sequence: sequence, payload: payload).bytes, to: client)
    }

    private func receivePacket(_ client: Int32) -> [UInt8]? {
        func exactly(_ count: Int) -> [UInt8]? {
            guard count > 0 else { return [] }
            var bytes = [UInt8](repeating: 0, count: count)
            return recv(client, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
        }
        guard let header = exactly(4) else { return nil }
        return exactly(Int(header[0]) | Int(header[1]) << 8)
    }
}
