import Proxy
import Wire

/// What a process knows and its successor should: verdicts, weights, operators' words, addresses, counters, the gossip's memory.
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
    /// `GossipStateText`; empty without gossip.
    var gossip: [UInt8] = []

    /// Nothing known.
    init() {}
}

/// The form in which a state goes from process to process.
///
///     tsukada-state 1
///     row 2 mysql 1 read01 ...                    a line of `show servers state`
///     check mysql read01 3 1 5210 17 1045 2 Access denied ...
///                                                 failures, downs, milliseconds down, the last check's status, code, microseconds, text
///     unchecked mysql read01                      no check result yet
///     condition mysql read01 UP 52000             its state, and for how many milliseconds
///     fitness mysql read01 fit 4                  quarters of its weight; or `out`, and the reason
///     former mysql read05 10.0.0.5 3306           its last address, while it has none
///     priority mysql read03 20                    its service record's, where it is not 0
///     writer mysql-write 3 db2                    epoch, server
///     counters server mysql/read01 12 12 13 ...
///     name v4 dbserver01 10.0.0.1
///     probe nlb pass 123456789000                 since when, in nanoseconds of the monotonic clock
///     gossip tsukada-gossip 1                     a line of `GossipStateText`
///
/// Lines that are not understood are passed over: the successor may be older or newer, and must start.
enum AgentStateText {
    /// Bytes of the longest text.
    static let bytesMax = 32 << 20
    /// The highest counter that is believed: sums of many stay far from the end of `Int`.
    private static let counterMax: UInt64 = 1 << 53
    /// The longest time that is accepted, in nanoseconds: a century.
    private static let sinceMax: Int64 = 100 * 366 * 86_400 * 1_000_000_000
    private static let header = "tsukada-state 1"
    private static let (newline, space) = (UInt8(ascii: "\n"), UInt8(ascii: " "))

    /// The lines that belong to no proxy; they precede the lines of the proxies.
    static func head(of state: AgentState) -> String {
        var text = header + "\n"
        for (proxy, writer) in state.writers.sorted(by: { $0.key < $1.key }) { text += "writer \(proxy) \(writer.epoch) \(writer.server)\n" }
        for (question, address) in state.names.sorted(by: { $0.key < $1.key }) { text += line(of: question, address) }
        for (name, probe) in state.probes.sorted(by: { $0.key < $1.key }) {
            text += "probe \(name) \(probe.isPassing ? "pass" : "fail") \(probe.since.nanoseconds)\n"
        }
        for line in String(decoding: state.gossip, as: UTF8.self)[...].parts(at: newline) { text += "gossip \(line)\n" }
        return text
    }

    /// Writes the lines of one server.
    ///
    /// - Parameter state: writes the server's line of `show servers state`, which holds most of `memory`.
    static func write(_ server: ServerName, _ memory: ServerMemory, to text: inout FieldText, state: (inout FieldText) -> Void) {
        func begin(_ word: String, _ text: inout FieldText) {
            text.append(word)
            text.field(server.backend)
            text.field(server.server)
        }
        text.append("row ")
        state(&text)
        begin("check", &text)
        writeCheck(memory, to: &text)
        text.endLine()
        if !memory.hasVerdict {
            begin("unchecked", &text)
            text.endLine()
        }
        if let fitness = memory.fitness {
            begin("fitness", &text)
            text.field(fitnessFields(fitness))
            text.endLine()
        }
        if let address = memory.formerAddress?.address {
            begin("former", &text)
            text.field(address.description)
            text.field(memory.formerAddress?.port ?? 0)
            text.endLine()
        }
        if let condition = memory.condition {
            begin("condition", &text)
            text.field(condition.rawValue)
            text.field(memory.sinceCondition.wholeMilliseconds)
            text.endLine()
        }
        if memory.priority > 0 {
            begin("priority", &text)
            text.field(memory.priority)
            text.endLine()
        }
    }

    /// Writes the counters of a frontend, of a backend, or of one of a backend's servers, as one line.
    static func write(_ kind: AgentState.CounterKey.Kind, _ name: String, server: String? = nil, _ numbers: [UInt64], to text: inout FieldText) {
        text.append("counters ")
        text.append(kind.rawValue)
        text.field(name)
        if let server { text.append("/" + server) }
        for number in numbers { text.field(number) }
        text.endLine()
    }

    private static func writeCheck(_ memory: ServerMemory, to text: inout FieldText) {
        let check = memory.lastCheck ?? CheckResult(status: .initializing, duration: .zero)
        text.field(memory.failedChecks)
        text.field(memory.downTransitions)
        text.field(memory.completedDowntime.wholeMilliseconds)
        text.field(check.status.rawValue)
        text.field(check.code)
        text.field(check.duration.wholeNanoseconds / 1000)
        text.field(check.info.isEmpty ? "" : check.info.split(whereSeparator: \.isNewline).joined(separator: " "))
    }

    /// What `bytes` say; empty when they are no such text.
    static func state(from bytes: [UInt8]) -> AgentState {
        var state = AgentState()
        guard bytes.count <= bytesMax else { return state }
        let lines = String(decoding: bytes, as: UTF8.self)[...].parts(at: newline)
        guard lines.first.map({ $0 == header }) ?? false else { return state }
        for line in lines.dropFirst() {
            guard let space = line.utf8.firstIndex(of: Self.space) else { continue }
            let rest = line[line.utf8.index(after: space)...]
            switch line[..<space] {
            case "row": if let (name, memory) = ServerStateText.row(rest.parts(at: Self.space)) { state.servers[name] = memory }
            case "check": takeCheck(rest, into: &state)
            case "unchecked": takeUnchecked(rest.parts(at: Self.space), into: &state)
            case "fitness": takeFitness(rest, into: &state)
            case "former": takeFormerAddress(rest.parts(at: Self.space), into: &state)
            case "condition": takeCondition(rest.parts(at: Self.space), into: &state)
            case "priority": takePriority(rest.parts(at: Self.space), into: &state)
            case "writer": takeWriter(rest.parts(at: Self.space), into: &state)
            case "counters": takeCounters(rest.parts(at: Self.space), into: &state)
            case "name": if let (question, address) = name(line) { state.names[question] = address }
            case "probe": takeProbe(rest.parts(at: Self.space), into: &state)
            case "gossip": state.gossip += Array(rest.utf8) + [UInt8(ascii: "\n")]
            default: break
            }
        }
        return state
    }

    private static func takeCheck(_ text: Substring, into state: inout AgentState) {
        let fields = text.parts(at: space, maxSplits: 8, omittingEmptySubsequences: false)
        guard fields.count == 9, var memory = state.servers[ServerName(backend: String(fields[0]), server: String(fields[1]))] else { return }
        guard let failed = count(fields[2]), let downs = count(fields[3]), let downtime = count(fields[4]), let status = Int(fields[5]) else { return }
        guard let code = count(fields[6]), let microseconds = count(fields[7]) else { return }
        (memory.failedChecks, memory.downTransitions, memory.completedDowntime) = (failed, downs, .milliseconds(downtime))
        if let status = CheckStatus(rawValue: status), status != .initializing {
            memory.lastCheck = CheckResult(status: status, code: code, info: String(fields[8]), duration: .microseconds(microseconds))
        }
        memory.hasVerdict = true
        state.servers[ServerName(backend: String(fields[0]), server: String(fields[1]))] = memory
    }

    private static func takeUnchecked(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count == 2 else { return }
        state.servers[ServerName(backend: String(fields[0]), server: String(fields[1]))]?.hasVerdict = false
    }

    private static func fitnessFields(_ fitness: ServerFitness) -> String {
        switch fitness {
        case .fit(let quarters): "fit \(quarters)"
        case .unfit(let reason): "out \(reason.split(whereSeparator: \.isNewline).joined(separator: " "))"
        }
    }

    private static func takeFitness(_ text: Substring, into state: inout AgentState) {
        let fields = text.parts(at: space, maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 4 else { return }
        let name = ServerName(backend: String(fields[0]), server: String(fields[1]))
        switch fields[2] {
        case "fit": if let quarters = Int(fields[3]), (1...4).contains(quarters) { state.servers[name]?.fitness = .fit(quarters: quarters) }
        case "out": state.servers[name]?.fitness = .unfit(reason: String(fields[3]))
        default: break
        }
    }

    private static func takeFormerAddress(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count == 4, let host = IPAddress(fields[2]), let port = UInt16(fields[3]) else { return }
        state.servers[ServerName(backend: String(fields[0]), server: String(fields[1]))]?.formerAddress = .ip(host, port: port)
    }

    private static func takeCondition(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count == 4, let condition = ServerCondition(rawValue: String(fields[2])), let milliseconds = Int64(fields[3]) else { return }
        guard (0...sinceMax / 1_000_000).contains(milliseconds) else { return }
        let name = ServerName(backend: String(fields[0]), server: String(fields[1]))
        state.servers[name]?.condition = condition
        state.servers[name]?.sinceCondition = .milliseconds(milliseconds)
    }

    private static func takePriority(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count == 3, let priority = UInt16(fields[2]) else { return }
        state.servers[ServerName(backend: String(fields[0]), server: String(fields[1]))]?.priority = Int(priority)
    }

    private static func takeWriter(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count == 3, let epoch = UInt64(fields[1]), (1..<WriterElection.epochMax).contains(epoch) else { return }
        state.writers[String(fields[0])] = WriterMemory(epoch: epoch, server: String(fields[2]))
    }

    private static func takeCounters(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count > 2, let kind = AgentState.CounterKey.Kind(rawValue: String(fields[0])) else { return }
        state.counters[AgentState.CounterKey(kind: kind, name: String(fields[1]))] = fields.dropFirst(2).map { min(UInt64($0) ?? 0, counterMax) }
    }

    private static func takeProbe(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count == 3, let since = Int64(fields[2]), (0...sinceMax).contains(since) else { return }
        state.probes[String(fields[0])] = ProbeMemory(isPassing: fields[1] == "pass", since: Instant(nanoseconds: since))
    }

    /// "name v4 dbserver01 10.0.0.1", with its line feed.
    static func line(of question: NameQuestion, _ address: IPAddress) -> String { "name \(question.family) \(question.name) \(address)\n" }

    /// The content of such a line without its line feed; `nil` for any other line.
    static func name(_ line: some StringProtocol) -> (NameQuestion, IPAddress)? {
        let fields = line.split(separator: " ")
        guard fields.count == 4, fields[0] == "name", let address = IPAddress(fields[3]) else { return nil }
        return (NameQuestion(family: fields[1] == "v6" ? .v6 : .v4, name: String(fields[2])), address)
    }

    /// A count low enough to count on from, even if an intruder has written it.
    private static func count(_ text: Substring) -> Int? { Int(text).map { max(0, min($0, Int(counterMax))) } }
}

extension Substring {
    /// Its parts between bytes `separator`. Splitting at characters takes ten times as long, and a state has several lines for each server.
    func parts(at separator: UInt8, maxSplits: Int = .max, omittingEmptySubsequences: Bool = true) -> [Substring] {
        utf8.split(separator: separator, maxSplits: maxSplits, omittingEmptySubsequences: omittingEmptySubsequences).map { Substring($0) }
    }
}
