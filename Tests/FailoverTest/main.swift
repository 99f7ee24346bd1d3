// What clients feel when one of two nodes behind a load balancer is stopped, lost, hung or cut off: `deploy/failover-test` runs this program.
//
//   FailoverTest [--proxy tsukada|haproxy|both] [--rows NAME,...] [--interval SECONDS]

import ClusterWorld
import Foundation
import Support

struct FailoverArguments {
    var programs = [ProxyProgram.tsukada]
    var rows = FailoverRow.all
    /// Seconds between two probes.
    var interval = 1.0

    init(_ words: [String]) throws {
        var rest = words[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { throw ChildProcessError(description: "\(name) has no value") }
            switch (name, value) {
            case ("--proxy", "tsukada"): programs = [.tsukada]
            case ("--proxy", "haproxy"): programs = [.haproxy]
            case ("--proxy", "both"): programs = [.tsukada, .haproxy]
            case ("--rows", _):
                rows = try value.split(separator: ",").map { name in
                    guard let row = FailoverRow.all.first(where: { $0.name == name }) else {
                        let names = FailoverRow.all.map(\.name).joined(separator: ", ")
                        throw ChildProcessError(description: "no row '\(name)'; there are \(names)")
                    }
                    return row
                }
            case ("--interval", _):
                guard let seconds = Double(value), (0.2...30).contains(seconds) else {
                    throw ChildProcessError(description: "--interval is no number of seconds from 0.2 to 30")
                }
                interval = seconds
            default: throw ChildProcessError(description: "no such argument: \(name) \(value)")
            }
        }
    }
}

/// Why nothing can be run here, or nil.
func hindrance(of programs: [ProxyProgram]) -> String? {
    if geteuid() != 0 { return "network namespaces need root" }
    let missing = ([clusterTool, loadBalancer] + programs.map(\.path)).filter { !FileManager.default.isExecutableFile(atPath: $0) }
    return missing.isEmpty ? nil : "\(missing.joined(separator: ", ")): no such program; deploy/failover-test builds and installs all"
}

func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

/// Runs the rows against one program, and prints each as it ends, then the table.
/// - Returns: how many promises were broken.
func run(_ rows: [FailoverRow], _ program: ProxyProgram, in cluster: Cluster, _ times: BalancerTimes) throws -> Int {
    let balanced = try BalancedCluster(cluster, program: program, times: times)
    defer { balanced.stop() }
    var results: [FailoverResult] = []
    for row in rows {
        say("\(program.tag): \(row.name): \(row.event)")
        do {
            let result = try balanced.run(row)
            results.append(result)
            for line in result.examples + result.broken.map({ "promise broken: \($0)" }) { say("    \(line)") }
        } catch {
            var result = FailoverResult(name: row.name, event: row.event)
            result.broken = ["the row could not be run: \(error)"]
            say("    \(result.broken[0])")
            results.append(result)
        }
    }
    say("\n\(program.path), probes each \(times.interval) s x \(times.threshold)\n\n\(FailoverTable.text(results))")
    return results.reduce(0) { $0 + $1.broken.count }
}

do {
    let arguments = try FailoverArguments(Array(CommandLine.arguments.dropFirst()))
    if let hindrance = hindrance(of: arguments.programs) { throw ChildProcessError(description: hindrance) }
    say("a nameserver, a MariaDB primary, two replicas, two nodes, a load balancer and 40 clients, each in a network namespace: starting")
    let cluster = try Cluster()
    defer { try? cluster.world.end() }
    var broken = 0
    for program in arguments.programs {
        broken += try run(arguments.rows, program, in: cluster, BalancerTimes(interval: arguments.interval))
    }
    say(FailoverTable.legend)
    say(broken == 0 ? "every promise was kept" : "\(broken) promises were broken")
    try cluster.world.end()
    exit(broken == 0 ? 0 : 1)
} catch {
    FileHandle.standardError.write(Data("failover-test: \(error)\n".utf8))
    exit(2)
}
