import Proxy
import Wire

/// Parses the output of `show servers state`, the format of HAProxy's `server-state-file`.
///
///     1
///     # be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change ...
///     2 mysql 1 read01 10.0.0.1 2 0 1 1 52 15 3 4 6 0 0 0 read01.internal 3306 - 0 0 - - 0
enum ServerStateText {
    /// The longest file, in bytes.
    static let bytesMax = 16 << 20
    private static let version = "1"
    private static let fieldsMin = 19

    /// Why a text is not in this format.
    struct FormatError: Error, Equatable, CustomStringConvertible {
        /// The line, from 1.
        let line: Int
        /// The problem as a sentence.
        let problem: String

        /// "line 3: ...".
        var description: String { "line \(line): \(problem)" }
    }

    /// Parses `bytes`. Returns the state of each server.
    static func read(_ bytes: [UInt8]) throws(FormatError) -> [ServerName: ServerMemory] {
        let lines = StateText.lines(of: bytes)
        guard let first = lines.first, first == version else {
            throw FormatError(line: 1, problem: "the first line is not the format version '\(version)'; recreate the file with 'show servers state'")
        }
        var memories: [ServerName: ServerMemory] = [:]
        for (index, text) in lines.enumerated().dropFirst() where !text.isEmpty && !text.hasPrefix("#") {
            var line = StateLine(text)
            guard let (name, memory) = row(line.words()) else { throw FormatError(line: index + 1, problem: "not a line of 'show servers state'") }
            memories[name] = memory
        }
        return memories
    }

    /// Parses the fields of one line; `nil` if they are malformed.
    static func row(_ fields: [Substring]) -> (ServerName, ServerMemory)? {
        guard fields.count >= fieldsMin else { return nil }
        func number(_ index: Int) -> Int? { Int(fields[index]) }
        guard let operation = number(5), let flags = number(6), let weight = number(7), let initialWeight = number(8), let seconds = number(9) else {
            return nil
        }
        guard let status = number(10), let health = number(12), (0...Int(UInt32.max)).contains(seconds) else { return nil }
        let lastCheck = CheckStatus(rawValue: status).flatMap { $0 == .initializing ? nil : CheckResult(status: $0, duration: .zero) }
        var memory = ServerMemory(
            hostName: fields[17] == "-" ? nil : String(fields[17]), address: IPAddress(String(fields[4])), flags: AdministrativeFlags(rawValue: flags),
            weight: weight, initialWeight: initialWeight, isRunning: operation != 0, health: health, lastCheck: lastCheck, sinceChange: .seconds(seconds))
        memory.isWarming = operation == 1
        // The same number stands for a server that does not fit its role.
        memory.isStopping = operation == 3 && lastCheck?.status == .layer7ConditionalPass
        memory.port = UInt16(fields[18]) ?? 0
        return (ServerName(backend: String(fields[1]), server: String(fields[3])), memory)
    }
}
