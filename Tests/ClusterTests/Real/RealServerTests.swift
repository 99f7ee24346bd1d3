// Real servers behind tsukada and haproxy, with the same file and the same events: both must select the same servers.

import ClusterWorld
import Foundation
import Support
import Synchronization
import Testing

extension ClusterSuite {
    @Suite(
        "With real servers, tsukada and haproxy", .serialized, .tags(.alone),
        .enabled(if: missingServers == nil || mustRun, Comment(rawValue: missingServers ?? "")))
    struct RealServerTests {
        @Test("select the same servers")
        func selectTheSame() throws {
            if let missingServers { throw ChildProcessError(description: missingServers) }
            let cluster = try freshCluster()
            let pair = try RealPair(cluster)
            defer { pair.stop() }
            let scenarios: [@Sendable (RealPair) throws -> RealScenario] = [
                RealScenario.redis, RealScenario.web, RealScenario.secureShell, RealScenario.directory, RealScenario.mail, RealScenario.messages,
                RealScenario.galera, RealScenario.patroni,
            ]
            let found = Mutex<[String]>([])
            try DifferentialRun.inParallel(scenarios, threads: scenarios.count) { make in
                let scenario = try make(pair)
                defer { scenario.stop() }
                let problems = scenario.play(on: pair)
                found.withLock { $0 += problems }
            }
            for problem in found.withLock({ $0 }) { Issue.record("\(problem)") }
        }
    }
}

/// tsukada on tsukada01 and haproxy on tsukada02, with the same file.
final class RealPair: Sendable {
    let cluster: Cluster
    private let ours: RunningProxy
    private let theirs: RunningProxy
    private let marks: [Int]
    /// Clients, on the client's node.
    private let clients: RunningStage

    init(_ cluster: Cluster) throws {
        self.cluster = cluster
        marks = [try cluster.log(of: cluster.tsukada01).mark, try cluster.log(of: cluster.tsukada02).mark]
        clients = try RunningStage(on: cluster.client)
        ours = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: try fixture("real-servers.cfg"))
        theirs = try RunningProxy(.haproxy, on: cluster.tsukada02, in: cluster.world, configuration: try fixture("real-servers.cfg"))
    }

    func stop() {
        ours.stop()
        theirs.stop()
        clients.stop()
    }

    var proxies: [RunningProxy] { [ours, theirs] }

    /// Returns the servers that take sessions: UP, by `show stat`.
    func usable(_ name: String, at proxy: RunningProxy) throws -> [String] {
        try proxy.statistics("status", of: name).filter { $0.key != "BACKEND" && $0.key != "FRONTEND" && $0.value.hasPrefix("UP") }.map(\.key).sorted()
    }

    /// Connects to a proxy's port, and returns the servers that took the sessions, by the log.
    func visited(_ name: String, port: Int, at proxy: RunningProxy) throws -> [String] {
        let log = try cluster.log(of: proxy.node)
        let mark = log.mark
        let script = ScriptedClients.Script(target: ScriptAddress("\(proxy.node.address):\(port)"), steps: [.finish, .receiveEnd])
        try clients.ask(.run(script, count: 4))
        func servers() -> [String] {
            log.lines(from: mark).compactMap { line in
                line.text.firstMatch(of: #/\] (\S+) \S+/(\S+) /#).flatMap { $0.1 == name ? String($0.2) : nil }
            }
        }
        try eventually(within: 10, "4 sessions of \(name) at \(proxy.program.tag)", interval: 20) { servers().count >= 4 }
        return Set(servers()).sorted()
    }

    /// The changes of each of a proxy's servers so far: DOWN, UP, stopping.
    func changes(of name: String, at proxy: RunningProxy) throws -> [String: [String]] {
        let index = proxy.node.name == ours.node.name ? 0 : 1
        var changes: [String: [String]] = [:]
        for line in try cluster.log(of: proxy.node).lines(from: marks[index]) {
            guard let found = line.text.firstMatch(of: #/^Server (\S+)/(\S+) is (UP|DOWN|stopping)/#), found.1 == name else { continue }
            changes[String(found.2), default: []].append(String(found.3))
        }
        return changes
    }
}

/// Servers of one kind, and what happens to them.
struct RealScenario: Sendable {
    /// An event, and the servers that each proxy then uses.
    struct Event: Sendable {
        let what: String
        let usable: [String: [String]]
        let cause: @Sendable () throws -> Void

        init(_ what: String, _ usable: [String: [String]], _ cause: @Sendable @escaping () throws -> Void) {
            (self.what, self.usable, self.cause) = (what, usable, cause)
        }
    }

    /// The proxies' ports.
    let ports: [String: Int]
    let servers: [RealServer]
    let events: [Event]

    /// Ends the servers.
    func stop() { for each in servers { try? each.kill() } }

    /// Causes the events. After each of them, both programs must use the expected servers, by their statistics and by where sessions go. At the end the changes
    /// that both have logged must be equal.
    ///
    /// - Returns: what was different.
    func play(on pair: RealPair) -> [String] {
        let start = Event("nothing runs", Dictionary(uniqueKeysWithValues: ports.keys.map { ($0, []) })) {}
        for event in [start] + events {
            do {
                let start = MonotonicMoment.now
                try event.cause()
                for (name, expected) in event.usable.sorted(by: { $0.key < $1.key }) {
                    for proxy in pair.proxies { try expect(expected, of: name, at: proxy, on: pair) }
                }
                print("real servers: \(event.what): \((MonotonicMoment.now - start) / 1_000_000) ms")
            } catch {
                return ["\(event.what): \(error); \(servers.map { $0.output.suffix(1500) })"]
            }
        }
        return ports.keys.sorted().compactMap { name in
            let changes = pair.proxies.map { (try? pair.changes(of: name, at: $0)) ?? [:] }
            return changes[0] == changes[1] ? nil : "changes of \(name): tsukada \(changes[0]), haproxy \(changes[1])"
        }
    }

    private func expect(_ expected: [String], of name: String, at proxy: RunningProxy, on pair: RealPair) throws {
        try eventually(within: 60, "\(name) of \(proxy.program.tag) to use \(expected), not \(try pair.usable(name, at: proxy))", interval: 50) {
            try pair.usable(name, at: proxy) == expected
        }
        let visited = expected.isEmpty ? [] : try pair.visited(name, port: ports[name] ?? 0, at: proxy)
        guard visited == expected else {
            throw ChildProcessError(description: "sessions of \(name) at \(proxy.program.tag) went to \(visited), not to \(expected)")
        }
    }
}
