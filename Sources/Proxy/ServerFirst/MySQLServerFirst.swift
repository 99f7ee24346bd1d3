import Wire

/// MySQL as sessions see it: the server greets, or says in an error packet why it does not.
enum MySQLServerFirst {
    /// By place in `MySQLRefusal.numbers`, see `ServerRefusal`.
    static let refusals: [(number: UInt16, skip: ServerSkip?)] = MySQLRefusal.numbers.map { number, refusal in
        switch refusal {
        case .full: (number, .full(number))
        case .hostRefused: (number, .hostRefused(number))
        case .unable: (number, nil)
        }
    }

    /// Looks at a stream's first bytes. An error that every server would say is for the client.
    static func firstPacket(in bytes: UnsafeRawBufferPointer) -> FirstPacket {
        switch MySQLOpening(bytes) {
        case .incomplete: .incomplete
        case .greeting: .ready
        case .error(let number): MySQLRefusal.place(of: number).map { .refusing(ServerRefusal(place: $0)) } ?? .ready
        case .garbage: .garbage
        }
    }

    /// An error packet. Before the handshake it has no SQL state: drivers go by its number. They take 1040 and 1053 for what they are, a connect that failed.
    static func refusal(of proxy: String, because reason: UnservedReason) -> [UInt8] {
        let proxy = "tsukada: proxy '\(proxy)'"
        let error =
            switch reason {
            case .noneUsable: MySQLErrorPacket(code: 1053, message: "\(proxy) has no server available")
            case .noneReached: MySQLErrorPacket(code: 1053, message: "\(proxy) could not connect to any server")
            case .noGreeting: MySQLErrorPacket(code: 1053, message: "\(proxy): no server has answered in time")
            case .allFull: MySQLErrorPacket(code: 1040, message: "\(proxy): every server has reached its maxconn")
            }
        return MySQLPacket(sequence: 0, payload: error.payload).bytes
    }
}

/// Logs in as the user of `option mysql-check`, and quits. MySQL counts each connection that ends before its login against this host (`max_connect_errors`), until
/// it refuses everybody.
struct MySQLHandshakeEnding: HandshakeEnding {
    private var check: MySQLCheck

    init(_ settings: MySQLCheckSettings, within limit: Duration, loginWithin loginLimit: Duration, now: Instant) {
        check = MySQLCheck(finishing: settings, within: limit, loginWithin: loginLimit, now: now)
    }

    var isAwaitingFirstPacket: Bool { check.isAwaitingGreeting }
    var deadline: Instant { check.deadline }
    mutating func firstPacketPassed(now: Instant) -> [CheckOutput] { check.greeted(now: now) }
    mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] { check.received(bytes, now: now) }
    mutating func ended(now: Instant) -> [CheckOutput] { check.ended(now: now) }
}
