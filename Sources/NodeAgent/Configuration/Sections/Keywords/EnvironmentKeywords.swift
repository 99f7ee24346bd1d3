import Proxy
import Wire

/// Keywords of `global` that change the variables for the lines that follow, and where files with relative names are.
enum EnvironmentKeywords {
    /// The most variables after a line that sets one.
    static let variablesMax = 1_024

    static let global: [Keyword<GlobalSettings>] = [
        Keyword(
            "default-path", .global, "current|config|parent|origin [<folder>]",
            "No effect: it is for files that are opened while the configuration is read, and tsukada opens none then.", defaultPath),
        Keyword("localpeer", .global, "<name>", "Value of `HAPROXY_LOCALPEER` in the lines that follow; `-L` takes precedence.", localPeer),
        Keyword(
            "presetenv", .global, "<name> <value>", repetition: .many, "Sets an environment variable, for the lines that follow, unless it is set already.",
            presetVariable),
        Keyword("resetenv", .global, "[<name> ...]", repetition: .many, "Removes all environment variables except these.", resetVariables),
        Keyword("setenv", .global, "<name> <value>", repetition: .many, "Sets an environment variable, for the lines that follow.", setVariable),
        Keyword("unsetenv", .global, "<name> ...", repetition: .many, "Removes environment variables, for the lines that follow.", unsetVariables),
    ]

    @Sendable private static func defaultPath(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let hasFolder = try line.takeChoice(["current": false, "config": false, "parent": false, "origin": true])
        if hasFolder { _ = try line.takeText("a folder") }
    }

    @Sendable private static func localPeer(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.takeName()
        if let given = line.givenName { return line.warn(.noEffect("localpeer", advice: "the name given with '-L \(given)' takes precedence")) }
        line.environment[ConfigurationLexer.localPeerVariable] = name
    }

    @Sendable private static func presetVariable(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let (name, value) = (try line.takeVariableName(), try line.takeRequired())
        if line.environment[name] == nil { try line.set(name, to: value) }
    }

    @Sendable private static func resetVariables(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        var kept: Set<String> = []
        while line.peek != nil { kept.insert(try line.takeVariableName()) }
        line.environment = line.environment.filter { kept.contains($0.key) }
    }

    @Sendable private static func setVariable(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let (name, value) = (try line.takeVariableName(), try line.takeRequired())
        try line.set(name, to: value)
    }

    @Sendable private static func unsetVariables(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        repeat {
            let name = try line.takeVariableName()
            line.environment[name] = nil
        } while line.peek != nil
    }
}

extension ConfigurationLine {
    /// Takes the name of an environment variable.
    fileprivate mutating func takeVariableName() throws(ConfigurationProblem) -> String {
        let word = try takeRequired()
        guard !word.isEmpty, !word.utf8.contains(UInt8(ascii: "=")) else { throw .badValue(word, of: keyword, expected: "a variable's name, without '='") }
        return word
    }

    /// Sets an environment variable.
    fileprivate mutating func set(_ name: String, to value: String) throws(ConfigurationProblem) {
        environment[name] = value
        let limit = EnvironmentKeywords.variablesMax
        guard environment.count <= limit else { throw .tooMany(what: "environment variables", limit: limit) }
    }
}
