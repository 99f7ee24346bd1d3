import Proxy
import Wire

/// Keywords of the runtime sockets, `stats ...`.
enum StatsKeywords {
    static let socketsMax = 64

    static let global: [Keyword<GlobalSettings>] = [
        Keyword(
            "stats maxconn", .global, "<number>",
            differs: "Connections of `tsukada drain`, `tsukada keys` and `-x` do not wait.",
            "Maximum number of runtime connections; default 10. Further ones wait, except those of `tsukada drain`, `tsukada keys` and `-x`.",
            statsMaxconn),
        Keyword(
            "stats socket", .global, "<address> [<option> ...]", repetition: .many,
            differs: "`accept-proxy` is an error; an answer to one line has at most 8 MiB.", "A runtime socket: a path, `address:port`, `abns@NAME` or `fd@N`.",
            statsSocket),
        Keyword("stats timeout", .global, "<time>", "Idle timeout of runtime connections; default 10s.", statsTimeout),
    ]

    @Sendable private static func statsMaxconn(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.statsConnectionsMax = try line.takeNumber(in: 1...10_000)
        global.statsConnectionsLocation = line.location
    }

    @Sendable private static func statsSocket(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard global.statsSockets.count < socketsMax else {
            throw .tooMany(what: "'stats socket' lines", limit: socketsMax)
        }
        let binds = try AddressReader(line).readBinds(line.takeRequired())
        guard let bind = binds.first, binds.count == 1 else {
            throw .badValue(line.words[line.next - 1], of: line.keyword, expected: "a single address")
        }
        var socket = StatsSocketSettings(endpoint: bind.endpoint, location: line.location)
        socket.bind.family = bind.family
        try line.readOptions(of: StatsSocketOptions.self, into: &socket)
        socket.bind.requireIPForNamespace(&line)
        global.statsSockets.append(socket)
    }

    @Sendable private static func statsTimeout(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.statsTimeout = try line.takePositiveTime()
    }
}

/// Options of a `stats socket` line.
enum StatsSocketOptions: KeywordPlace {
    static let name = "stats socket"
    static let extent = "this file"

    static let keywords = KeywordTable((own + SocketKeywords.keywords(.statsSocket, \.bind)).inManualOrder())

    private static let own: [Keyword<StatsSocketSettings>] = [
        Keyword(
            "expose-fd", .statsSocket, "listeners", "Lets a process started with `-x` take over the listening sockets; needs `level admin`.",
            exposeListeners),
        Keyword("level", .statsSocket, "user|operator|admin", "Rights of the socket's connections; default `operator`.", socketLevel),
        Keyword(
            "severity-output", .statsSocket, "none|number|string",
            "The form of the severity in front of messages, such as `[3]: ` or `[err]: `; default `none`.",
            severityOutput),
    ]

    @Sendable private static func exposeListeners(_ socket: inout StatsSocketSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        socket.rights.exposesListeners = try line.takeChoice(["listeners": true])
    }

    @Sendable private static func socketLevel(_ socket: inout StatsSocketSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        socket.rights.level = try line.takeChoice(["user": .user, "operator": .operator, "admin": .admin])
    }

    @Sendable private static func severityOutput(_ socket: inout StatsSocketSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        socket.rights.severityOutput = try line.takeChoice([
            "none": StatsSocketSettings.SeverityOutput.none, "number": .number, "string": .string,
        ])
    }
}
