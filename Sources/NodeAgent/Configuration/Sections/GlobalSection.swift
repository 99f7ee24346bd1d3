import Proxy
import Wire

/// `global`: settings of the process. All `global` sections are merged, so each one continues the last.
struct GlobalSection: ConfigurationSection {
    static let name = "global"
    static let extent = "this file"
    static let keywords = KeywordTable(
        [
            ProcessKeywords.global, StopKeywords.global, StatsKeywords.global, LogKeywords.global, ExternalCheckKeywords.global, EnvironmentKeywords.global,
            TuningKeywords.global, UnixBindKeywords.global, own,
        ].flatMap(\.self).inManualOrder() + StateFileKeywords.global + ZoneKeywords.global)

    var draft = GlobalSettings()
    var uses: [String: ConfigurationLocation] = [:]

    init() {}

    init(at location: ConfigurationLocation) {}

    static func title(argument: String?) -> String { name }

    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        self = configuration.global
        try line.end()
    }

    static func isInvertible(_ name: String) -> Bool { ["busy-polling", "numa-cpu-mapping", "set-dumpable", "strict-limits"].contains(name) }

    func finish(in configuration: inout ConfigurationDraft) { configuration.global = self }

    private static let own: [Keyword<GlobalSettings>] = [
        Keyword("description", .global, "<text> ...", "Text shown by `show info`.", description),
        Keyword("node", .global, "<name>", "This node's name; default: the host name.", node),
        Keyword(
            "state-dir", .global, "<folder>",
            "Folder for the last good addresses of names, for a start without DNS; default: `state-dir` of the `gossip` section, if any. Not in HAProxy.",
            stateDirectory),
    ]

    @Sendable private static func description(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.description = line.takeAll()
    }

    @Sendable private static func node(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.node = try line.takeName()
    }

    @Sendable private static func stateDirectory(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.stateDirectory = try line.takeAbsolutePath(example: "/var/lib/tsukada")
    }
}

extension KeywordPlaces {
    static let global: KeywordPlaces = ["global"]
    static let statsSocket: KeywordPlaces = ["stats socket"]
}
