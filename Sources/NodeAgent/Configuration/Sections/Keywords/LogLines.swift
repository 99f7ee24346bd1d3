import Proxy
import Wire

/// Parses `log` lines, which `global` and all proxies have.
enum LogLines {
    static let shape = "<target> [len <bytes>] [format <format>] <facility> [<level> [<most>]]"
    static let proxyShape = "global|<target> [len <bytes>] [format <format>] [<facility>] [<level> [<most>]]"
    static let lengths = 80...65_535

    /// The facilities' names, by number.
    static let facilities = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2", "ftp", "ntp", "audit", "alert", "cron2",
        "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ]
    private static let levels: KeyValuePairs<String, LogLevel> = [
        "emerg": .emergency, "alert": .alert, "crit": .critical, "err": .error, "warning": .warning, "notice": .notice, "info": .info, "debug": .debug,
    ]

    /// Parses a target and its options.
    static func readTarget(_ line: inout ConfigurationLine) throws(ConfigurationProblem) -> LogTarget {
        let endpoint = try AddressReader(line).readLogTarget(line.takeRequired())
        var target = LogTarget(endpoint: endpoint, facility: 0, location: line.location)
        try readOptions(&line, &target)
        let facility = try line.takeRequired()
        guard let number = facilities.firstIndex(of: facility) else {
            let suggestion = Spelling.nearest(to: facility, among: facilities)
            throw .unknownWord(facility, of: line.keyword, allowed: facilities, suggestion: suggestion)
        }
        target.facility = number
        if line.peek != nil { target.leastSevere = try line.takeChoice(levels) }
        if line.peek != nil { target.mostSevere = try line.takeChoice(levels) }
        try line.end()
        return target
    }

    private static func readOptions(_ line: inout ConfigurationLine, _ target: inout LogTarget) throws(ConfigurationProblem) {
        while let word = line.peek {
            switch word {
            case "len":
                line.next += 1
                target.lengthMax = try line.takeNumber(in: lengths)
            case "format":
                line.next += 1
                target.format = try readFormat(&line)
            case "sample", "profile":
                throw .unsupported("log ... \(word)", advice: "remove it: all lines are logged, in the formats of docs/CONFIGURATION.md")
            default: return
            }
        }
    }

    private static func readFormat(_ line: inout ConfigurationLine) throws(ConfigurationProblem) -> LogFormat {
        if let word = line.peek, ["rfc5424", "priority", "short", "timed", "iso"].contains(word) {
            throw .unsupported("format \(word)", advice: "write 'format rfc3164' or 'format raw'")
        }
        return try line.takeChoice(["rfc3164": .rfc3164, "local": .rfc3164, "raw": .raw])
    }
}
