import Testing

@testable import Benchmarks

@Suite("The benchmark's numbers")
struct ReportTests {
    private func slice(_ proxy: ProxyKind, round: Int, value: Double, errors: Int64 = 0) -> Slice {
        Slice(
            shape: .requests, proxy: proxy, round: round, value: value, rate: value / 2, busy: 0.5, errorCount: errors,
            firstError: errors > 0 ? "recv: Connection reset by peer" : nil)
    }

    @Test("have the middle value as median, or the mean of the two middle ones")
    func median() {
        #expect(Spread([])?.median == nil)
        #expect(Spread([3])?.median == 3)
        #expect(Spread([9, 1, 2])?.median == 2)
        #expect(Spread([4, 1, 2, 9])?.median == 3)
        #expect(Spread([4, 1, 2, 9])?.least == 1)
        #expect(Spread([4, 1, 2, 9])?.greatest == 9)
    }

    @Test("compare within a round, not across rounds")
    func ratios() throws {
        // The machine is half as fast in round 1; the ratio within each round stays the same.
        let slices = [
            slice(.haproxy, round: 0, value: 100), slice(.nginx, round: 0, value: 150), slice(.haproxy, round: 1, value: 50),
            slice(.nginx, round: 1, value: 75), slice(.haproxy, round: 2, value: 100), slice(.nginx, round: 2, value: 120),
        ]
        let rows = Row.rows(of: slices)
        #expect(rows.map(\.proxy) == [.haproxy, .nginx])
        let nginx = try #require(rows.last)
        #expect(nginx.ratio == Spread([1.5, 1.5, 1.2]))
        #expect(nginx.value.median == 120)
        #expect(nginx.rate == 60)
    }

    @Test("leave out rounds without a measurement, but keep their errors")
    func emptyRounds() throws {
        let slices = [
            slice(.haproxy, round: 0, value: 0, errors: 3), slice(.nginx, round: 0, value: 150), slice(.haproxy, round: 1, value: 100),
            slice(.nginx, round: 1, value: 110),
        ]
        let rows = Row.rows(of: slices)
        #expect(rows[0].errorCount == 3)
        #expect(rows[0].firstError == "recv: Connection reset by peer")
        #expect(rows[0].value == Spread([100]))
        #expect(rows[1].ratio == Spread([1.1]))
    }

    @Test("have no ratio without the reference")
    func withoutReference() {
        #expect(Row.rows(of: [slice(.nginx, round: 0, value: 150)]).map(\.ratio) == [nil])
    }

    @Test("are work per second of the proxy's processor time, and bytes per connection when idle")
    func values() {
        var report = LoadReport()
        report.count = 3_000_000_000
        report.windowNanoseconds = 2_000_000_000
        report.processorNanoseconds = 1_500_000_000
        let bulk = Slice(shape: .download, proxy: .haproxy, round: 0, report: report)
        #expect(bulk.value == 2000)
        #expect(bulk.rate == 1500)
        #expect(bulk.busy == 0.75)
        report = LoadReport()
        (report.count, report.memoryBefore, report.memoryAfter) = (1000, 500_000, 4_500_000)
        #expect(Slice(shape: .idle, proxy: .haproxy, round: 0, report: report).value == 4000)
    }

    @Test("are an error without a measurement")
    func nothing() {
        var report = LoadReport()
        (report.count, report.windowNanoseconds) = (5, 1_000_000)
        let slice = Slice(shape: .requests, proxy: .haproxy, round: 0, report: report)
        #expect(slice.errorCount == 1)
        #expect(slice.firstError == "nothing was measured")
    }

    @Test("pass from the load to the coordinator unchanged")
    func reportLine() {
        var report = LoadReport()
        (report.count, report.windowNanoseconds, report.processorNanoseconds) = (7, 8, 9)
        (report.memoryBefore, report.memoryAfter, report.errorCount) = (10, 11, 12)
        (report.firstErrorCall, report.firstErrorCode) = ("closed while idle", 104)
        #expect(LoadReport(line: report.line + "\n") == report)
        #expect(LoadReport(line: "") == nil)
        #expect(LoadReport(line: "1 2 3") == nil)
        #expect(LoadReport(line: "1 2 3 4 x 6 7 none") == nil)
    }

    @Test("are written with commas and two digits")
    func numberForms() {
        #expect(Report.grouped(0) == "0")
        #expect(Report.grouped(999.6) == "1,000")
        #expect(Report.grouped(-1_234_567) == "-1,234,567")
        #expect(Report.fixed(1.005) == "1.00" || Report.fixed(1.005) == "1.01")
        #expect(Report.fixed(0.07) == "0.07")
        #expect(Report.fixed(-0.5) == "-0.50")
    }
}

@Suite("The benchmark's environment")
struct SurroundingsTests {
    @Test("the last processors are the proxies', one for each thread, the others are the load's")
    func processors() {
        #expect(Processors.numbers(in: "0-2,5") == [0, 1, 2, 5])
        #expect(Processors.split([0, 1]) == ("1", "0"))
        #expect(Processors.split([2, 3, 5]) == ("5", "2,3"))
        #expect(Processors.split([4]) == ("4", "4"))
        #expect(Processors.split([2, 3, 5], threads: 2) == ("3,5", "2"))
        #expect(Processors.split([0, 1], threads: 2) == ("0,1", "0,1"))
        #expect(Processors.split([0, 1], threads: 4) == ("0,1", "0,1"))
    }

    @Test("a parent is found behind any process name")
    func parent() {
        #expect(ProcessAccounting.parent(inStat: "12 (a) b (c) S 7 12 12") == 7)
        #expect(ProcessAccounting.parent(inStat: "") == nil)
    }

    @Test("a shared page counts once: proportional sizes of anonymous and shared memory")
    func memory() {
        let text = "Rss: 900 kB\nPss: 800 kB\nPss_Anon:            300 kB\nPss_File: 10 kB\nPss_Shmem:   20 kB\n"
        #expect(ProcessAccounting.kilobytes(["Pss_Anon:", "Pss_Shmem:"], in: text) == 320)
    }

    @Test("options are read, and wrong ones are named")
    func options() throws {
        let options = try Options.parse(["--quick", "--shape", "bulk,rr", "--proxies", "nginx,haproxy", "--json", "out", "--threads", "2"])
        #expect(options.shapes == [.requests, .download, .upload])
        #expect(options.proxies == [.haproxy, .nginx])
        #expect(options.rounds == 3)
        #expect(options.threads == 2)
        #expect(options.resultsFile == "out")
        #expect(throws: UsageError.self) { try Options.parse(["--shape", "rrr"]) }
        #expect(throws: UsageError.self) { try Options.parse(["--rounds", "0"]) }
        #expect(throws: UsageError.self) { try Options.parse(["--threads", "0"]) }
        #expect(throws: UsageError.self) { try Options.parse(["--json"]) }
        #expect(throws: UsageError.self) { try Options.parse(["--proxies", ""]) }
    }
}
