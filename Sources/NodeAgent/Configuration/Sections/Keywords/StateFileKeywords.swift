import Proxy
import Wire

/// Keywords of state files, which keep the output of `show servers state` across restarts.
enum StateFileKeywords {
    static let global: [Keyword<GlobalSettings>] = [
        Keyword("server-state-base", .global, "<folder>", "Folder of the state files whose names do not begin with `/`.", base),
        Keyword("server-state-file", .global, "<path>", "State file of all proxies, for `load-server-state-from-file global`.", file),
    ]

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "load-server-state-from-file", .serverSide, "global|local|none",
            "Source of the servers' state at start: the state file of all proxies (`global`), the proxy's own (`local`) or none; default `none`.",
            load),
        Keyword(
            "server-state-file-name", .serverSide, "[<file>|use-backend-name]",
            "The proxy's own state file; without an argument, the file named after the proxy.",
            fileName),
    ]

    @Sendable private static func base(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.stateFolder = try line.takeText("a folder")
    }

    @Sendable private static func file(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.stateFile = try line.takeText("a path")
    }

    @Sendable private static func load(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.stateSource = try line.takeChoice(["global": .global, "local": .local, "none": .none])
    }

    @Sendable private static func fileName(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = line.peek == nil ? "use-backend-name" : try line.takeText("a file's name")
        proxy.backend.stateFileName = name == "use-backend-name" ? nil : name
    }
}
