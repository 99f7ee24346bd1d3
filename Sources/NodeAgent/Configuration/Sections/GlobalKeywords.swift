import Proxy
import Wire

/// The keywords of `global`.
enum GlobalKeywords {
    static let statsSocketsMax = 64
    static let connectionsMax = 10_000_000

    static let keywords: [Keyword] = [
        Keyword("chroot", .global, "<folder>", "Confines the process to this folder once its sockets are open.", .global(chroot)),
        Keyword(
            "close-spread-time", .global, "<time>|infinite",
            "How long before the hard stop sessions begin to be closed, a few at a time; `infinite`, or without it: all at once.",
            .global(closeSpreadTime)),
        Keyword("daemon", .global, "", "Goes to the background.", .global(daemon)),
        Keyword("description", .global, "<text> ...", "A text for `show info`.", .global(description)),
        Keyword(
            "drain-on-term", .global, "", "SIGTERM drains as SIGUSR1 does; it stops at once only what drains already. tsukada's own.",
            .global(drainOnTerm)),
        Keyword("gid", .global, "<number>", "The group to run as, by number.", .global(groupNumber)),
        Keyword("group", .global, "<name>", "The group to run as.", .global(group)),
        Keyword(
            "hard-stop-after", .global, "<time>",
            "How long after a soft stop or a reload has closed the listeners the sessions left are closed; never without it.",
            .global(hardStopAfter)),
        Keyword(
            "log", .global, LogLines.shape, repetition: .many, inversion: .no,
            "Where log lines go: `address[:port]` (UDP, port 514), a path, `stdout`, `stderr` or `fd@N`; formats `rfc3164`, `local`, `raw`.",
            .global(log)),
        Keyword("log-tag", .global, "<tag>", "The program's name in log lines, `tsukada` without it.", .global(logTag)),
        Keyword("master-worker", .global, "", "Runs a master that starts the process that works, as `-W` does.", .global(masterWorker)),
        Keyword("maxconn", .global, "<number>", "Sessions at once, process-wide; without it what the descriptor limit allows.", .global(maxconn)),
        Keyword("nbthread", .global, "<number>", "Worker threads; without it one for each core.", .global(nbthread)),
        Keyword("node", .global, "<name>", "This node's name; without it the host's.", .global(node)),
        Keyword("pidfile", .global, "<path>", "Where the process number is written.", .global(pidfile)),
        Keyword(
            "seccomp", .global, "on|log|off",
            "System calls that serving does not need fail, or only show in the kernel's log, or are made; `on` without it.", .global(seccomp)),
        Keyword(
            "state-dir", .global, "<folder>",
            "Where the last good addresses of names outlive a restart, for a start without DNS; without it the `gossip` section's, or nowhere. tsukada's own.",
            .global(stateDirectory)),
        Keyword(
            "stats maxconn", .global, "<number>", "Runtime connections at once; 10 without it. Others wait, but not `tsukada drain`, `tsukada keys` and `-x`.",
            .global(statsMaxconn)),
        Keyword(
            "stats socket", .global, "<address> [<option> ...]", repetition: .many, "A runtime socket: a path, `address:port` or `fd@N`.",
            .global(statsSocket)),
        Keyword("stats timeout", .global, "<time>", "How long a runtime connection may be silent.", .global(statsTimeout)),
        Keyword("uid", .global, "<number>", "The user to run as, by number.", .global(userNumber)),
        Keyword("user", .global, "<name>", "The user to run as.", .global(user)),
    ]

    static let socketOptions: [Keyword] = [
        Keyword(
            "expose-fd", .statsSocket, "listeners", "A process started with `-x` may take the listening sockets over; for `level admin`.",
            .statsSocket(exposeListeners)),
        Keyword("gid", .statsSocket, "<number>", "The path's group, by number.", .statsSocket(socketGroupNumber)),
        Keyword("group", .statsSocket, "<name>", "The path's group.", .statsSocket(socketGroup)),
        Keyword("level", .statsSocket, "user|operator|admin", "What its connections may do; `operator` without it.", .statsSocket(socketLevel)),
        Keyword("mode", .statsSocket, "<permissions>", "The path's permission bits, in octal.", .statsSocket(socketMode)),
        Keyword("uid", .statsSocket, "<number>", "The path's owner, by number.", .statsSocket(socketUserNumber)),
        Keyword("user", .statsSocket, "<name>", "The path's owner.", .statsSocket(socketUser)),
    ]

    @Sendable private static func closeSpreadTime(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard line.peek != "infinite" else {
            line.next += 1
            global.closeSpreadTime = .zero
            return
        }
        global.closeSpreadTime = try line.needPositiveTime()
    }

    @Sendable private static func hardStopAfter(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.hardStopAfter = try line.needPositiveTime()
    }

    @Sendable private static func drainOnTerm(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) { global.drainsOnTerm = true }

    @Sendable private static func stateDirectory(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.stateDirectory = try line.needAbsolutePath(example: "/var/lib/tsukada")
    }

    @Sendable private static func daemon(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) { global.isDaemon = true }

    @Sendable private static func masterWorker(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) { global.isMaster = true }

    @Sendable private static func chroot(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.chroot = try line.needText("a folder")
    }

    @Sendable private static func pidfile(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.pidFile = try line.needText("a path")
    }

    @Sendable private static func seccomp(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.systemCalls = try line.needChoice(["on": .serving, "log": .trial, "off": .any])
    }

    @Sendable private static func description(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.description = line.takeAll()
    }

    @Sendable private static func node(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.node = try line.needName()
    }

    @Sendable private static func user(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.user = try line.needText("a user's name")
    }

    @Sendable private static func group(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.group = try line.needText("a group's name")
    }

    @Sendable private static func userNumber(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.user = try String(line.needNumber(in: 0...999_999_999))
    }

    @Sendable private static func groupNumber(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.group = try String(line.needNumber(in: 0...999_999_999))
    }

    @Sendable private static func maxconn(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.connectionsMax = try line.needNumber(in: 1...connectionsMax)
    }

    @Sendable private static func nbthread(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.threads = try line.needNumber(in: 1...ForwardingState.threadsMax)
    }

    @Sendable private static func logTag(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.logTag = try line.needText("a tag")
    }

    @Sendable private static func log(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard line.prefix == .nothing else {
            try line.end()
            global.logTargets = []
            return
        }
        guard global.logTargets.count < ProxyDraft.logTargetsMax else { throw .tooMany(what: "'log' lines", limit: ProxyDraft.logTargetsMax) }
        if line.peek == "global" { throw .badValue("global", of: "log", expected: "a target here, and 'log global' in the proxies") }
        global.logTargets.append(try LogLines.readTarget(&line))
    }

    @Sendable private static func statsMaxconn(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.statsConnectionsMax = try line.needNumber(in: 1...10_000)
        global.statsConnectionsLocation = line.location
    }

    @Sendable private static func statsTimeout(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.statsTimeout = try line.needPositiveTime()
    }

    @Sendable private static func statsSocket(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard global.statsSockets.count < statsSocketsMax else {
            throw .tooMany(what: "'stats socket' lines", limit: statsSocketsMax)
        }
        let endpoints = try AddressReader(line).readBinds(line.need())
        guard let endpoint = endpoints.first, endpoints.count == 1 else {
            throw .badValue(line.words[line.next - 1], of: line.keyword, expected: "one address on each line")
        }
        var socket = StatsSocketSettings(endpoint: endpoint, location: line.location)
        try line.readOptions(of: .statsSocket) { keyword, line throws(ConfigurationProblem) in
            if case .statsSocket(let apply) = keyword.action { try apply(&socket, &line) }
        }
        global.statsSockets.append(socket)
    }

    @Sendable private static func exposeListeners(_ socket: inout StatsSocketSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        socket.rights.exposesListeners = try line.needChoice(["listeners": true])
    }

    @Sendable private static func socketLevel(_ socket: inout StatsSocketSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        socket.rights.level = try line.needChoice(["user": .user, "operator": .operator, "admin": .admin])
    }

    @Sendable private static func socketMode(_ socket: inout StatsSocketSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        socket.permissions = try line.needPermissions()
    }

    @Sendable private static func socketUser(_ socket: inout StatsSocketSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        socket.user = try line.needText("a user's name")
    }

    @Sendable private static func socketGroup(_ socket: inout StatsSocketSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        socket.group = try line.needText("a group's name")
    }

    @Sendable private static func socketUserNumber(_ socket: inout StatsSocketSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        socket.user = try String(line.needNumber(in: 0...999_999_999))
    }

    @Sendable private static func socketGroupNumber(_ socket: inout StatsSocketSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        socket.group = try String(line.needNumber(in: 0...999_999_999))
    }
}
