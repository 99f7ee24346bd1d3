import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("A keyword and a section that only tests have")
struct SampleKeywordTests {
    private let reader = ConfigurationReader(environment: [:], sections: .withSample)

    private func draft(_ text: String) -> ConfigurationDraft { reader.draft(of: [("t.cfg", Array(text.utf8))]) }

    private func problems(_ text: String) -> [String] { draft(text).diagnostics.map { "\($0.severity.rawValue) \($0)" } }

    @Test("are read with the lines of all other sections")
    func reads() throws {
        let draft = draft("global\n maxconn 5\nsample\n patience 2s\n note a\n note b\nprobe p\n bind :1\n")
        #expect(draft.diagnostics.isEmpty)
        let section = try #require(draft.all(SampleSection.self).first)
        #expect(section.draft == SampleSettings(patience: .seconds(2), notes: ["a", "b"]))
        #expect(section.location == ConfigurationLocation(file: "t.cfg", line: 3))
        #expect(draft.global.draft.connectionsMax == 5 && draft.all(ProbeSection.self).count == 1)
    }

    @Test("have the default of their settings without a line")
    func defaults() {
        #expect(draft("sample\n").all(SampleSection.self).map(\.draft) == [SampleSettings()])
    }

    @Test(
        "report each problem with file, line and advice",
        arguments: [
            (
                "sample\n patience never\n",
                "ALERT t.cfg:2: invalid value 'never' for 'patience' in section 'sample'; write \(ConfigurationValue.timeExpected)"
            ), ("sample\n patience\n", "ALERT t.cfg:2: missing argument after 'patience' in section 'sample'; write 'patience <time>'"),
            ("sample\n patience 1s 2s\n", "ALERT t.cfg:2: unexpected '2s' after 'patience' in section 'sample'; write 'patience <time>'"),
            (
                "sample\n patience 1s\n patience 2s\n",
                "WARNING t.cfg:3: duplicate 'patience' in section 'sample'; the last one wins: remove the one at t.cfg:2"
            ), ("sample\n note a\n note b\n note c\n", "ALERT t.cfg:4: more than 2 'note' lines in section 'sample'; write at most 2"),
            ("sample\n no patience 1s\n", "ALERT t.cfg:2: 'no' is not allowed before 'patience' in section 'sample'; remove the line"),
            ("sample\n patiense 1s\n", "ALERT t.cfg:2: unknown keyword 'patiense' in section 'sample'; did you mean 'patience'?"),
            ("sample\n nbthread 2\n", "ALERT t.cfg:2: misplaced keyword 'nbthread' in section 'sample'; move it to a section 'global'"),
            ("sample\n slowstart\n", "ALERT t.cfg:2: misplaced keyword 'slowstart' in section 'sample'; move it to a line 'server'"),
            ("sample\n slowstart 2s\n", "ALERT t.cfg:2: unknown keyword 'slowstart' in section 'sample'; docs/CONFIGURATION.md lists all keywords"),
            ("global\n patience 1s\n", "ALERT t.cfg:2: misplaced keyword 'patience' in section 'global'; move it to a section 'sample'"),
            ("sampel\n", "ALERT t.cfg:1: 'sampel' before the first section; did you mean 'sample'?"),
            ("sample x\n", "ALERT t.cfg:1: unexpected 'x' after 'sample' in section 'sample x'; write 'sample' alone"),
        ])
    func reports(text: String, problem: String) {
        #expect(problems(text) == [problem])
    }

    @Test("are unknown to a reader whose list does not have them")
    func isUnknownElsewhere() {
        let (_, diagnostics) = Configuration.read("global\nsample\n patience 1s\n")
        #expect(diagnostics.map(\.location.line) == [2, 3])
    }

    @Test("have names that do not begin another section's lines, because a section's name ends the section before it")
    func namesAreDistinct() {
        let words = ConfigurationSections.withSample.types.flatMap { $0.firstWords }
        for name in ConfigurationSections.withSample.names { #expect(!words.contains(name), "\(name)") }
    }

    @Test("have rows in the form of the manual")
    func hasManualRows() {
        #expect(
            ConfigurationManualTests.table(of: SampleSection.entries, showsSections: false) == [
                "| keyword | arguments | meaning |", "|--|--|--|", "| `note` | `<name>` | A name to remember. |",
                "| `patience` | `<time>` | How long to wait for an answer; default 1s. |",
            ])
    }
}
