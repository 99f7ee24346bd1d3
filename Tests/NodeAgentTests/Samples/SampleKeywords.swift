import Proxy
import Wire

@testable import NodeAgent

/// The content of a `sample` section.
struct SampleSettings: Equatable, Sendable {
    /// How long to wait for an answer: `answer-timeout`.
    var answerTimeout = Duration.seconds(1)
    /// The names of `note`, in the order of the file.
    var notes: [String] = []
}

/// Keywords that only tests have: the model of a list in `Sources/NodeAgent/Configuration/Sections/Keywords`. HACKING.md refers to it.
enum SampleKeywords {
    static let notesMax = 2

    static let sample: [Keyword<SampleSettings>] = [
        Keyword("answer-timeout", .sample, "<time>", "How long to wait for an answer; default 1s.", answerTimeout),
        Keyword("note", .sample, "<name>", repetition: .many, "A name to remember.", note),
    ]

    @Sendable private static func answerTimeout(_ sample: inout SampleSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        sample.answerTimeout = try line.takePositiveTime()
    }

    @Sendable private static func note(_ sample: inout SampleSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard sample.notes.count < notesMax else { throw .tooMany(what: "'note' lines", limit: notesMax) }
        sample.notes.append(try line.takeName())
    }
}

extension KeywordPlaces {
    fileprivate static let sample: KeywordPlaces = ["sample"]
}
