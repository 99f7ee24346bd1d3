import Proxy
import Wire

/// A kind of line of an `AgentState`, with its writer and its parser.
struct StatePart: Sendable {
    /// The first word of its lines.
    let word: String
    /// Appends the lines of a state.
    let write: @Sendable (AgentState, inout FieldText) -> Void
    /// Parses a line after its first word and adds its content to a state; returns false, without a change, if it does not understand the line.
    let read: @Sendable (inout StateLine, inout AgentState) -> Bool

    /// The lines about a server; the others follow its `row`.
    static let ofServer: [StatePart] = [rows, checks, unchecked, agents, limits, fitness, former, condition, priority]
    /// All parts, in the order of writing.
    static let all: [StatePart] = [writers, names, probes, gossip] + ofServer + [counters]
    /// All parts, by their first word.
    static let byWord = Dictionary(uniqueKeysWithValues: all.map { ($0.word, $0) })

    /// `writer mysql-write 3 db2`: the epoch and the server of a proxy.
    static let writers = StatePart("writer", \.writers) { proxy, writer, line in
        line.field(proxy)
        line.field(writer.epoch)
        line.field(writer.server)
    } read: { line in
        guard let proxy = line.word(), let epoch: UInt64 = line.number(in: 1...WriterElection.epochMax - 1), let server = line.word(), line.isAtEnd else {
            return nil
        }
        return (String(proxy), WriterMemory(epoch: epoch, server: String(server)))
    }

    /// `name v4 dbserver01 10.0.0.1`: a question and its answer.
    static let names = StatePart("name", \.names) { question, address, line in
        line.field("\(question.family)")
        line.field(question.name)
        line.field(address.description)
    } read: { line in
        guard let family = line.word(), let name = line.word(), let address = line.word().flatMap({ IPAddress($0) }), line.isAtEnd else { return nil }
        return (NameQuestion(family: family == "v6" ? .v6 : .v4, name: String(name)), address)
    }

    /// `probe nlb pass 123456789000`: the answer, and since when, in nanoseconds of the monotonic clock.
    static let probes = StatePart("probe", \.probes) { name, probe, line in
        line.field(name)
        line.field(probe.isPassing ? "pass" : "fail")
        line.field(probe.since.nanoseconds)
    } read: { line in
        guard let name = line.word(), let answer = line.word(), let since: Int64 = line.number(in: 0...sinceMax), line.isAtEnd else { return nil }
        return (String(name), ProbeMemory(isPassing: answer == "pass", since: Instant(nanoseconds: since)))
    }

    /// `gossip tsukada-gossip 1`: a line of the gossip's state file.
    static let gossip = StatePart(word: "gossip") { state, text in
        for line in StateText.lines(of: state.gossip) {
            text.append("gossip")
            text.field(String(line))
            text.endLine()
        }
    } read: { line, state in
        guard let text = line.text() else { return false }
        state.gossip += Array(text.utf8) + [UInt8(ascii: "\n")]
        return true
    }

    /// `counters server mysql/read01 12 12 13 ...`.
    static let counters = StatePart("counters", \.counters) { key, numbers, line in
        line.field(key.kind.rawValue)
        line.field(key.name)
        for number in numbers { line.field(number) }
    } read: { line in
        guard let kind = line.word().flatMap({ AgentState.CounterKey.Kind(rawValue: String($0)) }), let name = line.word() else { return nil }
        let numbers = line.words().map { min(UInt64($0) ?? 0, UInt64(countMax)) }
        return numbers.isEmpty ? nil : (AgentState.CounterKey(kind: kind, name: String(name)), numbers)
    }

    /// The highest accepted count, so that sums of many counts cannot overflow `Int`.
    static let countMax = 1 << 53
    /// The longest time that is accepted, in nanoseconds: a century.
    static let sinceMax: Int64 = 100 * 366 * 86_400 * 1_000_000_000
}

extension StatePart {
    /// A line for each entry of a dictionary, sorted by key.
    ///
    /// - Parameters:
    ///   - write: appends the fields after the first word.
    ///   - read: parses these fields; `nil` if it does not understand them.
    init<Key: Hashable & Comparable & Sendable, Value>(
        _ word: String, _ entries: WritableKeyPath<AgentState, [Key: Value]> & Sendable,
        write: @escaping @Sendable (Key, Value, inout FieldText) -> Void, read: @escaping @Sendable (inout StateLine) -> (Key, Value)?
    ) {
        self.init(word: word) { state, text in
            for (key, value) in state[keyPath: entries].sorted(by: { $0.key < $1.key }) {
                text.append(word)
                write(key, value, &text)
                text.endLine()
            }
        } read: { line, state in
            guard let (key, value) = read(&line) else { return false }
            state[keyPath: entries][key] = value
            return true
        }
    }
}
