import Proxy

@testable import NodeAgent

/// A section that only tests have: the model of a file in `Sources/NodeAgent/Configuration/Sections`. HACKING.md refers to it.
struct SampleSection: ConfigurationSection {
    static let name = "sample"
    static let keywords = KeywordTable(SampleKeywords.sample)

    let location: ConfigurationLocation
    var draft = SampleSettings()
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) { self.location = location }

    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) { try line.end() }
}

extension ConfigurationSections {
    /// The sections of tsukada and the sample, registered as its own sections are.
    static let withSample = ConfigurationSections(all.types + [SampleSection.self])
}
