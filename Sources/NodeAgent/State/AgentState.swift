import Proxy
import Wire

/// The state that a process passes to its successor: verdicts, weights, operators' commands, addresses, counters, the gossip's memory.
///
/// It is passed as a text:
///
///     tsukada-state 1
///     writer mysql-write 3 db2
///     name v4 dbserver01 10.0.0.1
///     ...                                 see `StatePart` for the lines
///
/// A reader skips lines that it does not understand, because the successor may be older or newer and must start.
struct AgentState: Equatable, Sendable {
    /// Identifies counters.
    struct CounterKey: Hashable, Comparable, Sendable {
        /// The kind of object that the counters belong to.
        enum Kind: String, Sendable {
            case frontend, backend, server
        }

        /// The kind of object that the counters belong to.
        let kind: Kind
        /// The proxy's name, or "backend/server".
        let name: String

        static func < (left: CounterKey, right: CounterKey) -> Bool { (left.kind.rawValue, left.name) < (right.kind.rawValue, right.name) }
    }

    /// The longest text, in bytes.
    static let bytesMax = 32 << 20
    /// The first line of the text, with its line feed.
    static let header = StateText.header("state") + "\n"

    /// By backend and server.
    var servers: [ServerName: ServerMemory] = [:]
    /// Counter values, in the order of `FrontendTotals.numbers` and `ServingTotals.numbers`.
    var counters: [CounterKey: [UInt64]] = [:]
    /// The writer of each proxy with `role primary`, by proxy.
    var writers: [String: WriterMemory] = [:]
    /// Names of the configuration that start-up has resolved.
    var names: [NameQuestion: IPAddress] = [:]
    /// The answers of the `probe` sections.
    var probes: [String: ProbeMemory] = [:]
    /// The state file of a `GossipMemory`; empty without gossip.
    var gossip: [UInt8] = []

    /// An empty state.
    init() {}

    /// Parses `bytes`. The state is empty if they are not a text of this format.
    init(_ bytes: [UInt8]) {
        guard bytes.count <= Self.bytesMax, bytes.starts(with: Self.header.utf8) else { return }
        for text in StateText.lines(of: bytes).dropFirst() {
            var line = StateLine(text)
            guard let word = line.word(), let part = StatePart.byWord[String(word)] else { continue }
            _ = part.read(&line, &self)
        }
    }

    /// Appends the lines of this state. A text may consist of the lines of several states after one header.
    func write(to text: inout FieldText) {
        for part in StatePart.all { part.write(self, &text) }
    }
}
