import ClusterWorld
import Foundation
import Support
import Synchronization

/// A case, filled in, on both sides.
struct DifferentialPerformance: Sendable {
    let item: DifferentialCase
    /// The case's place in the run: it decides its addresses.
    let number: Int
    let sides: [DifferentialSide]
    let names: SharedNames

    /// Replaces the case's words in a text.
    func filled(_ text: String) -> String {
        text.replacing("CASE", with: item.name).replacing("HOST", with: "127.0.\(number).1").replacing("OTHER", with: "127.1.\(number).1")
    }

    /// The case's part of the file.
    var sections: String { filled(item.sections) + "\n" }

    private func address(_ text: String) -> ScriptAddress {
        ScriptAddress(filled(text.allSatisfy(\.isNumber) ? "HOST:\(text)" : text))
    }

    /// Starts the servers and writes the programs.
    func prepare() throws {
        for side in sides {
            try side.node.demand(["bash", "-c", "rm -f /run/\(item.name).*"])
            let servers = item.servers.map { (address($0.key), $0.value) }
            try side.stage.ask(.serve(Dictionary(uniqueKeysWithValues: servers)))
            for (path, text) in item.programs {
                let outside = "\(side.node.directory)\(filled(path))"
                try filled(text).write(toFile: outside, atomically: false, encoding: .utf8)
                chmod(outside, 0o755)
            }
        }
    }

    /// Takes all steps and returns the differences. The sides are independent of each other, except where they share a nameserver.
    func perform() -> [String] {
        let progress = sides.map { DifferentialProgress(on: $0) }
        var rest = item.steps[...]
        while let first = rest.first {
            let own = rest.prefix { !$0.isShared }
            rest = rest.dropFirst(own.count)
            DispatchQueue.concurrentPerform(iterations: sides.count) { index in take(own, progress[index]) }
            if own.isEmpty {
                rest.removeFirst()
                share(first, progress)
            }
        }
        // Lines may still arrive.
        var ofLogs = logDifferences()
        let patience = progress.allSatisfy { $0.failure == nil } ? 3.0 : 0
        _ = eventually(within: patience, interval: 50) {
            if !ofLogs.isEmpty { ofLogs = logDifferences() }
            return ofLogs.isEmpty
        }
        return progress.compactMap(\.failure) + stepDifferences(progress) + ofLogs
    }

    private func take(_ steps: ArraySlice<DifferentialStep>, _ progress: DifferentialProgress) {
        for (index, step) in zip(steps.indices, steps) where progress.failure == nil {
            do { try progress.add(perform(step, progress)) } catch {
                progress.fail("\(item.name), step \(index + 1), \(progress.side.name): \(error)")
            }
        }
    }

    /// Takes a step for both sides.
    private func share(_ step: DifferentialStep, _ progress: [DifferentialProgress]) {
        for each in progress { each.mark(each.results.isEmpty ? 0 : each.side.lines(of: item.name).count) }
        do {
            switch step {
            case .names(let records): try names.serve(records)
            case .services(let records): try names.serve(services: records)
            default: break
            }
            for each in progress { each.add("") }
        } catch { progress[0].fail("\(item.name): \(error)") }
    }

    private func stepDifferences(_ progress: [DifferentialProgress]) -> [String] {
        zip(progress[0].results, progress[1].results).enumerated().filter { $1.0 != $1.1 }.map { index, results in
            "\(item.name), step \(index + 1): tsukada '\(results.0)', haproxy '\(results.1)'"
        }
    }

    private func logDifferences() -> [String] {
        var lines = sides.map { $0.lines(of: item.name) }
        for (index, side) in sides.enumerated() where side.program == .haproxy {
            guard let repeated = item.repeated.map(filled), let last = lines[index].lastIndex(where: { $0.text.contains(repeated) }) else { continue }
            lines[index].remove(at: last)
        }
        return LogComparison.differences(ours: lines[0], theirs: lines[1], in: DifferentialLog.scope(of: item), more: item.differences)
            .map { "\(item.name): \($0)" }
    }

    private func perform(_ step: DifferentialStep, _ progress: DifferentialProgress) throws -> String {
        let side = progress.side
        if step.isEvent { progress.mark(side.lines(of: item.name).count) }
        func results(_ transcripts: [Transcript]) -> [String] { transcripts.map(\.text) }
        switch step {
        case .serve(let server, let conduct): try side.stage.ask(.serve([address(server): conduct]))
        case .clients(let count, let target, let source, let steps, let rule, let patience):
            let script = ScriptedClients.Script(target: address(target), source: source.map(address), steps: steps, patience: patience)
            return rule.text(of: results(try side.stage.ask(.run(script, count: count))))
        case .spread(let count, let target, let source, let stride):
            let script = ScriptedClients.Script(target: address(target), source: address(source), sourceStride: stride, steps: DifferentialStep.visit)
            return DistributionRule.sameOrder.text(of: results(try side.stage.ask(.run(script, count: count))))
        case .hold(let count, let target, let name, let steps, let rule, let patience):
            let script = ScriptedClients.Script(target: address(target), steps: steps, patience: patience)
            return rule.text(of: results(try side.stage.ask(.hold(script, count: count, name: "\(item.name) \(name)"))))
        case .resume(let name, let steps):
            return results(try side.stage.ask(.resume(name: "\(item.name) \(name)", steps: steps))).joined(separator: " ")
        case .release(let name, let steps):
            return results(try side.stage.ask(.release(name: "\(item.name) \(name)", steps: steps))).joined(separator: " ")
        case .awaitLog(let text, let times):
            let (wanted, mark) = (filled(text), progress.logMark)
            try eventually(within: 12, "\(times) line(s) with '\(wanted)': \(side.lines(of: item.name).dropFirst(mark).map(\.text))", interval: 50) {
                side.lines(of: item.name).dropFirst(mark).count { $0.text.contains(wanted) } >= times
            }
        case .awaitStatistic(let column, let server, let value):
            try eventually(within: 12, "\(column) of \(server) to be \(value)", interval: 50) {
                try statistics([column], on: side).contains("\(item.name)/\(server): \(value)")
            }
        case .statistics(let columns): return try statistics(columns, on: side).joined(separator: ", ")
        case .command(let text): return try side.command(filled(text)).trimmingCharacters(in: .whitespacesAndNewlines)
        case .transcripts(let server, let count):
            var found: [String] = []
            try eventually(within: 8, "\(count) texts to \(server): \(found)", interval: 50) {
                for text in results(try side.stage.ask(.transcripts(address(server)))).map(DifferentialLog.stable) where !found.contains(text) {
                    found.append(text)
                }
                return found.count >= count
            }
            return found.prefix(count).joined(separator: " ")
        case .shell(let script): return try side.node.run(["bash", "-c", filled(script)]).output
        case .names, .services: break
        }
        return ""
    }

    /// `PROXY/SERVER: VALUE VALUE` for each row of this case.
    private func statistics(_ columns: [String], on side: DifferentialSide) throws -> [String] {
        try side.statistics(columns).filter { DifferentialLog.isName($0.row.prefix { $0 != "/" }, of: item.name) }.map {
            let text = "\($0.row): \($0.values.joined(separator: " "))"
            return side.program == .haproxy ? DifferentialLog.withErrnoNames(text) : text
        }
    }
}

/// How far a case is on one side.
final class DifferentialProgress: Sendable {
    private struct State {
        var results: [String] = []
        var failure: String?
        var logMark = 0
    }

    let side: DifferentialSide
    private let state = Mutex(State())

    init(on side: DifferentialSide) { self.side = side }

    /// What the steps have returned.
    var results: [String] { state.withLock { $0.results } }
    /// Why no further step is taken.
    var failure: String? { state.withLock { $0.failure } }
    /// The number of the case's log lines at the last event.
    var logMark: Int { state.withLock { $0.logMark } }

    func add(_ result: String) { state.withLock { $0.results.append(result) } }
    func fail(_ reason: String) { state.withLock { $0.failure = reason } }
    func mark(_ lines: Int) { state.withLock { $0.logMark = lines } }
}
