import Support
import Testing
import Wire

@Suite("The MySQL codec")
struct MySQLTests {
    private let greeting = MySQLGreeting(
        serverVersion: "5.5.5-10.11.19-MariaDB-0+deb12u1", connectionIdentifier: 8, seed: Array(65..<85),
        capabilities: [.protocol41, .secureConnection, .pluginAuthentication], plugin: "mysql_native_password")

    /// The packets of an answer with two columns that come before its rows: the number of columns, the columns and an EOF.
    static let rows = Array(MySQLPeer.packets(.rows(MySQLResultSet(columns: ["a", "b"], rows: []))).dropLast())

    @Test("reads back the greeting that it wrote")
    func greetingRoundTrip() throws {
        #expect(try MySQLGreeting(payload: greeting.payload) == greeting)
    }

    @Test("accepts a greeting of a server before 4.1, which ends after the first capabilities")
    func oldGreeting() throws {
        let payload: [UInt8] = [10] + Array("4.0.1".utf8) + [0, 7, 0, 0, 0] + Array("abcdefgh".utf8) + [0, 0x2c, 0]
        let read = try MySQLGreeting(payload: payload)
        #expect(read.serverVersion == "4.0.1")
        #expect(read.connectionIdentifier == 7)
        #expect(read.plugin == nil)
    }

    @Test("refuses a greeting that is cut anywhere before its plugin name")
    func truncatedGreeting() {
        let payload = greeting.payload
        let optionalFrom = payload.count - "mysql_native_password".utf8.count - 1
        let endOfFirstPart = 1 + greeting.serverVersion.utf8.count + 1 + 4 + 8 + 1 + 2
        for length in 0..<optionalFrom where length != endOfFirstPart {
            #expect(throws: MySQLGreetingError.truncated, "length \(length)") { try MySQLGreeting(payload: Array(payload.prefix(length))) }
        }
    }

    @Test("refuses any other protocol version, and a version text without an end")
    func strangeGreeting() {
        #expect(throws: MySQLGreetingError.unknownProtocol(9)) { try MySQLGreeting(payload: [9, 0x34]) }
        #expect(throws: MySQLGreetingError.truncated) { try MySQLGreeting(payload: [10] + Array(repeating: 65, count: 2000)) }
    }

    @Test("reads errors with and without SQL state")
    func errors() {
        let denied = MySQLErrorPacket(code: 1045, sqlState: "28000", message: "Access denied for user 'haproxy_check'@'localhost' (using password: NO)")
        #expect(MySQLErrorPacket(payload: denied.payload) == denied)
        #expect(denied.text.hasPrefix("#28000Access denied"))
        let blocked = MySQLErrorPacket(code: 1129, message: "Host '10.0.0.1' is blocked")
        #expect(MySQLErrorPacket(payload: blocked.payload) == blocked)
        #expect(MySQLReply(payload: blocked.payload) == .error(blocked))
        #expect(MySQLErrorPacket(payload: [0xff, 1]) == nil)
        #expect(MySQLErrorPacket(payload: [0xff, 1, 0, 0x23, 0x41])?.message == "#A")
        #expect(MySQLErrorPacket(payload: [0xff, 1, 0] + Array(repeating: 65, count: 9999))?.message.utf8.count == MySQLErrorPacket.messageBytesMax)
    }

    @Test("writes the same logins as HAProxy, byte for byte")
    func logins() {
        let user = Array("haproxy_check".utf8)
        #expect(
            MySQLLogin.since41(user: "haproxy_check").bytes
                == [0x2f, 0, 0, 1, 0x00, 0x82, 0, 0, 0x00, 0x80, 0, 1, 0x21] + Array(repeating: 0, count: 23) + user + [0, 0])
        #expect(MySQLLogin.before41(user: "haproxy_check").bytes == [0x14, 0, 0, 1, 0x00, 0x80, 0, 0, 1] + user + [0, 0])
        #expect(MySQLPacket.quit.bytes == [1, 0, 0, 0, 1])
    }

    @Test("cuts a stream into the same packets, however the bytes arrive", arguments: 0..<32 as Range<UInt64>)
    func framing(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let packets = (0..<8).map {
            MySQLPacket(sequence: $0, payload: (0..<Int.random(in: 0..<300, using: &random)).map { _ in .random(in: 0...255, using: &random) })
        }
        var stream = packets.flatMap(\.bytes)[...]
        var reader = MySQLPacketReader(payloadBytesMax: 300)
        var read: [MySQLPacket] = []
        while !stream.isEmpty {
            let count = min(stream.count, Int.random(in: 1...40, using: &random))
            reader.append(stream.prefix(count))
            stream = stream.dropFirst(count)
            while let packet = try reader.next() { read.append(packet) }
        }
        #expect(read == packets, "seed \(seed)")
        #expect(reader.isEmpty)
    }

    @Test("refuses a packet over its limit as soon as the header is complete")
    func tooLong() {
        var reader = MySQLPacketReader(payloadBytesMax: 8192)
        reader.append("SSH-".utf8)
        #expect(throws: MySQLFramingError.tooLong(bytes: 0x485353, limit: 8192)) { try reader.next() }
    }

    @Test("survives random bytes", arguments: 0..<200 as Range<UInt64>)
    func randomBytes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var payload = (0..<Int.random(in: 0..<120, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        if !payload.isEmpty { payload[0] = [0x00, 0x01, 0x0a, 0xfe, 0xff].randomElement(using: &random) ?? 0 }
        _ = try? MySQLGreeting(payload: payload)
        _ = MySQLErrorPacket(payload: payload)
        _ = MySQLReply(payload: payload)
        var changed = greeting.payload
        for _ in 0..<4 { changed[Int.random(in: 0..<changed.count, using: &random)] = .random(in: 0...255, using: &random) }
        _ = try? MySQLGreeting(payload: changed)
        var reader = MySQLPacketReader(payloadBytesMax: 64)
        reader.append(payload)
        var read = 0
        while let packet = (try? reader.next()) ?? nil { read += packet.bytes.count }
        #expect(read <= payload.count, "seed \(seed)")
        var answer = MySQLResultReader()
        for packet in MySQLTests.rows + [payload] { if (try? answer.read(packet)) ?? nil != nil { break } }
    }
}
