import Glibc
import LinuxIO
import Wire

/// One configuration file, and its measurements with each program.
struct ScaleCase {
    /// The number of servers, sections or threads.
    let size: Int
    /// The measured figures.
    let figures: [ScaleFigure]
    /// The file that both programs read.
    let file: ScaleFile
    /// Additional command line arguments.
    var options: [String] = []
    /// Measures a program that has just started. A value for each figure, `nil` for a failed measurement.
    let measure: (ScaleProgram) throws -> [ScaleValue?]
}

/// How tsukada's costs grow with servers, sections and threads, compared with HAProxy and the same file: `deploy/benchmark scale`.
///
/// Each case starts the programs one after the other, several times; only one runs at a time. A failed case shows `-` in the table, and its error below.
final class ScaleBenchmark {
    private let options: ScaleOptions
    private let site: ScaleSite
    private var failures: [String] = []

    /// Runs the rows and prints the table. Returns the exit status.
    static func run(_ arguments: [String]) throws -> Int32 {
        if arguments.contains(where: { ["--help", "-h"].contains($0) }) {
            print(ScaleOptions.usage)
            return 0
        }
        let options = try ScaleOptions.parse(arguments)
        Interruption.install()
        let (activity, processorCount) = (Activity(), Processors.allowed().count)
        let benchmark = ScaleBenchmark(options, on: try ScaleSite(options))
        print(ScaleTable.head)
        for row in options.rows {
            print(try benchmark.measure(row).text)
            fflush(nil)
        }
        let machine = Machine(since: activity, processorCount: processorCount)
        print((benchmark.failures + [""] + machine.lines + [machine.warning.map { "warning: \($0)" } ?? ""]).joined(separator: "\n"))
        return benchmark.failures.isEmpty ? 0 : 1
    }

    private init(_ options: ScaleOptions, on site: ScaleSite) { (self.options, self.site) = (options, site) }

    private func measure(_ row: ScaleRow) throws -> ScaleTable {
        var table = ScaleTable()
        let cases = try cases(of: row)
        for item in cases {
            var values = ScaleTable.programs.map { _ in item.figures.map { _ in [ScaleValue]() } }
            for round in 0..<options.rounds {
                for turn in ScaleTable.programs.indices {
                    let program = (turn + round) % ScaleTable.programs.count
                    for (figure, value) in try measure(item, with: ScaleTable.programs[program]).enumerated() {
                        if let value { values[program][figure].append(value) }
                    }
                }
            }
            for (index, figure) in item.figures.enumerated() {
                let medians = ScaleTable.programs.indices.compactMap { program in
                    ScaleValue.median(values[program][index]).map { (ScaleTable.programs[program], $0) }
                }
                table.lines.append(.init(figure: figure, size: item.size, values: Dictionary(uniqueKeysWithValues: medians)))
            }
        }
        return table.sorted(by: cases.flatMap(\.figures))
    }

    private func measure(_ item: ScaleCase, with kind: ProxyKind) throws -> [ScaleValue?] {
        do {
            let program = try ScaleProgram(kind, item, on: site)
            defer { program.stop() }
            return try item.measure(program)
        } catch let interruption as Interruption.Interrupted {
            throw interruption
        } catch {
            failures.append("failed: \(item.figures.first?.name ?? "") at \(item.size) with \(kind.rawValue): \(error)")
            return []
        }
    }

    private func cases(of row: ScaleRow) throws -> [ScaleCase] {
        switch row {
        case .change: ChangeRow.cases(site, options)
        case .flip: FlipRow.cases(site, options)
        case .check: CheckRow.cases(site, options)
        case .queue: try TrafficRows.queue(site, options)
        case .leastconn: try TrafficRows.leastconn(site, options)
        case .fair: try FairRow.cases(site, options)
        case .stat: StatRow.cases(site, options)
        case .reload: ReloadRow.cases(site, options)
        case .idle: IdleRow.cases(site, options)
        }
    }
}
