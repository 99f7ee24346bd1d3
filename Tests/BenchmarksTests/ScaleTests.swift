import Testing

@testable import Benchmarks

@Suite("The scale benchmark")
struct ScaleTests {
    private static let change = ScaleFigure(name: "change", unit: "µs CPU")
    private static let flip = ScaleFigure(name: "flip", unit: "s")

    private func line(_ figure: ScaleFigure, _ size: Int, _ tsukada: ScaleValue?, _ haproxy: ScaleValue?) -> ScaleTable.Line {
        var values: [ProxyKind: ScaleValue] = [:]
        (values[.tsukada], values[.haproxy]) = (tsukada, haproxy)
        return ScaleTable.Line(figure: figure, size: size, values: values)
    }

    @Test("computes the growth from the smallest to the largest size, in any order")
    func growth() {
        let lines = [
            line(Self.change, 200, ScaleValue(number: 7), ScaleValue(number: 3)), line(Self.change, 2000, ScaleValue(number: 40), ScaleValue(number: 6)),
            line(Self.change, 20, ScaleValue(number: 4), ScaleValue(number: 2)), line(Self.flip, 2000, ScaleValue(number: 1), nil),
        ]
        let table = ScaleTable(lines: lines)
        #expect(table.growth(of: .tsukada, in: Self.change) == ScaleValue(number: 10))
        #expect(table.growth(of: .haproxy, in: Self.change) == ScaleValue(number: 3))
        #expect(table.growth(of: .tsukada, in: Self.flip) == nil, "one size does not grow")
    }

    @Test("marks a value that reached its limit as greater, and never divides by one")
    func limits() {
        let limit = ScaleValue(number: 10, isAbove: true)
        #expect(limit.ratio(to: ScaleValue(number: 2)) == ScaleValue(number: 5, isAbove: true))
        #expect(ScaleValue(number: 2).ratio(to: limit) == nil)
        #expect(ScaleValue(number: 2).ratio(to: nil) == nil)
        #expect(ScaleValue(number: 2).ratio(to: ScaleValue(number: 0)) == nil)
        #expect(ScaleValue(number: -1).ratio(to: ScaleValue(number: 2)) == nil)
    }

    @Test("takes the median of the rounds, with a reached limit above every other value")
    func median() {
        #expect(ScaleValue.median([]) == nil)
        #expect(ScaleValue.median([9, 1, 4].map { ScaleValue(number: $0) }) == ScaleValue(number: 4))
        #expect(ScaleValue.median([ScaleValue(number: 10, isAbove: true), ScaleValue(number: 2)]) == ScaleValue(number: 10, isAbove: true))
    }

    @Test("prints about three digits")
    func numbers() {
        #expect(ScaleValue(number: 1.234).text == "1.23")
        #expect(ScaleValue(number: 12.34).text == "12.3")
        #expect(ScaleValue(number: 1234.5).text == "1,235")
        #expect(ScaleValue(number: 10, isAbove: true).text == ">10.0")
    }

    @Test("prints a figure's lines together, with the growth at the largest size")
    func table() {
        let lines = [
            line(Self.change, 20, ScaleValue(number: 4), ScaleValue(number: 2)), line(Self.flip, 20, ScaleValue(number: 1), nil),
            line(Self.change, 2000, ScaleValue(number: 8), ScaleValue(number: 2)),
        ]
        let text = ScaleTable(lines: lines).sorted(by: [Self.change, Self.flip]).text
        #expect(
            text == """
                | change | 20 | µs CPU | 4.00 | 2.00 | 2.00 |  |  |
                | change | 2,000 | µs CPU | 8.00 | 2.00 | 4.00 | 2.00 | 1.00 |
                | flip | 20 | s | 1.00 | - | - |  |  |
                """)
    }

    @Test("writes a file in which every server has a separate address")
    func file() {
        let file = ScaleFile(balance: .weighted, serverWords: "check", sections: 2, servers: 300, serverPorts: [7, 8])
        let lines = file.text(socket: "/s", port: 9).split(separator: "\n").filter { $0.hasPrefix("    server ") }
        #expect(lines.count == 600)
        #expect(Set(lines.compactMap { $0.split(separator: " ").dropFirst(2).first }).count == 600)
        #expect(lines[1] == "    server s1 127.30.0.2:8 weight 2 check")
        #expect(lines[301] == "    server s1 127.30.1.52:8 weight 46 check")
        #expect(file.server(301) == "b1/s1")
    }

    @Test("finds a number in the section's row")
    func backendValue() {
        #expect(ScaleProgram.value(of: "act", in: "# pxname,svname,act,bck,\nb0,BACKEND,1000,0,\n") == 1000)
        #expect(ScaleProgram.value(of: "act", in: "") == nil)
        #expect(ScaleProgram.value(of: "scur", in: "# pxname,svname,act\n") == nil)
    }

    @Test("computes percentiles")
    func percentiles() {
        #expect(FairRow.percentile(50, of: [3, 1, 2]) == 2)
        #expect(FairRow.percentile(99, of: [3, 1, 2]) == 3)
        #expect(FairRow.percentile(99, of: []) == 0)
    }

    @Test("reads options, and reports wrong ones")
    func options() throws {
        let options = try ScaleOptions.parse(["--quick", "--rounds", "5", "--row", "stat,change", "/bin/tsukada"])
        #expect(options == ScaleOptions(rows: [.change, .stat], rounds: 5, isQuick: true, tsukada: "/bin/tsukada"))
        #expect(options.sizes(20, 200, 2000) == [20, 2000])
        #expect(ScaleOptions().sizes(20, 200, 2000) == [20, 200, 2000])
        #expect(throws: UsageError.self) { try ScaleOptions.parse(["--row", "chang"]) }
        #expect(throws: UsageError.self) { try ScaleOptions.parse(["--rounds", "0"]) }
        #expect(throws: UsageError.self) { try ScaleOptions.parse(["--slow"]) }
        #expect(throws: UsageError.self) { try ScaleOptions.parse(["one", "two"]) }
    }
}
