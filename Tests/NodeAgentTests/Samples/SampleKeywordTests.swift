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
        let draft = draft("global\n maxconn 5\nsample\n answer-timeout 2s\n note a\n note b\nprobe p\n bind :1\n")
        #expect(draft.diagnostics.isEmpty)
        let section = try #require(draft.all(SampleSection.self).first)
        #expect(section.draft == SampleSettings(answerTimeout: .seconds(2), notes: ["a", "b"]))
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
                "sample\n answer-timeout never\n",
                "ALERT t.cfg:2: invalid value 'never' for 'answer-timeout' in section 'sample'; write \(ConfigurationValue.timeExpected)"
            ), ("sample\n answer-timeout\n", "ALERT t.cfg:2: missing argument after 'answer-timeout' in section 'sample'; write 'answer-timeout <time>'"),
            ("sample\n answer-timeout 1s 2s\n", "ALERT t.cfg:2: unexpected '2s' after 'answer-timeout' in section 'sample'; write 'answer-timeout <time>'"),
            (
                "sample\n answer-timeout 1s\n answer-timeout 2s\n",
                "WARNING t.cfg:3: duplicate 'answer-timeout' in section 'sample'; the last one wins: remove the one at t.cfg:2"
            ), ("sample\n note a\n note b\n note c\n", "ALERT t.cfg:4: more than 2 'note' lines in section 'sample'; write at most 2"),
            ("sample\n no answer-timeout 1s\n", "ALERT t.cfg:2: 'no' is not allowed before 'answer-timeout' in section 'sample'; remove the line"),
            ("sample\n answer-timout 1s\n", "ALERT t.cfg:2: unknown keyword 'answer-timout' in section 'sample'; did you mean 'answer-timeout'?"),
            ("sample\n nbthread 2\n", "ALERT t.cfg:2: misplaced keyword 'nbthread' in section 'sample'; move it to a section 'global'"),
            ("sample\n slowstart\n", "ALERT t.cfg:2: misplaced keyword 'slowstart' in section 'sample'; move it to a line 'server'"),
            ("sample\n slowstart 2s\n", "ALERT t.cfg:2: unknown keyword 'slowstart' in section 'sample'; docs/CONFIGURATION.md lists all keywords"),
            ("global\n answer-timeout 1s\n", "ALERT t.cfg:2: misplaced keyword 'answer-timeout' in section 'global'; move it to a section 'sample'"),
            ("sampel\n", "ALERT t.cfg:1: 'sampel' before the first section; did you mean 'sample'?"),
            ("sample x\n", "ALERT t.cfg:1: unexpected 'x' after 'sample' in section 'sample x'; write 'sample' alone"),
        ])
    func reports(text: String, problem: String) {
        #expect(problems(text) == [problem])
    }

    @Test("are unknown to a reader whose list does not have them")
    func isUnknownElsewhere() {
        let (_, diagnostics) = Configuration.read("global\nsample\n answer-timeout 1s\n")
        #expect(diagnostics.map(\.location.line) == [2, 3])
    }

    @Test("have rows in the form of the manual")
    func hasManualRows() {
        #expect(
            ConfigurationManualTests.table(of: SampleSection.entries, showsSections: false) == [
                "| keyword | arguments | meaning |", "|--|--|--|",
                "| `answer-timeout` | `<time>` | How long to wait for an answer; default 1s. |", "| `note` | `<name>` | A name to remember. |",
            ])
    }
}
