import FuzzWorld
import Glibc
import Proxy
import Support
import Wire

// A check's session with a hostile database: it ends at most once, sends nothing afterwards, never sends the password in clear text, and gives the same result
// for the same bytes however they are split.

/// The steps of an input. Before them, its first byte selects the session's setup.
private enum Step: UInt8 {
    /// Raw bytes.
    case bytes
    /// A packet with the expected sequence number.
    case packet
    /// The server closes its side.
    case end
}

private let password = Array("correct horse".utf8)

/// The result of a session.
private struct Outcome {
    var sent: [UInt8] = []
    var end: Result<DatabaseReport, DatabaseError>?

    /// The end without the text of a violation, because garbage may be detected at its first or at a later byte.
    var kind: Result<DatabaseReport, DatabaseError>? {
        if case .failure(.protocolViolation) = end { .failure(.protocolViolation("")) } else { end }
    }
}

@MainActor private func play(_ start: UnsafePointer<UInt8>?, _ count: Int) {
    var input = FuzzInput(start, count)
    let setup = input.byte()
    let mode = DatabaseTLSMode.allCases[Int(setup) % DatabaseTLSMode.allCases.count]
    guard let secret = DatabasePassword(setup & 4 == 0 ? password : []) else { return }
    var cryptography = NullDatabaseCryptography()
    if setup & 8 != 0 { cryptography.certificateProblem = "untrusted" }
    let login = DatabaseLogin(user: "monitor", password: secret, tls: mode)
    let fresh = DatabaseSession(login, queries: ["select 1", "show replica status"], cryptography: cryptography)
    var session = fresh
    var outcome = Outcome()
    var received: [UInt8] = []
    var due = UInt8(0)
    var isClosed = false
    while !input.isAtEnd {
        switch Step(rawValue: UInt8(input.choice(3))) ?? .bytes {
        case .bytes:
            let bytes = Array(input.chunk(limit: 4096))
            received += bytes
            take(session.receive(bytes), into: &outcome, due: &due)
        case .packet:
            let packet = MySQLPacket(sequence: due, payload: Array(input.chunk(limit: 4096)))
            due = packet.sequence &+ 1
            received += packet.bytes
            take(session.receive(packet.bytes), into: &outcome, due: &due)
        case .end:
            isClosed = true
            take(session.endOfStream(), into: &outcome, due: &due)
        }
    }
    precondition((session.stage == .finished) == (outcome.end != nil), "the stage does not match the end")
    guard mode == .off else { return }
    precondition(password.isEmpty || !contains(outcome.sent, password), "the password was sent in clear text")
    guard !isClosed else { return }
    // Without TLS the result does not depend on how the bytes are split.
    var (whole, other, ignored) = (fresh, Outcome(), UInt8(0))
    take(whole.receive(received), into: &other, due: &ignored)
    precondition(other.sent == outcome.sent && other.kind == outcome.kind, "the same bytes in one piece give another result")
}

private func take(_ outputs: [DatabaseSession.Output], into outcome: inout Outcome, due: inout UInt8) {
    for output in outputs {
        precondition(outcome.end == nil, "output after the end")
        switch output {
        case .send(let bytes):
            outcome.sent += bytes
            if bytes.count >= 4 { due = bytes[3] &+ 1 }
        case .finished(let end): outcome.end = end
        }
    }
}

private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    guard bytes.count >= part.count else { return false }
    return (0...(bytes.count - part.count)).contains { bytes[$0..<$0 + part.count].elementsEqual(part) }
}

private func steps(setup: UInt8, _ payloads: [[UInt8]], handshakeAfter: Int? = nil) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(setup)
    for (number, payload) in payloads.enumerated() {
        writer.write(Step.packet.rawValue)
        writer.writeBigEndian(UInt16(payload.count))
        writer.write(payload)
        if handshakeAfter == number { writer.write([Step.bytes.rawValue, 0, 1, 0]) }
    }
    return writer.bytes
}

@MainActor private func seeds() -> [(name: String, bytes: [UInt8])] {
    func greeting(_ plugin: String) -> [UInt8] {
        let all: MySQLCapabilities = [.longPassword, .protocol41, .transactions, .secureConnection, .pluginAuthentication, .tls]
        return MySQLGreeting(serverVersion: "8.4.3", connectionIdentifier: 1, seed: Array(1...20), capabilities: all, plugin: plugin).payload
    }
    let ok: [UInt8] = [0, 0, 0, 2, 0, 0, 0]
    let rows = MySQLPeer.packets(.rows(MySQLResultSet(columns: ["Seconds_Behind_Source", "Last_Error"], rows: [["3", nil], ["4", "none"]])))
    let error = MySQLErrorPacket(code: 1045, sqlState: "28000", message: "Access denied").payload
    let (sha2, native) = (greeting("caching_sha2_password"), greeting("mysql_native_password"))
    return [
        ("native", steps(setup: 0, [native, ok] + rows + rows)), ("fast", steps(setup: 0, [sha2, [1, 3], ok] + rows + [error])),
        ("key", steps(setup: 0, [sha2, [1, 4], [1] + Array("key".utf8), ok] + rows + [ok])),
        ("tls", steps(setup: 2, [sha2, [1, 4], ok] + rows + rows, handshakeAfter: 0)),
        ("untrusted", steps(setup: 8 + 6, [sha2, error], handshakeAfter: 0)),
        ("switch", steps(setup: 0, [native, [0xfe] + Array("client_ed25519\0".utf8) + Array(1...33), ok] + rows + rows)),
        ("denied", steps(setup: 0, [sha2, error])), ("unknown", steps(setup: 4, [sha2, [0xfe] + Array("parsec\0".utf8), error])),
    ]
}

exit(
    FuzzDriver.run(seeds: seeds) { start, count in
        play(start, count)
        return 0
    })
