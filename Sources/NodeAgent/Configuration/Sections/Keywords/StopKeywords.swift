import Proxy
import Wire

/// Keywords of `global` about the end of the process.
enum StopKeywords {
    static let global: [Keyword<GlobalSettings>] = [
        Keyword(
            "close-spread-time", .global, "<time>|infinite",
            "How long before the hard stop sessions begin to be closed, a few at a time; `infinite`, or without it: all at once.",
            closeSpreadTime),
        Keyword(
            "drain-on-term", .global, "", "SIGTERM drains as SIGUSR1 does; it stops at once only what drains already. tsukada's own.",
            drainOnTerm),
        Keyword(
            "hard-stop-after", .global, "<time>",
            "How long after a soft stop or a reload has closed the listeners the sessions left are closed; never without it.",
            hardStopAfter),
    ]

    @Sendable private static func closeSpreadTime(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard line.peek != "infinite" else {
            line.next += 1
            global.closeSpreadTime = .zero
            return
        }
        global.closeSpreadTime = try line.needPositiveTime()
    }

    @Sendable private static func drainOnTerm(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) { global.drainsOnTerm = true }

    @Sendable private static func hardStopAfter(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.hardStopAfter = try line.needPositiveTime()
    }
}
