// Measures what clients notice when one of two nodes behind a load balancer, or a database, is stopped, lost, hung or cut off, for `deploy/failover-test`.
//
//   FailoverTest [--proxy tsukada|haproxy|both] [--rows NAME,...] [--interval SECONDS]
//   FailoverTest --databases [--proxy ours|haproxy|haproxy-tuned|nginx|all] [--rows NAME,...] [--pace thorough|brief] [--document FILE]

import ClusterWorld
import Foundation
import Support

/// The reason why no row can run here, or nil.
func hindrance(of programs: [ProxyProgram]) -> String? {
    if geteuid() != 0 { return "network namespaces need root" }
    let missing = ([clusterTool, loadBalancer] + programs.map(\.path)).filter { !FileManager.default.isExecutableFile(atPath: $0) }
    return missing.isEmpty ? nil : "\(missing.joined(separator: ", ")): no such program; deploy/failover-test builds and installs all"
}

func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

/// Runs rows one after the other, and prints each as it ends.
func runAll<Scene>(_ rows: [FailoverRow<Scene>], _ name: String, _ run: (FailoverRow<Scene>) throws -> FailoverResult) -> [FailoverResult] {
    rows.map { row in
        say("\(name): \(row.name): \(row.event)")
        let result: FailoverResult
        do { result = try run(row) } catch {
            say("    \(error)")
            result = FailoverResult(name: row.name, event: row.event, hindrance: error)
        }
        for line in result.examples + result.broken.map({ "promise broken: \($0)" }) { say("    \(line)") }
        return result
    }
}

/// Runs the rows of two nodes behind a load balancer, then prints the table.
/// - Returns: the number of broken promises.
func run(_ rows: [BalancedRows.Row], _ program: ProxyProgram, in cluster: Cluster, _ times: BalancerTimes) throws -> Int {
    let balanced = try BalancedCluster(cluster, program: program, times: times)
    defer { balanced.stop() }
    let results = runAll(rows, program.tag, balanced.run)
    say("\n\(program.path), probes each \(times.interval) s x \(times.threshold)\n\n\(FailoverTable.balanced.text(results))")
    return results.reduce(0) { $0 + $1.broken.count }
}

/// Runs the rows of databases, prints a table for each program and one for all, and updates the document.
/// - Returns: the number of broken promises of tsukada.
func run(_ rows: [DatabaseRows.Row], _ programs: [DatabaseProgram], in cluster: Cluster, _ pace: DatabasePace, document: String?) throws -> Int {
    let databases = try DatabaseCluster(cluster, pace: pace)
    defer { databases.stop() }
    var broken = 0
    var comparison = try document.map { try ComparisonTable(of: String(contentsOfFile: $0, encoding: .utf8)) } ?? ComparisonTable()
    for program in programs {
        let results = runAll(rows, program.name) { row in
            let result = try databases.run(row, program)
            comparison.set(result, of: program)
            // After every row, so that an interrupted run keeps its measurements.
            if let document {
                try comparison.document(String(contentsOfFile: document, encoding: .utf8)).write(toFile: document, atomically: true, encoding: .utf8)
            }
            return result
        }
        say("\n\(program.title)\n\n\(FailoverTable.databases.text(results))")
        for result in results where result.hindrance != nil { comparison.set(result, of: program) }
        if program.isTsukada { broken += results.reduce(0) { $0 + $1.broken.count } }
    }
    if let document {
        try comparison.document(String(contentsOfFile: document, encoding: .utf8)).write(toFile: document, atomically: true, encoding: .utf8)
    }
    if programs.count > 1 { say(comparison.text(rows, programs)) }
    return broken
}

do {
    let arguments = try FailoverArguments(Array(CommandLine.arguments.dropFirst()))
    let programs =
        switch arguments.run {
        case .balanced(let programs, _, _): programs
        case .databases(let programs, _, _, _): programs.map(\.program)
        }
    if let hindrance = hindrance(of: programs) { throw ChildProcessError(description: hindrance) }
    say("a nameserver, databases, two nodes and 40 clients, each in a network namespace: starting")
    let cluster = try Cluster()
    defer { try? cluster.world.end() }
    var broken = 0
    switch arguments.run {
    case .balanced(let programs, let rows, let interval):
        for program in programs { broken += try run(rows, program, in: cluster, BalancerTimes(interval: interval)) }
        say(FailoverTable.balanced.legend)
    case .databases(let programs, let rows, let pace, let document):
        broken = try run(rows, programs, in: cluster, pace, document: document)
        say(FailoverTable.databases.legend)
    }
    say(broken == 0 ? "every promise was kept" : "\(broken) promises were broken")
    try cluster.world.end()
    exit(broken == 0 ? 0 : 1)
} catch {
    FileHandle.standardError.write(Data("failover-test: \(error)\n".utf8))
    exit(2)
}
