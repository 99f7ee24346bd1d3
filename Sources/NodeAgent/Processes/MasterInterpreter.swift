import Glibc
import LinuxIO
import Wire

/// The commands of the master's socket. A line is one command; with a prefix `@N` or `@!PID` a worker runs it.
struct MasterInterpreter: LineInterpreter {
    private struct Command {
        let usage: String
        let level: StatsSocketSettings.Level
        let help: String
    }

    private static let commands: [Command] = [
        Command(usage: "@!<pid> [<command>]", level: .user, help: "run a runtime command on this worker"),
        Command(usage: "@<number> [<command>]", level: .user, help: "the same by number: 1 is the serving worker"),
        Command(usage: "@master <command>", level: .user, help: "run a command on the master"),
        Command(usage: "hard-reload", level: .admin, help: "reload, and close the sessions of the old worker"),
        Command(usage: "help", level: .user, help: "list the commands"),
        Command(usage: "prompt", level: .user, help: "toggle the prompt, which keeps the connection open"),
        Command(usage: "quit", level: .user, help: "close the connection"),
        Command(usage: "reload", level: .admin, help: "reload; existing sessions continue"),
        Command(usage: "show proc", level: .user, help: "list the processes"),
        Command(usage: "show startup-logs", level: .user, help: "show the last worker's startup messages"),
        Command(usage: "show version", level: .user, help: "show the version"),
    ]

    private unowned let master: Master

    /// Runs commands on `master`.
    init(master: Master) { self.master = master }

    func answer(to line: ArraySlice<UInt8>, session: inout RuntimeSession) -> LineAnswer {
        var words = String(decoding: line, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" }).map(String.init)
        if words.first == "@master" { words.removeFirst() }
        let end = Self.end(session)
        guard let first = words.first else { return .bytes(Array(end.utf8)) }
        if first.hasPrefix("@") { return ask(first, words.dropFirst().joined(separator: " "), session) }
        switch words.joined(separator: " ") {
        case "reload", "hard-reload":
            if let refusal = session.refusal(of: first, needing: .admin) { return .bytes(Array((refusal + end).utf8)) }
            let master = master
            return .later { reply in
                master.reload(isHard: first == "hard-reload") { isGood, messages in
                    reply(Array("Success=\(isGood ? 1 : 0)\n--\n\(messages)\(end)".utf8))
                }
                // A reload that has begun continues.
                return {}
            }
        case "quit":
            session.isClosing = true
            return .bytes([])
        case "prompt":
            session.isInteractive.toggle()
            return .bytes(Array(Self.end(session).utf8))
        case let command:
            return .bytes(Array((text(for: command, level: session.level) + end).utf8))
        }
    }

    func isUrgent(_ line: ArraySlice<UInt8>, _ session: RuntimeSession) -> Bool { false }

    /// The end of every answer.
    private static func end(_ session: RuntimeSession) -> String { session.isInteractive ? "\nmaster> " : "\n" }

    private func text(for command: String, level: StatsSocketSettings.Level) -> String {
        switch command {
        case "show proc": processes
        case "show version": Release.reportedVersion + "\n"
        case "show startup-logs": master.startMessages
        case "help": "The following commands are valid at this level:\n" + Self.list(level)
        default: "Unknown command: '\(String(command.prefix(64)).shown)'. Please enter one of the following commands only:\n" + Self.list(level)
        }
    }

    private static func list(_ level: StatsSocketSettings.Level) -> String {
        commands.filter { $0.level <= level }.map { command in
            "  " + command.usage + String(repeating: " ", count: max(0, 40 - command.usage.utf8.count)) + ": " + command.help + "\n"
        }.joined()
    }

    private func ask(_ target: String, _ command: String, _ session: RuntimeSession) -> LineAnswer {
        let workers = master.roster.workers
        let name = target.dropFirst()
        let process: Int32? =
            if name.hasPrefix("!") { Int32(name.dropFirst()).flatMap { number in workers.first { $0.process == number }?.process } } else {
                name == "1" ? master.roster.serving?.process : nil
            }
        guard let process else {
            return .bytes(Array("Can't find the target PID matching the prefix '\(target.prefix(64))'\n\(Self.end(session))".utf8))
        }
        let master = master
        // The connection to the worker has all rights, so the line begins with a command that lowers the level.
        let line = session.level == .admin ? command : "\(session.level); \(command)"
        return .later { reply in
            master.ask(process, line) { bytes in reply(session.isInteractive ? bytes + Array("master> ".utf8) : bytes) }
        }
    }

    // MARK: show proc

    private var processes: String {
        let version = Release.reportedVersion
        let roster = master.roster
        func row(_ process: Int32, _ type: String, _ reloads: String, since start: Instant) -> String {
            let uptime = Self.uptime(start.duration(to: MonotonicClock.now()))
            return [String(process), type, reloads, uptime].map { Self.padded($0) + " " }.joined() + version + "\n"
        }
        func rows(_ stage: (WorkerRoster.Worker) -> Bool) -> String {
            roster.workers.filter(stage).map { row($0.process, "worker", String($0.reloads), since: $0.startedAt) }.joined()
        }
        let head = ["#<PID>", "<type>", "<reloads>", "<uptime>", "<version>"].map(Self.padded).joined(separator: " ") + "\n"
        let leaving = rows { $0.stage == .leaving }
        return head + row(getpid(), "master", "\(roster.reloads) [failed: \(roster.reloadsFailed)]", since: master.startedAt)
            + "# workers\n" + rows { $0.stage != .leaving } + (leaving.isEmpty ? "" : "# old workers\n" + leaving)
    }

    private static func padded(_ text: String) -> String { text + String(repeating: " ", count: max(0, 15 - text.utf8.count)) }

    /// For example "0d00h00m02s".
    private static func uptime(_ duration: Duration) -> String {
        let seconds = duration.wholeMilliseconds / 1000
        func twoDigits(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(seconds / 86_400)d\(twoDigits(seconds / 3600 % 24))h\(twoDigits(seconds / 60 % 60))m\(twoDigits(seconds % 60))s"
    }
}
