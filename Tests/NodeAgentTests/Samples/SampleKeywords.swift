import Proxy
import Wire

@testable import NodeAgent

/// The content of a `sample` section.
struct SampleSettings: Equatable, Sendable {
    /// How long to wait for an answer: `patience`.
    var patience = Duration.seconds(1)
    /// The names of `note`, in the order of the file.
    var notes: [String] = []
}

/// Keywords that only tests have: the model of a list in `Sources/NodeAgent/Configuration/Sections/Keywords`. HACKING.md refers to it.
enum SampleKeywords {
    static let notesMax = 2

    static let sample: [Keyword<SampleSettings>] = [
        Keyword("note", .sample, "<name>", repetition: .many, "A name to remember.", note),
        Keyword("patience", .sample, "<time>", "How long to wait for an answer; default 1s.", patience),
    ]

    @Sendable private static func note(_ sample: inout SampleSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard sample.notes.count < notesMax else { throw .tooMany(what: "'note' lines", limit: notesMax) }
        sample.notes.append(try line.takeName())
    }

    @Sendable private static func patience(_ sample: inout SampleSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        sample.patience = try line.takePositiveTime()
    }
}

extension KeywordPlaces {
    fileprivate static let sample: KeywordPlaces = ["sample"]
}
