import Proxy
import Wire

/// What a process knows and its successor should: verdicts, weights, operators' words, addresses, counters, the gossip's memory.
///
/// It goes from process to process as a text:
///
///     tsukada-state 1
///     writer mysql-write 3 db2
///     name v4 dbserver01 10.0.0.1
///     ...                                 `StatePart` tells which lines there are
///
/// Lines that are not understood are passed over: the successor may be older or newer, and must start.
struct AgentState: Equatable, Sendable {
    /// Whose counters.
    struct CounterKey: Hashable, Comparable, Sendable {
        /// Which of the proxy's halves.
        enum Kind: String, Sendable {
            case frontend, backend, server
        }

        /// Which of the proxy's halves.
        let kind: Kind
        /// The proxy's name, or "backend/server".
        let name: String

        static func < (left: CounterKey, right: CounterKey) -> Bool { (left.kind.rawValue, left.name) < (right.kind.rawValue, right.name) }
    }

    /// Bytes of the longest text.
    static let bytesMax = 32 << 20
    /// The first line of the text, with its line feed.
    static let header = StateText.header("state") + "\n"

    /// By backend and server.
    var servers: [ServerName: ServerMemory] = [:]
    /// What was counted, in the order of `FrontendTotals.numbers` and `ServingTotals.numbers`.
    var counters: [CounterKey: [UInt64]] = [:]
    /// Whom each proxy with `role primary` sends its writes to, by proxy.
    var writers: [String: WriterMemory] = [:]
    /// Names of the configuration that were looked up at start.
    var names: [NameQuestion: IPAddress] = [:]
    /// What the `probe` sections answer.
    var probes: [String: ProbeMemory] = [:]
    /// The file of a `GossipMemory`; empty without gossip.
    var gossip: [UInt8] = []

    /// Nothing known.
    init() {}

    /// What `bytes` say; nothing when they are no such text.
    init(_ bytes: [UInt8]) {
        guard bytes.count <= Self.bytesMax, bytes.starts(with: Self.header.utf8) else { return }
        for text in StateText.lines(of: bytes).dropFirst() {
            var line = StateLine(text)
            guard let word = line.word(), let part = StatePart.byWord[String(word)] else { continue }
            _ = part.read(&line, &self)
        }
    }

    /// Adds the lines of everything known. A text may be composed of several states: their lines follow one header.
    func write(to text: inout FieldText) {
        for part in StatePart.all { part.write(self, &text) }
    }
}
