// One start of tsukada and of haproxy with the sections of many cases in one file, the same on both nodes: every address is a loopback address.
//
//     tsukada01: tsukada --- 127.0.N.1 --- stage (servers and clients of case N)      the same on tsukada02 with haproxy

import ClusterWorld
import Foundation
import Support
import Synchronization

/// Runs cases on both programs.
enum DifferentialRun {
    /// The part of the file that all cases share.
    static let header = """
        global
            log 127.0.0.1 local2
            pidfile /var/run/haproxy.pid
            stats socket /var/lib/haproxy/stats level admin
            daemon
            nbthread 1
            external-check
            insecure-fork-wanted
        defaults plain
            mode tcp
            log global
            timeout connect 1s
            timeout client 5s
            timeout server 5s
        defaults
            mode tcp
            log global
            option tcplog
            option log-health-checks
            retries 1
            timeout connect 1s
            timeout client 20s
            timeout server 20s
            timeout queue 10s
            timeout check 700
            default-server inter 400 fastinter 100 downinter 200 fall 2 rise 2

        """

    /// Runs `cases` on both sides and returns the differences.
    ///
    /// A case that differs runs again, with the other cases that differ. The reason is haproxy 2.6: with hundreds of checks it sometimes takes the end of an
    /// earlier connection for the end of a later connection at the same descriptor, because it does not skip stale events.
    static func differences(of cases: [DifferentialCase], in cluster: Cluster) throws -> [String] {
        let first = try run(cases, in: cluster)
        for difference in first.values.joined() { print("differs: \(difference)") }
        return try first.isEmpty ? [] : run(cases.filter { first[$0.name] != nil }, in: cluster).values.flatMap { $0 }
    }

    /// Starts both programs with `cases` and returns the differences of each case that has some.
    private static func run(_ cases: [DifferentialCase], in cluster: Cluster) throws -> [String: [String]] {
        let sides = [
            try DifferentialSide(.tsukada, named: "tsukada", on: cluster.tsukada01, in: cluster, cases: cases.map(\.name)),
            try DifferentialSide(.haproxy, named: "haproxy", on: cluster.tsukada02, in: cluster, cases: cases.map(\.name)),
        ]
        defer { for side in sides { side.stop() } }
        let names = try SharedNames(cluster.nameserver)
        defer { names.stop() }
        let all = cases.enumerated().map { DifferentialPerformance(item: $1, number: $0 + 1, sides: sides, names: names) }
        for each in all { for case .names(let records) in each.item.steps.prefix(1) { try names.serve(records) } }
        try inParallel(all) { try $0.prepare() }

        let found = Mutex<[String: [String]]>([:])
        try inParallel(all) { each in
            for side in sides {
                let verdict = try side.accepts(header + each.sections, as: each.item.name)
                guard !verdict.accepts else { continue }
                found.withLock { $0[each.item.name, default: []].append("\(each.item.name): \(side.name) refuses the file: \(verdict.output)") }
            }
        }
        let refused = found.withLock { $0 }
        let usable = all.filter { refused[$0.item.name] == nil }
        if usable.isEmpty { return refused }
        for side in sides { try side.start(header + usable.map(\.sections).joined()) }
        for side in sides { try side.waitForFirstChecks() }
        try inParallel(usable) { each in
            let differences = each.perform()
            if !differences.isEmpty { found.withLock { $0[each.item.name] = differences } }
        }
        return found.withLock { $0 }
    }

    /// Calls `body` for all elements, in several threads, because most of them wait.
    static func inParallel<Element: Sendable>(_ elements: [Element], threads: Int = 12, _ body: @Sendable @escaping (Element) throws -> Void) throws {
        let state = Mutex((rest: elements[...], running: 0, failure: nil as (any Error)?))
        for _ in 0..<threads {
            state.withLock { $0.running += 1 }
            Thread.detachNewThread {
                while let next = state.withLock({ $0.failure == nil ? $0.rest.popFirst() : nil }) {
                    do { try body(next) } catch { state.withLock { $0.failure = error } }
                }
                state.withLock { $0.running -= 1 }
            }
        }
        try eventually(within: 300, "the cases to end") { state.withLock { $0.running == 0 } }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }
}
