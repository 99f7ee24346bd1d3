import Glibc
import LinuxIO
import Wire

/// A program under test that serves with a file of the scale benchmark.
final class ScaleProgram {
    private static let startMax = Duration.seconds(8)

    /// The process that was started.
    let kind: ProxyKind
    /// All its processes.
    private(set) var processes: [pid_t] = []
    private let child: Child
    private let socket: String
    private let log: String
    private var session: RuntimeSession?

    /// Starts it and waits until its runtime socket answers.
    init(_ kind: ProxyKind, _ item: ScaleCase, on site: ScaleSite) throws {
        self.kind = kind
        (socket, log) = (site.socket, "\(site.directory.path)/\(kind.rawValue).log")
        unlink(socket)
        try site.directory.write(item.file.text(socket: socket, port: site.port), to: "scale.cfg")
        let command = [site.path(of: kind), "-db", "-f", "\(site.directory.path)/scale.cfg"] + item.options
        child = try Child(command, on: site.processors.proxies, output: .file(log))
        let end = MonotonicClock.now().advanced(by: Self.startMax)
        while child.isRunning(), MonotonicClock.now() < end {
            if let session = try? RuntimeSession(socket) {
                self.session = session
                processes = ProcessAccounting.family(of: child.identifier)
                return
            }
            try Interruption.pause(.milliseconds(10))
        }
        throw RunError(message: "no answer at the runtime socket: \(ProcessAccounting.read(log).suffix(500))")
    }

    /// Ends it.
    func stop() {
        session = nil
        child.stop()
    }

    /// The answer to a command; `nil` when it takes longer than `limit`.
    func ask(_ command: String, within limit: Duration = .seconds(5)) throws -> String? {
        guard let session else { throw RunError(message: "the runtime session has failed before") }
        return try session.ask(command, within: limit)
    }

    /// The answer to a required command.
    func demand(_ command: String) throws -> String {
        guard let answer = try ask(command) else { throw RunError(message: "no answer to '\(command)' within 5 s") }
        return answer
    }

    /// A number of the first section's row in `show stat`: one line, whose cost is too small to affect a measurement. `nil` when it takes longer than `limit`.
    func backendValue(_ column: String, within limit: Duration = .seconds(5)) throws -> Int? {
        guard let table = try ask("show stat b0 2 -1", within: limit) else { return nil }
        guard let value = Self.value(of: column, in: table) else { throw RunError(message: "'show stat' has no \(column): \(table.suffix(200))") }
        return value
    }

    /// A number of a table's first row.
    static func value(of column: String, in table: String) -> Int? {
        let lines = table.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        guard lines.count > 1, let index = lines[0].firstIndex(of: Substring(column)), index < lines[1].count else { return nil }
        return Int(lines[1][index])
    }

    /// CPU time of all its processes so far.
    var processorNanoseconds: Int64 { ProcessAccounting.processorNanoseconds(of: processes) }

    /// The number of times that its threads have gone to sleep so far.
    var sleepsCount: Int64 { ProcessAccounting.voluntarySwitches(of: processes) }

    /// The microseconds of CPU time per unit of work, for `count` units since `processorNanoseconds` was `before`.
    func microseconds(since before: Int64, count: Double) -> Double { Double(processorNanoseconds - before) / 1000 / max(1, count) }

    /// The number of the process that answers at the runtime socket, by a new connection.
    func servingProcess() throws -> String? {
        guard let answer = try? RuntimeSession(socket).ask("show info", within: .seconds(1)) else { return nil }
        return answer.split(separator: "\n").first { $0.hasPrefix("Pid:") }.map(String.init)
    }

    /// Makes a master reload. The session ends with the earlier worker.
    func reload() {
        session = nil
        kill(child.identifier, SIGUSR2)
    }
}
