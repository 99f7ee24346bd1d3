import FuzzWorld
import Glibc
import Wire

// The first bytes of a hostile database: the result must not change when bytes follow, and must agree with the reader of whole packets.

/// Classifies bytes.
private func opening(_ bytes: some Collection<UInt8>) -> MySQLOpening { Array(bytes).withUnsafeBytes { MySQLOpening($0) } }

/// Checks the properties that hold for any bytes.
private func read(_ bytes: [UInt8]) {
    let whole = opening(bytes)
    var decided: MySQLOpening?
    for length in 0...min(bytes.count, 300) {
        let partial = opening(bytes.prefix(length))
        if let decided { precondition(partial == decided, "later bytes change the result") }
        if partial != .incomplete { decided = partial }
    }
    if bytes.count <= 300 { precondition(whole == decided ?? .incomplete, "all bytes at once give another result") }
    precondition(whole != .incomplete || bytes.count < MySQLOpening.bytesMax, "it waits for more bytes than a packet can have")
    var reader = MySQLPacketReader(payloadBytesMax: MySQLOpening.payloadBytesMax)
    reader.append(bytes)
    guard let packet = try? reader.next() else { return precondition(whole == .incomplete || whole == .garbage, "a result without a packet") }
    switch whole {
    case .greeting: precondition(packet.payload.first == 10, "not a greeting")
    case .error(let number): precondition(MySQLErrorPacket(payload: packet.payload)?.code == number, "another error number")
    case .garbage: precondition(packet.payload.first != 10 && MySQLErrorPacket(payload: packet.payload) == nil, "a valid packet is called garbage")
    case .incomplete: preconditionFailure("a complete packet is called incomplete")
    }
    if (try? MySQLGreeting(payload: packet.payload)) != nil { precondition(whole == .greeting, "a valid greeting is rejected") }
}

@MainActor private func seeds() -> [(name: String, bytes: [UInt8])] {
    let greeting = MySQLGreeting(
        serverVersion: "5.5.5-10.11.19-MariaDB", connectionIdentifier: 8, seed: Array(65..<85),
        capabilities: [.protocol41, .secureConnection, .pluginAuthentication], plugin: "mysql_native_password")
    let whole = MySQLPacket(sequence: 0, payload: greeting.payload).bytes
    let full = MySQLPacket(sequence: 0, payload: MySQLErrorPacket(code: 1040, message: "Too many connections").payload).bytes
    let blocked = MySQLPacket(sequence: 1, payload: MySQLErrorPacket(code: 1129, sqlState: "HY000", message: "Host is blocked").payload).bytes
    return [
        ("greeting", whole), ("half", Array(whole.prefix(20))), ("full", full), ("blocked", blocked), ("both", whole + full),
        ("short-error", [2, 0, 0, 0, 0xff, 1]), ("empty", [0, 0, 0, 0]), ("long", [1, 0x20, 0, 0, 10]), ("text", Array("SSH-2.0-OpenSSH_9.2\r\n".utf8)),
    ]
}

exit(
    FuzzDriver.run(seeds: seeds) { start, count in
        read(Array(UnsafeBufferPointer(start: start, count: count)))
        return 0
    })
