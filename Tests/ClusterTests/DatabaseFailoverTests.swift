// The rows of `deploy/failover-test --databases` with short times, and their promises. One cluster for all of them.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("A node and its databases", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy does not promise this"), .timeLimit(.minutes(9)))
    struct DatabaseFailoverTests {
        @Test("keep their promises to 40 clients in every row")
        func rows() throws {
            let cluster = try freshCluster()
            let databases = try DatabaseCluster(cluster, pace: .brief)
            defer { databases.stop() }
            var results: [FailoverResult] = []
            for row in DatabaseRows.all {
                do {
                    let result = try databases.run(row, .ours)
                    results.append(result)
                    #expect(result.attempts > 20 && result.queries > 20, "\(row.name): the clients did not run: \(result)")
                    #expect(result.broken.isEmpty, "\(row.name): \(row.event): \(result.broken); \(result.examples)")
                } catch {
                    results.append(FailoverResult(name: row.name, event: row.event, hindrance: error))
                    Issue.record("\(row.name): \(row.event): cannot be run: \(error)")
                }
            }
            print(FailoverTable.databases.text(results))
        }
    }
}

@Suite("The comparison's table")
struct ComparisonTableTests {
    private var result: FailoverResult {
        var result = FailoverResult(name: "kill", event: "kill -9 of one database")
        (result.failedConnects, result.failedUntil, result.inFlight, result.slowestSeconds) = (12, 6.54, 2, 0.031)
        return result
    }

    private let empty = "# Text\n\n\(ComparisonTable.begin)\(ComparisonTable.end)\n\nMore text | with a bar\n"

    @Test("describes in a few words what clients noticed")
    func words() {
        #expect(ComparisonTable.cell(result) == "12 failed until 6.5 s; 2 in flight; slowest 0.03 s")
        var lagging = FailoverResult(name: "lagging", event: "it lags")
        (lagging.staleReads, lagging.oldestSeconds, lagging.blocked, lagging.connectsPerClient) = (3, 9.2, 1, 1.25)
        (lagging.ejectedAfter, lagging.backAfter, lagging.notes) = (4.1, 0.7, ["a | bar"])
        let expected = "0 failed; slowest 0.00 s; 1 x 1129; 3 stale reads, oldest 9.2 s; 1.25 connects for each; out after 4.1 s; in after 0.7 s; a / bar"
        #expect(ComparisonTable.cell(lagging) == expected)
        let error = ChildProcessError(description: "tsukada ended with 1: haproxy.cfg:42: unknown section 'database'\nnothing is started\n")
        let hindered = FailoverResult(name: "lagging", event: "it lags", hindrance: error)
        #expect(ComparisonTable.cell(hindered) == "cannot be run: haproxy.cfg:42: unknown section 'database'")
        #expect(hindered.broken == ["cannot be run: haproxy.cfg:42: unknown section 'database'"])
    }

    @Test("replaces the columns of programs that ran, and keeps the rest of its document")
    func documents() throws {
        var table = try ComparisonTable(of: empty)
        #expect(table == ComparisonTable())
        table.set(result, of: .haproxy)
        let first = try table.document(empty)
        var again = try ComparisonTable(of: first)
        #expect(again == table)
        var better = result
        better.failedConnects = 0
        again.set(better, of: .ours)
        let second = try again.document(first)
        let lines = second.split(separator: "\n")
        #expect(lines.count == DatabaseRows.all.count + 6 && second.hasPrefix("# Text\n\n") && second.hasSuffix("\n\nMore text | with a bar\n"))
        let line = try #require(lines.first { $0.hasPrefix("| kill ") })
        #expect(line.contains("| 0 failed; 2 in flight; slowest 0.03 s") && line.contains("| 12 failed until 6.5 s; 2 in flight; slowest 0.03 s"), "\(line)")
        #expect(throws: ComparisonError.self) { try ComparisonTable(of: "no table") }
    }

    @Test("has a row for each fault, with a unique name")
    func names() {
        let names = DatabaseRows.all.map(\.name)
        #expect(Set(names).count == names.count && names.count > 20)
    }
}

@Suite("The failover test's arguments")
struct FailoverArgumentsTests {
    @Test("choose programs and rows")
    func choices() throws {
        guard case .databases(let programs, let rows, let pace, let document) = try FailoverArguments(["--rows", "kill,hang", "--databases"]).run else {
            Issue.record("not the run with databases")
            return
        }
        #expect(programs == [.ours] && rows.map(\.name) == ["kill", "hang"] && pace.names == DatabasePace.thorough.names && document == nil)
        guard
            case .databases(let all, let every, let brief, let file) = try FailoverArguments([
                "--databases", "--proxy", "all", "--pace", "brief", "--document", "d",
            ]).run
        else {
            Issue.record("not the run with databases")
            return
        }
        #expect(all == DatabaseProgram.all && every.count == DatabaseRows.all.count && brief.names == DatabasePace.brief.names && file == "d")
        guard case .balanced(let both, let balanced, let interval) = try FailoverArguments(["--proxy", "both", "--interval", "5"]).run else {
            Issue.record("not the run with a balancer")
            return
        }
        #expect(both == [.tsukada, .haproxy] && balanced.count == BalancedRows.all.count && interval == 5)
    }

    @Test(
        "are refused with the valid choices",
        arguments: [
            (["--rows", "nonsense"], "unknown row 'nonsense'; known: soft-stop"),
            (["--databases", "--proxy", "envoy"], "unknown program 'envoy'; known: ours, haproxy"),
            (["--databases", "--interval", "1"], "unknown argument: --interval 1"), (["--interval", "0"], "--interval takes a number"),
            (["--rows"], "--rows needs a value"), (["--pace", "brief"], "unknown argument: --pace brief"),
            (["--databases", "--pace", "x"], "--pace takes thorough"),
        ])
    func refused(words: [String], sentence: String) {
        let error = #expect(throws: ChildProcessError.self) { try FailoverArguments(words) }
        #expect(error?.description.hasPrefix(sentence) == true, "\(String(describing: error))")
    }
}

@Suite("Times of answers")
struct AnswerTimesTests {
    @Test("show when a server was last used before a repair, and first used again")
    func times() {
        let tenths: [Int64] = [1, 2, 3, 40, 45]
        let answers = AnswerTimes(tenths: ["a": tenths, "b": [1, 19]], repair: 2_000_000_000)
        #expect(answers.lastBeforeRepair(of: "a", from: 100_000_000) == 0.2)
        #expect(answers.lastBeforeRepair(of: "b", from: 100_000_000) == nil)
        #expect(answers.lastBeforeRepair(of: "c", from: 100_000_000) == 0)
        #expect(answers.first(of: "a", from: 2_000_000_000) == 2.0)
        #expect(answers.first(of: "b", from: 2_000_000_000) == nil)
    }
}

@Suite("tsukada's lines beside the article's file")
struct OwnLinesTests {
    @Test(
        "are at most eight in every setting, and four of gossip",
        arguments: [
            DatabaseSetting.reading, .watching, .watchingTogether, .writing, .discovering,
        ])
    func count(setting: DatabaseSetting) {
        #expect(DatabaseProgram.ownLines(setting, node: "tsukada01").count <= 8)
    }
}

@Suite("A load's report")
struct LoadReportTests {
    private func attempt(_ startedAt: Int64, _ milliseconds: Int64, writtenAt: Int64? = nil) -> Attempt {
        let endedAt = startedAt + milliseconds * 1_000_000
        return Attempt(startedAt: startedAt, connectedAt: startedAt, endedAt: endedAt, outcome: .answered, detail: "a", writtenAt: writtenAt)
    }

    @Test("separates slow answers before an event from slow answers after it")
    func slowest() {
        var report = ClientReport(short: LoadReport(), long: SessionReport())
        for (startedAt, milliseconds) in [(100_000_000, 900), (1_250_000_000, 800), (1_400_000_000, 30), (1_310_000_000, 40)] as [(Int64, Int64)] {
            report.short.add(attempt(startedAt, milliseconds), slowOverMilliseconds: 500)
        }
        #expect(report.slowestSeconds(from: 1_250_000_000) == 0.04)
        #expect(report.slowestSeconds(from: 0, to: 1_250_000_000) == 0.9)
        #expect(report.short.tenthsByServer == ["a": [1, 12, 13, 14]] && report.slowestSeconds == 0.9)
    }

    @Test("sums the reports of several clients, with the age of the rows that they have read")
    func sums() {
        var (first, second) = (LoadReport(), LoadReport())
        first.add(attempt(300_000_000, 100, writtenAt: 0), slowOverMilliseconds: 500, staleOverMilliseconds: 300)
        second.add(attempt(200_000_000, 100, writtenAt: 0), slowOverMilliseconds: 500, staleOverMilliseconds: 300)
        second.add(attempt(300_000_000, 50), slowOverMilliseconds: 500, staleOverMilliseconds: 300)
        first.add(second)
        #expect(first.attempts == 3 && first.staleReads == 1 && first.oldestMilliseconds == 400)
        #expect(first.tenthsByServer == ["a": [2, 3]] && first.answersByServer == ["a": 3] && first.slowestByTenth == [2: 100, 3: 100])
    }
}
