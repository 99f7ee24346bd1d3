import Wire

/// A call of a command.
struct RuntimeCall {
    /// The target of the command.
    let target: any RuntimeTarget
    /// The words after the command's own.
    let arguments: [String]

    /// The `index`th argument; empty if it is missing.
    func argument(_ index: Int) -> String { arguments.indices.contains(index) ? arguments[index] : "" }

    /// The nodes that the command is for, according to the words from the `index`th on.
    func scope(from index: Int) throws(RuntimeTargetError) -> CommandScope { try CommandScope.parse(arguments.dropFirst(index)) }
}

/// One runtime command: an element of the table behind lookup, levels and help.
struct RuntimeCommand: Sendable {
    /// The words that name the command.
    let words: [String]
    /// The arguments, for the help.
    let usage: String
    /// The level that a caller needs.
    let level: StatsSocketSettings.Level
    /// The effect, for the help.
    let help: String
    /// Whether `tsukada drain` or `tsukada keys` sends it. If so, it does not wait for a place among `stats maxconn`.
    let isUrgent: Bool
    /// Runs the command and returns the answer: empty, or lines that end with LF.
    let run: @Sendable (RuntimeCall, inout RuntimeSession) -> AnswerText

    private init(
        _ words: String, usage: String = "", level: StatsSocketSettings.Level, help: String,
        _ run: @escaping @Sendable (RuntimeCall, inout RuntimeSession) -> AnswerText
    ) {
        self.words = words.split(separator: " ").map(String.init)
        (self.usage, self.level, self.help, self.run) = (usage, level, help, run)
        isUrgent = Self.urgentWords.contains(words)
    }

    /// A command whose answer does not depend on the connection.
    private init(
        _ words: String, usage: String = "", level: StatsSocketSettings.Level, help: String, answer: @escaping @Sendable (RuntimeCall) -> AnswerText
    ) {
        self.init(words, usage: usage, level: level, help: help) { call, _ in answer(call) }
    }

    /// The commands in alphabetical order, then those that end every list.
    static let all: [RuntimeCommand] = serverCommands + showCommands + sessionCommands

    private static let urgentWords = ["drain", "install gossip key", "remove gossip key", "show gossip", "use gossip key"]

    private static let serverCommands: [RuntimeCommand] = [
        RuntimeCommand(
            "disable server", usage: " <bk>/<srv> [on cluster]", level: .admin, help: "put a server into maintenance (see also 'set server')",
            answer: { setState(.maint, $0) }),
        RuntimeCommand("drain", usage: " [force|cancel]", level: .admin, help: "drain and stop this node, or show the progress", answer: { drain($0) }),
        RuntimeCommand(
            "enable server", usage: " <bk>/<srv> [on cluster]", level: .admin, help: "end a server's maintenance or drain (see also 'set server')",
            answer: { setState(.ready, $0) }),
        RuntimeCommand(
            "get weight", usage: " <bk>/<srv>", level: .user, help: "show a server's current and configured weight",
            answer: { call in
                onServer(call) { server throws(RuntimeTargetError) in
                    let weight = call.target.weight(of: server)
                    return AnswerText("\(weight.current) (initial \(weight.initial))\n")
                }
            }),
        RuntimeCommand("install gossip key", usage: " <key>", level: .admin, help: "accept gossip with this key as well", answer: { installKey($0) }),
        RuntimeCommand("operator", level: .operator, help: "lower this connection's level to operator") { _, session in
            session.level = .operator
            return AnswerText("")
        },
        RuntimeCommand(
            "remove gossip key", usage: " <id>", level: .admin, help: "remove a key that is not in use", answer: { changeKey($0) { .remove($0) } }),
        RuntimeCommand(
            "set server", usage: " <bk>/<srv> [opts] [on cluster]", level: .admin, help: "change a server: state ready|drain|maint, weight N|N%",
            answer: { setServer($0) }),
        RuntimeCommand("set timeout", usage: " cli <delay>", level: .user, help: "change this connection's idle timeout, in seconds or with a unit") {
            setTimeout($0, &$1)
        },
        RuntimeCommand(
            "set weight", usage: " <bk>/<srv> <N|N%> [on cluster]", level: .admin, help: "change a server's weight (see also 'set server')",
            answer: { call in
                onServer(call) { server throws(RuntimeTargetError) in try setWeight(call, of: server, to: call.argument(1), scopeFrom: 2) }
            }),
        RuntimeCommand(
            "use gossip key", usage: " <id>", level: .admin, help: "send gossip with this key; all nodes must have it",
            answer: { changeKey($0) { .use($0) } }),
    ]

    private static let showCommands: [RuntimeCommand] = [
        RuntimeCommand("show backend", level: .user, help: "list the backends") { call, _ in
            AnswerText(head: "# name\n", rows: call.target.statistics.outlines.lazy.filter { $0.backend != nil }.map { $0.name + "\n" })
        },
        RuntimeCommand("show cli level", level: .user, help: "show this connection's level") { _, session in
            AnswerText("\(session.level)\n", severity: .information)
        },
        RuntimeCommand("show database", usage: " [<backend>]", level: .operator, help: "show each database's role, lag and fitness, and why") { call, _ in
            guard let report = call.target.databaseReport() else { return .error("There is no 'database' section in the configuration.\n") }
            return report.text(of: call.argument(0)) ?? .error("No such backend, or it has no 'database' section.\n")
        },
        RuntimeCommand(
            "show gossip", usage: " [members|health|admin|keys]", level: .user, help: "show the cluster: members, health, commands, keys",
            answer: { showGossip($0) }),
        RuntimeCommand(
            "show info", level: .user, help: "show information about this process",
            answer: { unsupportedForm($0.arguments) ?? AnswerText($0.target.statistics.processStatistics().text) }),
        RuntimeCommand(
            "show probe", level: .user, help: "show what the probes answer, and why",
            answer: { $0.target.probeReport().map { AnswerText($0.text) } ?? .error("There is no 'probe' section in the configuration.\n") }),
        RuntimeCommand(
            "show retries", level: .user, help: "count the sessions that left a server, by reason", answer: { $0.target.retriesReport() }),
        RuntimeCommand("show servers state", usage: " [<backend>]", level: .user, help: "list the servers' states in the state file format") { call, _ in
            call.target.statistics.serversState(backend: call.arguments.first) ?? .error("Can't find backend.\n")
        },
        RuntimeCommand(
            "show stat", usage: " [<iid|name> <type> <sid>] [up|no-maint]", level: .user, help: "list the counters of all proxies and servers as CSV"
        ) { showStatistics($0, $1) },
        RuntimeCommand(
            "show version", level: .user, help: "show the version", answer: { _ in AnswerText(Release.reportedVersion + "\n", severity: .information) }),
        RuntimeCommand("user", level: .user, help: "lower this connection's level to user") { _, session in
            session.level = .user
            return AnswerText("")
        },
    ]

    private static let sessionCommands: [RuntimeCommand] = [
        RuntimeCommand("help", usage: " [<command>]", level: .user, help: "list all commands, or the matching ones") { call, session in
            let likely = call.arguments.isEmpty ? [] : nearest(to: call.arguments, level: session.level)
            let list = list(likely.isEmpty ? all : likely, level: session.level)
            return AnswerText("The following commands are valid at this level:\n" + list, severity: .information)
        },
        RuntimeCommand("prompt", level: .user, help: "toggle the prompt, which keeps the connection open") { _, session in
            session.isInteractive.toggle()
            return AnswerText("")
        },
        RuntimeCommand("quit", level: .user, help: "close the connection") { _, session in
            session.isClosing = true
            return AnswerText("")
        },
    ]
}

extension RuntimeCommand {
    /// The command that `words` begin with: the one with the most words if several match; `nil` if none does.
    static func of(_ words: [String]) -> RuntimeCommand? {
        all.filter { words.starts(with: $0.words) }.max { $0.words.count < $1.words.count }
    }

    /// The number of its words that `other` begins with.
    func commonWords(with other: [String]) -> Int { zip(words, other).prefix { $0 == $1 }.count }

    /// The commands that `words` may have meant: those with the most leading words in common, or else those with a word of a similar beginning.
    static func nearest(to words: [String], level: StatsSocketSettings.Level) -> [RuntimeCommand] {
        let own = all.dropLast(sessionCommands.count).filter { $0.level <= level }
        let most = own.map { $0.commonWords(with: words) }.max() ?? 0
        if most > 0 { return own.filter { $0.commonWords(with: words) == most } }
        guard let first = words.first, first.utf8.count >= 2 else { return [] }
        return own.filter { command in command.words.contains { $0.hasPrefix(first.prefix(3)) || first.hasPrefix($0) } }
    }

    /// The help lines of those of `commands` that `level` may run, and of help, prompt and quit.
    static func list(_ commands: [RuntimeCommand], level: StatsSocketSettings.Level) -> String {
        let last = Set(sessionCommands.map(\.words))
        let shown = commands.filter { $0.level <= level && !last.contains($0.words) } + sessionCommands
        return shown.map { command in
            let call = command.words.joined(separator: " ") + command.usage
            return "  " + call + String(repeating: " ", count: max(0, 40 - call.utf8.count)) + ": " + command.help + "\n"
        }.joined()
    }
}
