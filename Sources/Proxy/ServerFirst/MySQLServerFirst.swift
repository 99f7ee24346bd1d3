import Wire

/// MySQL as sessions see it: the server sends a greeting, or an error packet with the reason for a refusal.
enum MySQLServerFirst {
    /// The refusals in the order of `MySQLRefusal.numbers`, for `ServerRefusal`.
    static let refusals: [(number: UInt16, skip: ServerSkip?)] = MySQLRefusal.numbers.map { number, refusal in
        switch refusal {
        case .full: (number, .full(number))
        case .hostRefused: (number, .hostRefused(number))
        case .unable: (number, nil)
        }
    }

    /// Classifies a stream's first bytes. An error that every server would send is for the client.
    static func firstPacket(in bytes: UnsafeRawBufferPointer) -> FirstPacket {
        switch MySQLOpening(bytes) {
        case .incomplete: .incomplete
        case .greeting: .ready
        case .error(let number): MySQLRefusal.index(of: number).map { .refusing(ServerRefusal(index: $0)) } ?? .ready
        case .garbage: .garbage
        }
    }

    /// An error packet for a client without a server. Before the handshake it has no SQL state, so drivers use its number. They treat 1040 and 1053 as failed
    /// connects.
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

/// Logs in as the user of `option mysql-check` and quits. MySQL counts each connection that ends before its login against this host, and refuses the host after
/// `max_connect_errors` of them.
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
