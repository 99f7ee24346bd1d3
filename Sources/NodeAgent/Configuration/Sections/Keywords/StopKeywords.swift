import Proxy
import Wire

/// Keywords of `global` about the end of the process.
enum StopKeywords {
    static let global: [Keyword<GlobalSettings>] = [
        Keyword(
            "close-spread-time", .global, "<time>|infinite",
            differs: "Closes TCP sessions, during this time before the hard stop.",
            "Closes the remaining sessions gradually during this time before the hard stop; default `infinite`: the hard stop closes them all at once.",
            closeSpreadTime),
        Keyword(
            "drain-on-term", .global, "", "SIGTERM drains, as SIGUSR1 does; during a drain, SIGTERM stops the process at once. Not in HAProxy.",
            drainOnTerm),
        Keyword(
            "hard-stop-after", .global, "<time>",
            differs: "Counted from the closing of the listeners, which follows a drain.",
            "Closes the remaining sessions this long after a soft stop or a reload has closed the listeners; default: never.",
            hardStopAfter),
    ]

    @Sendable private static func closeSpreadTime(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.closeSpreadTime = line.take("infinite") ? .zero : try line.takePositiveTime()
    }

    @Sendable private static func drainOnTerm(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) { global.drainsOnTerm = true }

    @Sendable private static func hardStopAfter(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.hardStopAfter = try line.takePositiveTime()
    }
}
