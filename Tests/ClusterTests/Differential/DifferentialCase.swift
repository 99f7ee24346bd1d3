import ClusterWorld
import Support

/// Sections of a file, the servers that they name, and events. The same happens to tsukada and to haproxy, and both must show the same.
///
/// Texts may contain `CASE`, the case's name; `HOST` and `OTHER`, two loopback addresses that only this case uses. A proxy's name is `CASE`, or begins with
/// `CASE_`.
struct DifferentialCase: Sendable {
    /// Unique, and contains no word of a log line.
    let name: String
    /// What it shows.
    let rows: [FeatureRow]
    /// The sections.
    let sections: String
    /// The servers at the start, by port of HOST or by address.
    var servers: [String: ServerConduct] = [:]
    /// Programs that the case needs, by path.
    var programs: [String: String] = [:]
    /// What happens, in this order.
    let steps: [DifferentialStep]
    /// Lines of haproxy that tsukada intentionally writes differently in this case only.
    var differences: [IntendedDifference] = []
    /// What may differ between the log lines of both sides.
    var varying: [IntendedDifference] = []
    /// The text of a line that only haproxy repeats at the end.
    var repeated: String?
}

/// How the results of clients are compared.
enum DistributionRule: Sendable {
    /// The same results in the same order.
    case sameOrder
    /// The same number of each result.
    case sameCounts
    /// The same results, whatever their number.
    case sameMembers
    /// The same bytes in the same order, however the connections ended.
    case sameBytes

    /// The text that must be equal.
    func text(of results: [String]) -> String {
        switch self {
        case .sameOrder: results.joined(separator: " ")
        case .sameCounts: Set(results).sorted().map { result in "\(result) x\(results.count { $0 == result })" }.joined(separator: ", ")
        case .sameMembers: Set(results).sorted().joined(separator: " ")
        case .sameBytes: results.map { String($0.prefix { $0 != "(" }) }.joined(separator: " ")
        }
    }
}

/// An event. What it returns on the two sides must be equal.
enum DifferentialStep: Sendable {
    /// Changes what a server does; the server is a port of HOST, or an address.
    case serve(String, ServerConduct)
    /// Clients, one after the other.
    case clients(Int, to: String, from: String?, [ConversationStep], DistributionRule, patience: Int)
    /// Clients that visit the frontend at this address, one after the other, from addresses with this distance.
    case spread(Int, to: String, from: String, stride: UInt32)
    /// Clients that keep their connections under a name.
    case hold(Int, to: String, as: String, [ConversationStep], DistributionRule, patience: Int)
    /// More steps of these clients.
    case resume(String, [ConversationStep])
    /// These clients take last steps, one after the other, and close.
    case release(String, [ConversationStep])
    /// Waits for log lines of this case that have arrived since the last event that a test causes (`serve`, `command`, `shell`, names).
    case awaitLog(String, times: Int)
    /// Waits until a column of `show stat` has this value, for a server of CASE.
    case awaitStatistic(String, of: String, is: String)
    /// Columns of `show stat` of this case's proxies.
    case statistics([String])
    /// A runtime command.
    case command(String)
    /// The first different texts that a server's clients have sent.
    case transcripts(String, count: Int)
    /// A command of a shell on the node.
    case shell(String)
    /// Names that the cluster's nameserver adds, for both sides.
    case names([String: [String]])
    /// The records of the service `_db._tcp.diff`, for both sides: port by the last number of 127.0.0.N.
    case services([Int: Int])
}

extension DifferentialStep {
    /// True if the step may cause log lines that a later step awaits.
    var isEvent: Bool {
        switch self {
        case .serve, .command, .shell: true
        default: false
        }
    }

    /// True if both sides take the step together.
    var isShared: Bool {
        switch self {
        case .names, .services: true
        default: false
        }
    }

    /// What most clients do: they wait for a line, end their side, and wait for the end of the other side. When it ends, the proxy has no session left.
    static let visit: [ConversationStep] = [.receive(text("\n")), .finish, .receiveEnd]

    /// Clients that visit the frontend at HOST:80, one after the other.
    static func visits(
        _ count: Int, to target: String = "HOST:80", from source: String? = nil, _ rule: DistributionRule = .sameOrder, patience: Int = 5_000
    ) -> DifferentialStep {
        .clients(count, to: target, from: source, visit, rule, patience: patience)
    }

    /// A client of the frontend at HOST:80.
    static func client(_ steps: [ConversationStep]) -> DifferentialStep { .clients(1, to: "HOST:80", from: nil, steps, .sameOrder, patience: 5_000) }

    /// Clients that read a line from the frontend at HOST:80 and stay.
    static func stays(_ count: Int, to target: String = "HOST:80", as name: String = "held", _ rule: DistributionRule = .sameOrder) -> DifferentialStep {
        .hold(count, to: target, as: name, [.receive(text("\n"))], rule, patience: 5_000)
    }

    /// Clients that only connect, because they wait in a queue.
    static func waits(_ count: Int, to target: String = "HOST:80", as name: String) -> DifferentialStep {
        .hold(count, to: target, as: name, [], .sameOrder, patience: 5_000)
    }

    /// Clients that end their side and wait for the other side's end, one after the other.
    static func release(_ name: String) -> DifferentialStep { .release(name, [.finish, .receiveEnd]) }

    /// Clients that close at once.
    static func abandon(_ name: String) -> DifferentialStep { .release(name, []) }

    /// The first text that a server's clients have sent.
    static func transcripts(_ server: String) -> DifferentialStep { .transcripts(server, count: 1) }

    /// Waits for one log line.
    static func awaitLog(_ text: String) -> DifferentialStep { .awaitLog(text, times: 1) }

    /// Takes a server away and waits until both sides have seen it, `CASE/NAME` by default.
    static func takeDown(_ server: String, _ name: String, as conduct: ServerConduct = .refusing) -> [DifferentialStep] {
        [.serve(server, conduct), .awaitLog("Server CASE/\(name) is DOWN")]
    }

    /// Brings a server back and waits until both sides have seen it.
    static func bringBack(_ server: String, _ name: String, as conduct: ServerConduct) -> [DifferentialStep] {
        [.serve(server, conduct), .awaitLog("Server CASE/\(name) is UP")]
    }
}

extension DifferentialCase {
    /// Conducts of the server at port 9001, one after the other, each until a log line has this text.
    static func changes(_ conducts: [(ServerConduct, String)]) -> [DifferentialStep] { conducts.flatMap { [.serve("9001", $0.0), .awaitLog($0.1)] } }
}

/// The bytes of a text.
func text(_ text: String) -> [UInt8] { Array(text.utf8) }

extension ServerConduct {
    /// Sends its name and a line feed, and waits for the client's end.
    static func named(_ name: String) -> ServerConduct { .serving([.send(text(name + "\n"))]) }

    /// Answers the client's first bytes, once for each connection, and closes.
    static func answering(_ answer: String) -> ServerConduct { .serving([.receive([]), .send(text(answer)), .close]) }

    /// Answers an HTTP request after its head, and closes.
    static func http(_ answer: String) -> ServerConduct { .serving([.receive(text("\r\n\r\n")), .send(text(answer)), .close]) }
}

extension [String: ServerConduct] {
    /// Servers that send their names: `s1` at port 9001 of HOST, `s2` at 9002, and so on.
    static func named(_ count: Int) -> [String: ServerConduct] {
        Dictionary(uniqueKeysWithValues: (1...count).map { ("\(9000 + $0)", ServerConduct.named("s\($0)")) })
    }
}
