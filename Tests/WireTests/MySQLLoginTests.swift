import Support
import Testing
import Wire

private func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// A greeting as a real server sends it, and its content.
struct GreetingFixture: CustomTestStringConvertible {
    /// Without the packet's header.
    let payload: [UInt8]
    let version: String
    let seed: [UInt8]
    let plugin: String
    let offersTLS: Bool
    var testDescription: String { version }

    /// Bytes captured from a server.
    init(_ hexadecimal: String, version: String, seed: String, plugin: String, offersTLS: Bool) {
        (payload, self.version, self.seed, self.plugin, self.offersTLS) = (bytes(hexadecimal), version, bytes(seed), plugin, offersTLS)
    }

    /// Bytes by the documented layout: `Protocol::HandshakeV10`, and MariaDB's "Initial Handshake Packet", whose ten reserved bytes end with
    /// four of further capabilities.
    init(version: String, capabilities: UInt32, characterSet: UInt8, furtherCapabilities: UInt8 = 0, plugin: String) {
        let seed = (1...20).map { UInt8($0) }
        var payload = [10] + Array(version.utf8) + [0, 7, 0, 0, 0] + seed[..<8] + [0]
        payload += [UInt8(truncatingIfNeeded: capabilities), UInt8(truncatingIfNeeded: capabilities >> 8), characterSet, 2, 0]
        payload += [UInt8(truncatingIfNeeded: capabilities >> 16), UInt8(truncatingIfNeeded: capabilities >> 24), 21]
        payload += [0, 0, 0, 0, 0, 0, furtherCapabilities, 0, 0, 0] + seed[8...] + [0] + Array(plugin.utf8) + [0]
        (self.payload, self.version, self.seed, self.plugin, offersTLS) = (payload, version, seed, plugin, capabilities & 0x800 != 0)
    }

    static let all = [
        // Boost.MySQL's test of `deserialize_server_hello`: Ubuntu's server, without TLS.
        GreetingFixture(
            "0a352e372e32372d307562756e7475302e31392e30342e310002000000521a503a4b12702f00fff7080200ff811500000000000000000000"
                + "035a7405282b7f21434a2162006d7973716c5f6e61746976655f70617373776f726400",
            version: "5.7.27-0ubuntu0.19.04.1", seed: "521a503a4b12702f035a7405282b7f21434a2162", plugin: "mysql_native_password", offersTLS: false),
        // The packet in the tests of hibla's MySQLBinaryProtocol, from MySQL 8.0.16.
        GreetingFixture(
            "0a382e302e3136000d000000104a1205715d786300ffffff0200ffc315000000000000000000006e48494856784233763 93d5c0063616368696e675f736861325f70617373776f726400",
            version: "8.0.16", seed: "104a1205715d78636e484948567842337639 3d5c", plugin: "caching_sha2_password", offersTLS: true),
        // The packet in Teleport's `TestFetchMySQLVersion`, from MariaDB 10.8.2 in a container.
        GreetingFixture(
            "0a352e352e352d31302e382e322d4d6172696144422d313a31302e382e322b6d617269617e666f63616c000400000036474254626e225a00feff2d0200ffc115"
                + "0000000000001d000000233c462a3e38407656 28633d006d7973716c5f6e61746976655f70617373776f726400",
            version: "5.5.5-10.8.2-MariaDB-1:10.8.2+maria~focal", seed: "36474254626e225a233c462a3e3840765628633d", plugin: "mysql_native_password",
            offersTLS: true),
        GreetingFixture(version: "8.4.6", capabilities: 0xdfff_ffff, characterSet: 255, plugin: "caching_sha2_password"),
        GreetingFixture(version: "9.4.0", capabilities: 0xdfff_ffff, characterSet: 255, plugin: "caching_sha2_password"),
        GreetingFixture(
            version: "5.5.5-10.5.29-MariaDB-log", capabilities: 0x81ff_f7fe, characterSet: 45, furtherCapabilities: 0x07, plugin: "mysql_native_password"),
        GreetingFixture(
            version: "5.5.5-10.6.22-MariaDB", capabilities: 0xc1ff_fffe, characterSet: 45, furtherCapabilities: 0x0f, plugin: "mysql_native_password"),
        GreetingFixture(
            version: "11.4.7-MariaDB-ubu2404", capabilities: 0xc1ff_fffe, characterSet: 45, furtherCapabilities: 0x1d, plugin: "mysql_native_password"),
        GreetingFixture(
            version: "11.8.3-MariaDB-0+deb13u1", capabilities: 0xc1ff_fffe, characterSet: 45, furtherCapabilities: 0x3d, plugin: "mysql_native_password"),
    ]
}

@Suite("A login to a database")
struct MySQLLoginTests {
    @Test("begins with the greeting of any version in use", arguments: GreetingFixture.all)
    func greetings(fixture: GreetingFixture) throws {
        let greeting = try MySQLGreeting(payload: fixture.payload)
        #expect(greeting.serverVersion == fixture.version)
        #expect(greeting.seed == fixture.seed)
        #expect(greeting.plugin == fixture.plugin)
        #expect(greeting.capabilities.isSuperset(of: [.protocol41, .secureConnection, .pluginAuthentication]))
        #expect(greeting.capabilities.contains(.tls) == fixture.offersTLS)
        for length in 0..<fixture.payload.count - fixture.plugin.utf8.count - 1 {
            let cut = try? MySQLGreeting(payload: Array(fixture.payload.prefix(length)))
            #expect(cut == nil || cut?.capabilities.contains(.pluginAuthentication) == false, "length \(length)")
        }
    }

    @Test("is written as documented, and the request for TLS is its first 32 bytes")
    func response() {
        let login = MySQLHandshakeResponse(
            capabilities: [.longPassword, .protocol41, .transactions, .secureConnection, .pluginAuthentication, .tls], characterSet: 45, user: "u",
            answer: [1, 2, 3], plugin: "mysql_native_password")
        let head: [UInt8] = [0x01, 0xaa, 0x08, 0x00, 0x00, 0x80, 0x00, 0x01, 45] + Array(repeating: 0, count: 23)
        #expect(login.payload == head + [0x75, 0, 3, 1, 2, 3] + Array("mysql_native_password".utf8) + [0])
        #expect(login.tlsRequest == head)
    }

    @Test("distinguishes success, a change of method, the method's own data, and anything else")
    func replies() {
        #expect(MySQLReply(payload: [0, 0, 0, 2, 0, 0, 0]) == .ok(MySQLOKPacket()))
        #expect(MySQLReply(payload: [1, 4]) == .authenticationMoreData([4]))
        // The example of `AuthSwitchRequest` in the MySQL Internals Manual.
        let request = bytes("fe6d7973716c5f6e61746976655f70617373776f7264007a51673469366f4e79363d72484e2f3e2d62294100")
        #expect(MySQLReply(payload: request) == .authenticationSwitch(plugin: "mysql_native_password", seed: Array("zQg4i6oNy6=rHN/>-b)A\0".utf8)))
        #expect(MySQLReply(payload: [0xfe]) == .authenticationSwitch(plugin: "mysql_old_password", seed: []))
        #expect(MySQLReply(payload: [0xfe] + Array("endless".utf8)) == nil)
        #expect(MySQLReply(payload: [0, 0, 0, 2]) == nil)
        #expect(MySQLReply(payload: [0xff, 1]) == nil)
        #expect(MySQLReply(payload: []) == nil)
        #expect(MySQLReply(payload: [7]) == nil)
    }

    @Test("never shows the password")
    func passwordIsHidden() throws {
        let password = try #require(DatabasePassword(Array("s3cret".utf8)))
        var dumped = ""
        dump([password], to: &dumped)
        for text in ["\(password)", String(reflecting: [password]), dumped, "\(Optional(password) as Any)"] {
            #expect(!text.contains("s3cret") && !text.contains("115"), "\(text)")
        }
        #expect(DatabasePassword(Array(repeating: 1, count: DatabasePassword.bytesMax)) != nil)
        #expect(DatabasePassword(Array(repeating: 1, count: DatabasePassword.bytesMax + 1)) == nil)
        #expect(DatabasePassword([1, 0]) == nil)
    }

    @Test("encodes lengths as MySQL does", arguments: [0, 250, 251, 252, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000, Int.max])
    func lengths(value: Int) {
        var writer = ByteWriter()
        writer.writeLengthEncoded(value)
        var reader = ByteReader(writer.bytes)
        #expect(reader.readLengthEncoded() == UInt64(value))
        #expect(reader.isAtEnd)
        for length in 0..<writer.bytes.count {
            var cut = ByteReader(Array(writer.bytes.prefix(length)))
            #expect(cut.readLengthEncoded() == nil)
            #expect(cut.count == length)
        }
    }

    @Test("refuses a length greater than the number of remaining bytes")
    func lyingLengths() {
        for text in ["fb", "ff", "02aa", "feffffffffffffffff", "fe0000000000000080aa", "fdffffff00"] {
            var reader = ByteReader(bytes(text))
            let count = reader.count
            #expect(reader.readLengthEncodedBytes() == nil, "\(text)")
            #expect(reader.count == count)
        }
    }
}

@Suite("A database's answer")
struct MySQLResultTests {
    private let result = MySQLResultSet(
        columns: ["Slave_IO_State", "Seconds_Behind_Master", "empty"],
        rows: [["Waiting", nil, ""], [String(repeating: "é", count: 400), "37", "x"]])

    private func read(_ packets: [[UInt8]]) throws -> MySQLAnswer? {
        var reader = MySQLResultReader()
        for (number, packet) in packets.enumerated() {
            guard let answer = try reader.read(packet) else { continue }
            #expect(number == packets.count - 1, "it ends before its last packet")
            return answer
        }
        return nil
    }

    @Test("reads back as it was written: rows, no rows, a refusal, a refusal amid the rows")
    func roundTrips() throws {
        let empty = MySQLResultSet(columns: ["a"], rows: [])
        let error = MySQLErrorPacket(code: 1227, sqlState: "42000", message: "Access denied; you need (at least one of) the REPLICA MONITOR privilege(s)")
        for answer in [MySQLAnswer.rows(result), .rows(empty), .done(MySQLOKPacket()), .refused(error)] {
            #expect(try read(MySQLPeer.packets(answer)) == answer)
        }
        let packets = MySQLPeer.packets(.rows(result))
        #expect(try read(packets.dropLast() + [error.payload]) == .refused(error))
    }

    @Test("is the example of the MySQL Internals Manual")
    func documentedExample() throws {
        // "Text Resultset": select @@version_comment limit 1
        let packets = [
            bytes("01"), bytes("0364656600000011404076657273696f6e5f636f6d6d656e74000c08001c000000fd00001f0000"), bytes("fe00000200"),
            bytes("1c4d7953514c20436f6d6d756e69747920536572766572202847504c29"), bytes("fe00000200"),
        ]
        #expect(try read(packets) == .rows(MySQLResultSet(columns: ["@@version_comment"], rows: [["MySQL Community Server (GPL)"]])))
    }

    @Test("is looked up by column name, in either case; the first name that exists counts")
    func lookUp() {
        #expect(result.value("Replica_IO_State", "slave_io_state") == "Waiting")
        #expect(result.value("Seconds_Behind_Source", "Seconds_Behind_Master", row: 1) == "37")
        #expect(result.value("Seconds_Behind_Master") == nil)
        #expect(result.column("Seconds_Behind_Master") == 1)
        #expect(result.column("nothing") == nil)
        #expect(result.value("empty", row: 2) == nil)
    }

    @Test("is refused when it is cut, and when a limit is exceeded")
    func limits() throws {
        let packets = MySQLPeer.packets(.rows(result))
        for (number, packet) in packets.enumerated() where packet.count > 1 {
            for length in 0..<packet.count where !(packet[0] == 0xfe && length > 0) && !(1...3).contains(number) {
                #expect(throws: MySQLResultError.self, "packet \(number), length \(length)") { try read(packets[..<number] + [Array(packet.prefix(length))]) }
            }
        }
        #expect(throws: MySQLResultError.tooMuch("columns", limit: MySQLResultReader.columnsMax)) { try read([[252, 1, 2]]) }
        #expect(throws: MySQLResultError.malformed("an answer to a query")) { try read([[0xfb] + Array("/etc/passwd".utf8)]) }
        let head = Array(MySQLTests.rows)
        let row = Array("\u{1}x\u{1}y".utf8)
        let many = Array(repeating: row, count: MySQLResultReader.rowsMax)
        let whole = try read(head + many + [[0xfe, 0, 0, 2, 0]])
        guard case .rows(let most)? = whole else {
            Issue.record("\(String(describing: whole))")
            return
        }
        #expect(most.rows.count == MySQLResultReader.rowsMax)
        #expect(throws: MySQLResultError.tooMuch("rows", limit: MySQLResultReader.rowsMax)) { try read(head + many + [row]) }
        var long = ByteWriter()
        long.writeLengthEncoded(Array(repeating: 65, count: MySQLResultReader.cellBytesMax + 1))
        long.write(0xfb)
        #expect(throws: MySQLResultError.tooMuch("bytes of a value", limit: MySQLResultReader.cellBytesMax)) { try read(head + [long.bytes]) }
        var fits = ByteWriter()
        fits.writeLengthEncoded(Array(repeating: 65, count: MySQLResultReader.cellBytesMax))
        fits.write(0xfb)
        let error = MySQLResultError.tooMuch("bytes of an answer", limit: MySQLResultReader.answerBytesMax)
        #expect(throws: error) { try read(head + Array(repeating: fits.bytes, count: 4)) }
    }
}
