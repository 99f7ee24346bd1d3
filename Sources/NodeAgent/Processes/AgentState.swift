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
    var servers: [RuntimeServerName: ServerMemory] = [:]
    /// What was counted, in the order of `FrontendCounters.numbers` and `ServerCounters.numbers`.
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

    /// - Parameter serversState: what `show servers state` says now; it stands for most of `state.servers`.
    static func bytes(of state: AgentState, serversState: String) -> [UInt8] {
        var text = header + "\n"
        for line in serversState.split(separator: "\n").dropFirst() where !line.hasPrefix("#") { text += "row \(line)\n" }
        for (name, memory) in state.servers.sorted(by: { ($0.key.backend, $0.key.server) < ($1.key.backend, $1.key.server) }) {
            text += "check \(name.backend) \(name.server) \(checkFields(memory))\n"
            if !memory.hasVerdict { text += "unchecked \(name.backend) \(name.server)\n" }
            if let fitness = memory.fitness { text += "fitness \(name.backend) \(name.server) \(fitnessFields(fitness))\n" }
            if let address = memory.formerAddress?.address {
                text += "former \(name.backend) \(name.server) \(address) \(memory.formerAddress?.port ?? 0)\n"
            }
            if let condition = memory.condition {
                text += "condition \(name.backend) \(name.server) \(condition.rawValue) \(memory.sinceCondition.wholeMilliseconds)\n"
            }
            if memory.priority > 0 { text += "priority \(name.backend) \(name.server) \(memory.priority)\n" }
        }
        for (key, numbers) in state.counters.sorted(by: { $0.key < $1.key }) {
            text += "counters \(key.kind.rawValue) \(key.name) " + numbers.map(String.init).joined(separator: " ") + "\n"
        }
        for (proxy, writer) in state.writers.sorted(by: { $0.key < $1.key }) { text += "writer \(proxy) \(writer.epoch) \(writer.server)\n" }
        for (question, address) in state.names.sorted(by: { $0.key < $1.key }) { text += line(of: question, address) }
        for (name, probe) in state.probes.sorted(by: { $0.key < $1.key }) {
            text += "probe \(name) \(probe.isPassing ? "pass" : "fail") \(probe.since.nanoseconds)\n"
        }
        for line in String(decoding: state.gossip, as: UTF8.self).split(separator: "\n") { text += "gossip \(line)\n" }
        return Array(text.utf8)
    }

    private static func checkFields(_ memory: ServerMemory) -> String {
        let check = memory.lastCheck ?? CheckResult(status: .initializing, duration: .zero)
        let info = check.info.split(whereSeparator: \.isNewline).joined(separator: " ")
        let downtime = memory.completedDowntime.wholeMilliseconds
        return "\(memory.failedChecks) \(memory.downTransitions) \(downtime) \(check.status.rawValue) \(check.code) "
            + "\(check.duration.wholeNanoseconds / 1000) \(info)"
    }

    /// What `bytes` say; empty when they are no such text.
    static func state(from bytes: [UInt8]) -> AgentState {
        var state = AgentState()
        guard bytes.count <= bytesMax else { return state }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard lines.first.map({ $0 == header }) ?? false else { return state }
        for line in lines.dropFirst() {
            guard let space = line.firstIndex(of: " ") else { continue }
            let rest = line[line.index(after: space)...]
            switch line[..<space] {
            case "row": if let (name, memory) = ServerStateText.row(rest.split(separator: " ")) { state.servers[name] = memory }
            case "check": takeCheck(rest, into: &state)
            case "unchecked": takeUnchecked(rest.split(separator: " "), into: &state)
            case "fitness": takeFitness(rest, into: &state)
            case "former": takeFormerAddress(rest.split(separator: " "), into: &state)
            case "condition": takeCondition(rest.split(separator: " "), into: &state)
            case "priority": takePriority(rest.split(separator: " "), into: &state)
            case "writer": takeWriter(rest.split(separator: " "), into: &state)
            case "counters": takeCounters(rest.split(separator: " "), into: &state)
            case "name": if let (question, address) = name(line) { state.names[question] = address }
            case "probe": takeProbe(rest.split(separator: " "), into: &state)
            case "gossip": state.gossip += Array(rest.utf8) + [UInt8(ascii: "\n")]
            default: break
            }
        }
        return state
    }

    private static func takeCheck(_ text: Substring, into state: inout AgentState) {
        let fields = text.split(separator: " ", maxSplits: 8, omittingEmptySubsequences: false)
        guard fields.count == 9, var memory = state.servers[RuntimeServerName(backend: String(fields[0]), server: String(fields[1]))] else { return }
        guard let failed = count(fields[2]), let downs = count(fields[3]), let downtime = count(fields[4]), let status = Int(fields[5]) else { return }
        guard let code = count(fields[6]), let microseconds = count(fields[7]) else { return }
        (memory.failedChecks, memory.downTransitions, memory.completedDowntime) = (failed, downs, .milliseconds(downtime))
        if let status = CheckStatus(rawValue: status), status != .initializing {
            memory.lastCheck = CheckResult(status: status, code: code, info: String(fields[8]), duration: .microseconds(microseconds))
        }
        memory.hasVerdict = true
        state.servers[RuntimeServerName(backend: String(fields[0]), server: String(fields[1]))] = memory
    }

    private static func takeUnchecked(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count == 2 else { return }
        state.servers[RuntimeServerName(backend: String(fields[0]), server: String(fields[1]))]?.hasVerdict = false
    }

    private static func fitnessFields(_ fitness: ServerFitness) -> String {
        switch fitness {
        case .fit(let quarters): "fit \(quarters)"
        case .unfit(let reason): "out \(reason.split(whereSeparator: \.isNewline).joined(separator: " "))"
        }
    }

    private static func takeFitness(_ text: Substring, into state: inout AgentState) {
        let fields = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 4 else { return }
        let name = RuntimeServerName(backend: String(fields[0]), server: String(fields[1]))
        switch fields[2] {
        case "fit": if let quarters = Int(fields[3]), (1...4).contains(quarters) { state.servers[name]?.fitness = .fit(quarters: quarters) }
        case "out": state.servers[name]?.fitness = .unfit(reason: String(fields[3]))
        default: break
        }
    }

    private static func takeFormerAddress(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count == 4, let host = IPAddress(fields[2]), let port = UInt16(fields[3]) else { return }
        state.servers[RuntimeServerName(backend: String(fields[0]), server: String(fields[1]))]?.formerAddress = .ip(host, port: port)
    }

    private static func takeCondition(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count == 4, let condition = ServerCondition(rawValue: String(fields[2])), let milliseconds = Int64(fields[3]) else { return }
        guard (0...sinceMax / 1_000_000).contains(milliseconds) else { return }
        let name = RuntimeServerName(backend: String(fields[0]), server: String(fields[1]))
        state.servers[name]?.condition = condition
        state.servers[name]?.sinceCondition = .milliseconds(milliseconds)
    }

    private static func takePriority(_ fields: [Substring], into state: inout AgentState) {
        guard fields.count == 3, let priority = UInt16(fields[2]) else { return }
        state.servers[RuntimeServerName(backend: String(fields[0]), server: String(fields[1]))]?.priority = Int(priority)
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
