import Proxy

/// Keywords of checks that a program makes.
enum ExternalCheckKeywords {
    static let global: [Keyword<GlobalSettings>] = [
        Keyword(
            "external-check", .global, "[preserve-env]", differs: "The programs have no capabilities, even if the process runs as root.",
            "Allows `option external-check`. With `preserve-env`, the programs also get the environment of tsukada.", allow),
        Keyword(
            "insecure-fork-wanted", .global, "", inversion: .no,
            "No effect: a separate process starts the programs of external checks, so that no serving process needs this right.", ignore),
    ]

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "external-check command", .serverSide, "<program>",
            "Program of `option external-check`: an absolute path, or a name to look up in `external-check path`.", command),
        Keyword("external-check path", .serverSide, "<folders>", "The variable PATH of the program, with folders separated by `:`; default: empty.", path),
        Keyword(
            "option external-check", .serverSide, "",
            differs: "Child processes that a program leaves behind are killed. At most 256 programs run at a time.",
            "Checks run a program, and pass if its exit code is 0; `external-check` in `global` must allow it.", check),
    ]

    @Sendable private static func allow(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.externalChecks = line.peek == nil ? .cleanEnvironment : try line.takeChoice(["preserve-env": .keptEnvironment])
    }

    @Sendable private static func ignore(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) {}

    @Sendable private static func command(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.externalCheck.command = try LocatedText(text: line.takeText("a program"), location: line.location)
    }

    @Sendable private static func path(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.externalCheck.path = try LocatedText(text: line.takeText("folders such as /usr/bin:/bin"), location: line.location)
    }

    @Sendable private static func check(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.externalCheck.option = line.location
        proxy.backend.check = .external
    }
}

/// The lines of a proxy about a program that checks its servers.
struct ExternalCheckDraft: Equatable, Sendable {
    /// The position of `option external-check`.
    var option: ConfigurationLocation?
    /// `external-check command`.
    var command: LocatedText?
    /// `external-check path`.
    var path: LocatedText?
}
