import Proxy
import Wire

/// Keywords of `global` about the process: its user, its root folder, its threads and connections.
enum ProcessKeywords {
    static let connectionsMax = 10_000_000

    static let global: [Keyword<GlobalSettings>] = [
        Keyword("chroot", .global, "<folder>", "Confines the process to this folder once its sockets are open.", chroot),
        Keyword("daemon", .global, "", "Runs in the background.", daemon),
        Keyword("gid", .global, "<number>", sameAs: "group", "The group to run as, by number.", groupNumber),
        Keyword("group", .global, "<name>", "The group to run as.", group),
        Keyword(
            "master-worker", .global, "", differs: "The master replaces a worker that has died or hangs; it has no arguments.",
            "Runs a master process that starts and restarts the worker process, as `-W` does.", masterWorker),
        Keyword(
            "maxconn", .global, "<number>",
            differs: "If descriptors are missing, the process starts with fewer sessions and a warning. The log reports that the limit is reached.",
            "Maximum number of sessions in the process; default: as many as the descriptor limit allows.", maxconn),
        Keyword("nbthread", .global, "<number>", differs: "May follow other sections.", "Number of forwarding threads; default: one per core.", nbthread),
        Keyword("pidfile", .global, "<path>", "File for the process ID, written by a master and by a process in the background.", pidfile),
        Keyword(
            "seccomp", .global, "on|log|off",
            "System calls that serving does not need are refused (`on`), only logged by the kernel (`log`) or allowed (`off`); default `on`.", seccomp),
        Keyword(
            "setcap", .global, "<name>[,...]", differs: "The process keeps only the capabilities that its `source` lines need.",
            "Capabilities that the process may keep while it serves; it keeps only those that `source` lines need.", setcap),
        Keyword("uid", .global, "<number>", sameAs: "user", "The user to run as, by number.", userNumber),
        Keyword("user", .global, "<name>", "The user to run as.", user),
    ]

    @Sendable private static func chroot(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.chroot = try line.takeText("a folder")
    }

    @Sendable private static func daemon(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) { global.isDaemon = true }

    @Sendable private static func groupNumber(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.group = try String(line.takeNumber(in: 0...999_999_999))
    }

    @Sendable private static func group(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.group = try line.takeText("a group's name")
    }

    @Sendable private static func masterWorker(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) { global.isMaster = true }

    @Sendable private static func maxconn(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.connectionsMax = try line.takeNumber(in: 1...connectionsMax)
    }

    @Sendable private static func nbthread(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.threads = try line.takeNumber(in: 1...ForwardingState.threadsMax)
    }

    @Sendable private static func pidfile(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.pidFile = try line.takeText("a path")
    }

    @Sendable private static func seccomp(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.systemCalls = try line.takeChoice(["on": .serving, "log": .trial, "off": .any])
    }

    @Sendable private static func setcap(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.takeRequired()
        for name in word.split(separator: ",", omittingEmptySubsequences: false) where CapabilityName(rawValue: String(name)) == nil {
            throw .badValue(word, of: line.keyword, expected: "a list of " + CapabilityName.allCases.map(\.rawValue).joined(separator: ", "))
        }
    }

    @Sendable private static func userNumber(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.user = try String(line.takeNumber(in: 0...999_999_999))
    }

    @Sendable private static func user(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.user = try line.takeText("a user's name")
    }
}
