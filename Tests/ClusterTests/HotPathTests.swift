// The promises in the header of ForwardingThread.swift, counted in the release program.

import ClusterWorld
import Foundation
import Support
import Testing

@Suite(
    "A forwarding thread of the release program", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy has no Swift runtime"),
    .enabled(if: hindrance == nil || mustRun, Comment(rawValue: hindrance ?? "")), .timeLimit(.minutes(5)))
struct HotPathTests {
    /// Lines of a proxy that change a thread's work for a session.
    static let proxies: [[String]] = [
        [], ["option tcplog", "log global"], ["balance leastconn"], ["balance source"],
        ["balance source", "hash-type consistent"], ["balance source", "hash-type consistent", "hash-balance-factor 150"],
        ["balance static-rr"], ["balance first"], ["balance random"],
    ]

    @Test("does not allocate, retain, release or copy between accept and close", arguments: proxies, [(1, 1000), (200, 1)])
    func costs(options: [String], load: (sessions: Int, requests: Int)) throws {
        let bench = try HotPathBench(options: options)
        // Buffers, heaps and lists grow in the first sessions.
        _ = try bench.run(sessions: 20, requests: 2)
        let counts = try bench.run(sessions: load.sessions, requests: load.requests)
        #expect(counts.accepts == load.sessions)
        #expect(counts.closes == 2 * load.sessions)
        #expect(counts.retains == 0, "\(counts)")
        #expect(counts.releases == 0, "\(counts)")
        #expect(counts.objects == 0, "\(counts)")
        #expect(counts.blocks == 0, "\(counts)")
        #expect(counts.copies == 0, "\(counts)")
        if options.contains("option tcplog") { try eventually(within: 10, "a log line") { bench.logLine()?.contains(" in in/s") == true } }
    }

    @Test("is caught by the counters when it allocates, retains, releases or copies")
    func control() throws {
        // A PROXY header is built for each connection, from arrays.
        let bench = try HotPathBench(serverOptions: "send-proxy")
        // Each thread is moved to its own stack at the start.
        #expect(bench.counts.copies >= 2)
        let counts = try bench.run(sessions: 20, requests: 0)
        #expect(counts.accepts == 20)
        #expect(counts.objects >= 20)
        #expect(counts.blocks >= counts.objects)
        #expect(counts.releases >= 20)
        #expect(counts.retains > 0)
    }

    @Test("makes at most 19 system calls for a short connection: no accept without a connection, no shutdown before a close")
    func systemCalls() throws {
        let bench = try HotPathBench(isCounted: false)
        let trace = "/tmp/tsk-hot-path-trace-\(getpid())"
        defer { unlink(trace) }
        // The main thread has a forwarding thread's name while it creates one.
        func threads() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(bench.pid)/task").filter {
                $0 != "\(bench.pid)" && readWholeFile("/proc/\(bench.pid)/task/\($0)/comm")?.hasPrefix("forwarding ") == true
            }
        }
        try eventually(within: 10, "two forwarding threads") { try threads().count == 2 }
        let tracer = try ChildProcess(["strace", "-o", trace] + threads().flatMap { ["-p", $0] })
        defer { tracer.send(signal: SIGKILL) }
        try eventually(within: 10, "strace to attach: \(tracer.output)") { tracer.output.split(separator: "\n").count { $0.contains("attached") } == 2 }
        let connections = 100
        for _ in 0..<connections { try bench.exchange() }
        func calls() -> [Substring] { (readWholeFile(trace) ?? "").split(separator: "\n") }
        try eventually(within: 10, "the last connection to end: \(calls().suffix(3))") { calls().count { $0.contains("close(") } >= 2 * connections }
        let made = calls().filter { $0.contains("(") && !$0.contains("resumed>") }
        let names = made.reduce(into: [String: Int]()) { names, line in
            names[String((line.split(separator: " ").first { $0.contains("(") } ?? "").prefix { $0 != "(" }), default: 0] += 1
        }
        print("system calls of \(connections) short connections: \(made.count), \(names.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" })")
        // The kernel reports a socket as writable again when the other end has acknowledged: sometimes separately, sometimes with the next data.
        let acknowledgements = calls().count { $0.contains("[{events=EPOLLOUT, ") && $0.hasSuffix("= 1") }
        // Ten more: waits that have not returned, and a wake-up of the control thread each second.
        #expect(made.count - acknowledgements <= 19 * connections + 10, "\(names), \(acknowledgements) acknowledgements")
        #expect(names["close", default: 0] >= 2 * connections)
        #expect(made.count { $0.contains("accept4(") && $0.contains("EAGAIN") } == 0)
        #expect(names["shutdown", default: 0] <= connections)
        #expect(names["setsockopt", default: 0] == 0)
    }
}
