import Proxy
import Wire

/// Keywords of `global` for sizes, rates and limits.
enum TuningKeywords {
    static let spreadMax = 50
    /// The largest socket buffer that setsockopt(2) accepts.
    private static let socketBytesMax = 1 << 30
    private static let acceptsMax = 1_000_000
    private static let oneRate = "`maxconnrate` and `maxsessrate` limit the same rate; the lower one applies."

    static let global: [Keyword<GlobalSettings>] = [
        Keyword(
            "fd-hard-limit", .global, "<number>", differs: "Does not size tables.",
            "Maximum number of descriptors that are used; default: the hard limit of the system.", descriptorsMax),
        Keyword(
            "max-spread-checks", .global, "<time>",
            "Maximum time over which the first checks are spread; default 0: each server's own `fastinter`, or `inter`.", maxSpreadChecks),
        Keyword(
            "maxconnrate", .global, "<number>", differs: oneRate, "Maximum number of accepted connections per second; further ones wait. 0: no limit.",
            maxconnrate),
        Keyword(
            "maxsessrate", .global, "<number>", differs: oneRate, "Maximum number of new sessions per second; further connections wait. 0: no limit.",
            maxsessrate),
        Keyword("nbproc", .global, "1", "No effect: there is one process. Other numbers are an error.", nbproc),
        Keyword("quiet", .global, "", differs: "Errors are always shown.", "Prints only errors at the start, as `-q` does.", quiet),
        Keyword(
            "spread-checks", .global, "<percent>", "Makes the intervals between checks shorter or longer by up to this percentage, 0 to 50; default 0.",
            spreadChecks),
        Keyword(
            "tune.bufsize", .global, "<bytes>",
            "Maximum number of bytes of a client that are held for a server, and of a check's answer; default 16384.", bufsize),
        Keyword(
            "tune.maxaccept", .global, "<number>|-1",
            "Maximum number of connections that a listener accepts before other work has a turn; default 64, -1: no limit.", maxaccept),
        size("tune.rcvbuf.client", "Kernel receive buffer of clients' sockets; default: the kernel's choice.") { $0.tuning.clientBuffers.receive = $1 },
        size("tune.rcvbuf.server", "Kernel receive buffer of servers' sockets; default: the kernel's choice.") { $0.tuning.serverBuffers.receive = $1 },
        size("tune.sndbuf.backend", "Kernel send buffer of the sockets for log lines; default: the kernel's choice, 1 MiB for a path.") {
            $0.tuning.logSendBytes = $1
        },
        size("tune.sndbuf.client", "Kernel send buffer of clients' sockets; default: the kernel's choice.") { $0.tuning.clientBuffers.send = $1 },
        size("tune.sndbuf.server", "Kernel send buffer of servers' sockets; default: the kernel's choice.") { $0.tuning.serverBuffers.send = $1 },
        Keyword(
            "ulimit-n", .global, "<number>", differs: "Beyond the hard limit of the system, the process starts with a warning.",
            "Raises the descriptor limit to this number; default 0: as far as `maxconn` needs.", ulimit),
        Keyword("zero-warning", .global, "", "Refuses to start if the configuration causes a warning.", zeroWarning),
    ]

    /// A keyword that sets the size of a kernel buffer; 0 leaves it to the kernel.
    private static func size(
        _ name: String, _ meaning: String, _ set: @escaping @Sendable (inout GlobalSettings, Int32) -> Void
    ) -> Keyword<GlobalSettings> {
        Keyword(name, .global, "<bytes>", meaning) { global, line throws(ConfigurationProblem) in
            set(&global, Int32(try line.takeSize(in: 0...socketBytesMax)))
        }
    }

    @Sendable private static func descriptorsMax(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.descriptorsMax = try line.takeNumber(in: 1...999_999_999)
    }

    @Sendable private static func maxSpreadChecks(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.checkSpread.startMax = try line.takeTimeout()
    }

    @Sendable private static func maxconnrate(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.tuning.connectionsPerSecond = try line.takeNumber(in: 0...ProcessKeywords.connectionsMax)
    }

    @Sendable private static func maxsessrate(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.tuning.sessionsPerSecond = try line.takeNumber(in: 0...ProcessKeywords.connectionsMax)
    }

    @Sendable private static func nbproc(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.takeRequired()
        guard word == "1" else { throw .removed("nbproc \(word)", replacement: "write 'nbthread'") }
    }

    @Sendable private static func quiet(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) { global.isQuiet = true }

    @Sendable private static func spreadChecks(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.takeRequired()
        guard let percent = ConfigurationValue.number(word.hasSuffix("%") ? String(word.dropLast()) : word), percent <= spreadMax else {
            throw .badValue(word, of: line.keyword, expected: "a percentage from 0 to \(spreadMax)")
        }
        global.checkSpread.percent = percent
    }

    @Sendable private static func bufsize(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.tuning.bufferBytes = try line.takeSize(in: 1_024...Tuning.bufferBytesMax)
    }

    @Sendable private static func maxaccept(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        // As in HAProxy, 0 leaves the default.
        let number = line.take("-1") ? acceptsMax : try line.takeNumber(in: 0...acceptsMax)
        if number > 0 { global.tuning.acceptsPerTurn = number }
    }

    @Sendable private static func ulimit(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let number = try line.takeNumber(in: 0...999_999_999)
        global.descriptorsWanted = number > 0 ? number : nil
    }

    @Sendable private static func zeroWarning(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) { global.refusesWarnings = true }
}
