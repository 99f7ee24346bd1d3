import Proxy
import Testing

@testable import NodeAgent

/// Helpers of the configuration's tests.
enum Configuration {
    /// Every place that has keywords.
    static let places: [any KeywordPlace.Type] = ConfigurationSections.all.types + ConfigurationSections.linesWithOptions

    /// The place `name`.
    static func place(_ name: String) -> (any KeywordPlace.Type)? { places.first { $0.name == name } }

    /// Reads `text` as "t.cfg".
    static func read(_ text: String, environment: [String: String] = [:]) -> (configuration: AgentConfiguration, diagnostics: [Diagnostic]) {
        ConfigurationReader(environment: environment).read(files: [("t.cfg", Array(text.utf8))])
    }

    /// Reads fixtures under their own names.
    static func read(fixtures: [String]) throws -> (configuration: AgentConfiguration, diagnostics: [Diagnostic]) {
        let files = try fixtures.map { name in (name: name, bytes: try bytes(of: name)) }
        return ConfigurationReader(environment: [:]).read(files: files)
    }

    /// The bytes of a fixture.
    static func bytes(of fixture: String) throws -> [UInt8] {
        try #require(ConfigurationFiles.load(["\(folder)/Fixtures/Configuration/\(fixture)"]).first).bytes
    }

    /// The lines of a file of the package.
    static func lines(ofPackageFile path: String) throws -> [String] {
        let bytes = try #require(ConfigurationFiles.load(["\(folder)/../../\(path)"]).first).bytes
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    static var folder: String { String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.startIndex)) }

    /// The diagnostics that prevent the agent from starting.
    static func alerts(_ diagnostics: [Diagnostic]) -> [String] { diagnostics.filter { $0.severity == .alert }.map(\.description) }
}

extension Diagnostic {
    /// The keywords that it refuses, each with its line.
    var refused: [(line: Int, keyword: String)] {
        if case .refusedSection(_, let keywords, _) = problem { return keywords.flatMap { keyword in keyword.locations.map { ($0.line, keyword.name) } } }
        return problem.refusedKeyword.map { [(location.line, $0)] } ?? []
    }

    /// The lines below the headline as one text, without blanks at the front of the first line.
    var detailsText: String { details.joined(separator: "\n") }
}
