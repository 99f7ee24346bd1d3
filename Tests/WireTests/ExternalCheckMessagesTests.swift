import Support
import Testing
import Wire

@Suite("The messages of external checks")
struct ExternalCheckMessagesTests {
    private static let addresses: [SocketAddress] = [
        .ip(.v4(0xc0a8_0001), port: 3306), .ip(.v6(high: 0x2001_0db8_0000_0000, low: 1), port: 65_535), .unix("/run/mysqld/mysqld.sock"),
        .unix(String(repeating: "x", count: 107)), abstract, .unix("\0" + String(repeating: "x", count: 107)), .unix("\0x"),
    ]

    /// `abns@db`: an abstract name and the NULs after it.
    static let abstract = SocketAddress.unix("\0db" + String(repeating: "\0", count: 105))

    private static var requests: [ExternalCheckRequest] {
        addresses.enumerated().map { ExternalCheckRequest(backend: UInt32($0), server: .max, sessions: 77, address: $1) }
    }

    private static let answers: [ExternalCheckAnswer] = [
        .started, .exited(code: 0), .exited(code: 255), .killed(signal: 9), .failed(reason: "Resource temporarily unavailable"), .failed(reason: ""),
    ]

    /// Every message that follows from `bytes`.
    private func messages(_ bytes: [UInt8]) -> [[UInt8]] {
        var reader = ExternalCheckReader()
        reader.append(bytes)
        var messages: [[UInt8]] = []
        while let message = reader.next() { messages.append(Array(message)) }
        return messages
    }

    @Test("are read as they were written")
    func roundTrips() throws {
        for request in Self.requests {
            let message = try #require(messages(request.frame).first)
            #expect(ExternalCheckRequest(message[...]) == request)
        }
        for answer in Self.answers {
            let message = try #require(messages(answer.frame).first)
            #expect(ExternalCheckAnswer(message[...]) == answer)
        }
    }

    @Test("arrive in any pieces, and several at once")
    func pieces() {
        let bytes = Self.requests.flatMap(\.frame)
        #expect(messages(bytes).map { ExternalCheckRequest($0[...]) } == Self.requests)
        var reader = ExternalCheckReader()
        var found: [ExternalCheckRequest?] = []
        for byte in bytes {
            reader.append([byte])
            while let message = reader.next() { found.append(ExternalCheckRequest(message)) }
        }
        #expect(found == Self.requests && reader.isAtEnd)
    }

    @Test("are incomplete at every shorter length, and invalid if a part is missing or follows")
    func truncation() {
        for frame in Self.requests.map(\.frame) + Self.answers.map(\.frame) {
            for count in 0..<frame.count { #expect(messages(Array(frame.prefix(count))).isEmpty, "\(frame) at \(count)") }
        }
        for message in Self.requests.map({ $0.frame.dropFirst() }) {
            for count in 0..<message.count { #expect(ExternalCheckRequest(message.prefix(count)) == nil, "\(message) at \(count)") }
            #expect(ExternalCheckRequest(message + [0]) == nil, "\(message)")
        }
        for message in Self.answers.dropLast(2).map({ $0.frame.dropFirst() }) {
            for count in 0..<message.count { #expect(ExternalCheckAnswer(message.prefix(count)) == nil, "\(message) at \(count)") }
            #expect(ExternalCheckAnswer(message + [0]) == nil, "\(message)")
        }
    }

    @Test("are refused with an unknown kind, an empty path, a path with a zero byte, or too long a reason")
    func refusals() {
        let start: [UInt8] = Array(repeating: 0, count: 12)
        let long = [[1, 108] + Array(repeating: 0x61, count: 108), [1, 109] + Array(repeating: 0, count: 109)] as [[UInt8]]
        for address in [[0], [2, 1, 1, 1, 1, 0, 1], [1, 0], [1, 2, 0x2f, 0], [1, 1], []] + long {
            #expect(ExternalCheckRequest((start + address)[...]) == nil, "\(address)")
        }
        for answer in [[], [0], [5], [4] + Array(repeating: 0x61, count: 128)] as [[UInt8]] { #expect(ExternalCheckAnswer(answer[...]) == nil, "\(answer)") }
    }

    @Test("have a limited length: a long path and a long reason are cut")
    func limits() {
        let request = ExternalCheckRequest(backend: 0, server: 0, sessions: 0, address: .unix(String(repeating: "x", count: 400)))
        #expect(request.frame.count == 1 + 12 + 2 + 107)
        let abstract = ExternalCheckRequest(backend: 0, server: 0, sessions: 0, address: .unix("\0" + String(repeating: "x", count: 400)))
        #expect(abstract.frame.count == 1 + 12 + 2 + 108)
        let answer = ExternalCheckAnswer.failed(reason: String(repeating: "x", count: 400))
        #expect(answer.frame.count == 1 + 1 + ExternalCheckAnswer.reasonBytesMax)
    }

    @Test("never trap on random bytes", arguments: seeds(200))
    func randomBytes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        for message in messages(bytes) {
            _ = ExternalCheckRequest(message[...])
            _ = ExternalCheckAnswer(message[...])
        }
        _ = ExternalCheckTable(bytes)
    }
}

@Suite("The table of programs")
struct ExternalCheckTableTests {
    private static var full: ExternalCheckTable {
        var table = ExternalCheckTable()
        (table.keepsEnvironment, table.discardsOutput) = (true, true)
        (table.directory, table.user, table.group) = ("/var/lib/haproxy", 990, 0)
        let servers = [
            ExternalCheckTable.Server(name: "read01", identifier: 1, connectionsMax: 0),
            ExternalCheckTable.Server(name: "", identifier: .max, connectionsMax: 33),
        ]
        for (number, listener) in [SocketAddress.ip(.v4(0), port: 3306), .unix("/run/x"), nil, ExternalCheckMessagesTests.abstract].enumerated() {
            table.programs.append(
                ExternalCheckTable.Program(
                    backend: UInt32(number), command: "/usr/bin/check", path: number == 0 ? "" : "/bin", proxyName: "mysql", proxyIdentifier: 2,
                    listener: listener, servers: Array(servers.prefix(number))))
        }
        return table
    }

    @Test("is read as it was written", arguments: [full, ExternalCheckTable()])
    func roundTrip(table: ExternalCheckTable) {
        #expect(ExternalCheckTable(table.bytes) == table)
    }

    @Test("is refused at every shorter length, with more bytes, and with unknown flags")
    func truncation() {
        let bytes = Self.full.bytes
        for count in 0..<bytes.count { #expect(ExternalCheckTable(Array(bytes.prefix(count))) == nil, "length \(count)") }
        #expect(ExternalCheckTable(bytes + [0]) == nil)
        #expect(ExternalCheckTable([4] + bytes.dropFirst()) == nil)
        #expect(ExternalCheckTable([0, 0, 0, 0, 255, 255, 255, 255]) == nil, "more programs than bytes")
    }
}
