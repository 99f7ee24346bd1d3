import Proxy
import Wire

/// The lines of an `AgentState` about one server. The server's name follows the first word of each.
extension StatePart {
    /// `row 2 mysql 1 read01 ...`: a server's line of `show servers state`. `writeRow` writes it, because only the statistics have all of its fields.
    static let rows = StatePart(word: "row") { _, _ in
    } read: { line, state in
        guard let (name, memory) = ServerStateText.row(line.words()) else { return false }
        state.servers[name] = memory
        return true
    }

    /// Appends a server's `row`; `write` appends its line of `show servers state`.
    static func writeRow(to text: inout FieldText, _ write: (inout FieldText) -> Void) {
        text.append("row ")
        write(&text)
    }

    /// `check mysql read01 3 1 5210 17 1045 2 Access denied ...`: failures, transitions to down, milliseconds down; the last check's status, code,
    /// microseconds, text.
    static let checks = StatePart(ofServer: "check") { memory, line in
        line.field(memory.failedChecks)
        line.field(memory.downTransitions)
        line.field(memory.completedDowntime.wholeMilliseconds)
        writeResult(memory.lastCheck, to: &line)
    } read: { line, memory in
        guard let failed = count(&line), let downs = count(&line), let downtime = count(&line), let check = checkResult(&line) else { return false }
        (memory.failedChecks, memory.downTransitions, memory.completedDowntime) = (failed, downs, .milliseconds(downtime))
        if let check { memory.lastCheck = check }
        memory.hasVerdict = true
        return true
    }

    /// `unchecked mysql read01`: no check has ended yet.
    static let unchecked = StatePart(ofServer: "unchecked", where: { !$0.hasVerdict }) { _, _ in
    } read: { line, memory in
        guard line.isAtEnd else { return false }
        memory.hasVerdict = false
        return true
    }

    /// `agent mysql read01 down 17 0 1234 via agent : down`: its agent's word; the last question's status, code, microseconds, text.
    static let agents = StatePart(ofServer: "agent", where: { $0.agent != nil }) { memory, line in
        line.field(memory.agent?.isUp == false ? "down" : "up")
        writeResult(memory.agent?.lastCheck, to: &line)
    } read: { line, memory in
        guard let word = line.word(), word == "up" || word == "down", let check = checkResult(&line) else { return false }
        memory.agent = AgentStatus(isUp: word == "up", lastCheck: check)
        return true
    }

    /// `limit mysql read01 30 50`: the limit on sessions that its agent has set, and the configured one.
    static let limits = StatePart(ofServer: "limit", where: { $0.connectionsMax != nil }) { memory, line in
        line.field(memory.connectionsMax ?? 0)
        line.field(memory.initialConnectionsMax)
    } read: { line, memory in
        guard let current = count(&line), let configured = count(&line), line.isAtEnd else { return false }
        (memory.connectionsMax, memory.initialConnectionsMax) = (current, configured)
        return true
    }

    /// `fitness mysql read01 fit 4`: quarters of its weight; or `out` and the reason.
    static let fitness = StatePart(ofServer: "fitness", where: { $0.fitness != nil }) { memory, line in
        switch memory.fitness {
        case .fit(let quarters):
            line.field("fit")
            line.field(quarters)
        case .unfit(let reason):
            line.field("out")
            line.field(onOneLine(reason))
        case nil: break
        }
    } read: { line, memory in
        switch line.word() {
        case "fit":
            guard let quarters = line.number(in: 1...4), line.isAtEnd else { return false }
            memory.fitness = .fit(quarters: quarters)
        case "out":
            guard let reason = line.text() else { return false }
            memory.fitness = .unfit(reason: String(reason))
        default: return false
        }
        return true
    }

    /// `former mysql read05 10.0.0.5 3306`: the last address of a server that has none.
    static let former = StatePart(ofServer: "former", where: { $0.formerAddress?.address != nil }) { memory, line in
        line.field(memory.formerAddress?.address?.description ?? "")
        line.field(memory.formerAddress?.port ?? 0)
    } read: { line, memory in
        guard let host = line.word().flatMap({ IPAddress($0) }), let port: UInt16 = line.number(), line.isAtEnd else { return false }
        memory.formerAddress = .ip(host, port: port)
        return true
    }

    /// `condition mysql read01 UP 52000`: the condition, and its age in milliseconds.
    static let condition = StatePart(ofServer: "condition", where: { $0.condition != nil }) { memory, line in
        line.field(memory.condition?.rawValue ?? "")
        line.field(memory.sinceCondition.wholeMilliseconds)
    } read: { line, memory in
        guard let condition = line.word().flatMap({ ServerCondition(rawValue: String($0)) }),
            let milliseconds = line.number(in: 0...sinceMax / 1_000_000), line.isAtEnd
        else { return false }
        (memory.condition, memory.sinceCondition) = (condition, .milliseconds(milliseconds))
        return true
    }

    /// `priority mysql read03 20`: the priority of its service record, if it is not 0.
    static let priority = StatePart(ofServer: "priority", where: { $0.priority > 0 }) { memory, line in
        line.field(memory.priority)
    } read: { line, memory in
        guard let priority: UInt16 = line.number(), line.isAtEnd else { return false }
        memory.priority = Int(priority)
        return true
    }

    /// A line for each server for which `isWanted` is true, sorted by name.
    ///
    /// - Parameters:
    ///   - write: appends the fields after the server's name.
    ///   - read: parses these fields of a known server; returns false, without a change, if it does not understand them.
    private init(
        ofServer word: String, where isWanted: @escaping @Sendable (ServerMemory) -> Bool = { _ in true },
        write: @escaping @Sendable (ServerMemory, inout FieldText) -> Void, read: @escaping @Sendable (inout StateLine, inout ServerMemory) -> Bool
    ) {
        self.init(word: word) { state, text in
            for (name, memory) in state.servers.sorted(by: { $0.key < $1.key }) where isWanted(memory) {
                text.append(word)
                text.field(name.backend)
                text.field(name.server)
                write(memory, &text)
                text.endLine()
            }
        } read: { line, state in
            guard let backend = line.word(), let server = line.word() else { return false }
            let name = ServerName(backend: String(backend), server: String(server))
            guard var memory = state.servers[name], read(&line, &memory) else { return false }
            state.servers[name] = memory
            return true
        }
    }

    /// Parses a count, limited so that further counting cannot overflow even if an intruder has written it.
    private static func count(_ line: inout StateLine) -> Int? { line.number().map { min($0, countMax) } }

    /// Appends a check's status, code, microseconds and text.
    private static func writeResult(_ check: CheckResult?, to line: inout FieldText) {
        line.field((check?.status ?? .initializing).rawValue)
        line.field(check?.code ?? 0)
        line.field((check?.duration ?? .zero).wholeNanoseconds / 1000)
        line.field(onOneLine(check?.info ?? ""))
    }

    /// Parses the fields of `writeResult`: `.some(nil)` for no check or a status of another release, `nil` for anything else.
    private static func checkResult(_ line: inout StateLine) -> CheckResult?? {
        guard let status: Int = line.number(), let code = count(&line), let microseconds = count(&line), let info = line.text() else { return nil }
        guard let known = CheckStatus(rawValue: status), known != .initializing else { return .some(nil) }
        return CheckResult(status: known, code: code, info: String(info), duration: .microseconds(microseconds))
    }

    private static func onOneLine(_ text: String) -> String { text.isEmpty ? "" : text.split(whereSeparator: \.isNewline).joined(separator: " ") }
}
