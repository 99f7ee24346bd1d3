import Support
import Testing
import Wire

@testable import LoadBalancer

@Suite("The tests' load balancer: a target's health")
struct TargetHealthTests {
    @Test("begins with one pass, and changes only after the configured number of equal outcomes in a row")
    func thresholds() {
        var health = TargetHealth(HealthThresholds(healthy: 3, unhealthy: 2))
        let failed = ProbeOutcome.failed(reason: "refused")
        #expect(!health.isHealthy)
        #expect(health.record(.passed) && health.isHealthy)
        #expect(!health.record(failed) && !health.record(.passed) && !health.record(failed) && health.isHealthy, "not two in a row")
        #expect(health.record(failed) && !health.isHealthy)
        #expect(!health.record(failed) && !health.record(.passed) && !health.record(.passed) && !health.record(failed))
        #expect(!health.record(.passed) && !health.record(.passed) && !health.isHealthy, "a failure restarts the count")
        #expect(health.record(.passed) && health.isHealthy)
    }

    @Test("may become unhealthy before it was ever healthy")
    func failsFromTheStart() {
        var health = TargetHealth(HealthThresholds())
        #expect(!health.record(.failed(reason: "")) && health.record(.failed(reason: "")))
        #expect(!health.record(.passed) && health.record(.passed) && health.isHealthy)
    }
}

@Suite("The tests' load balancer: a target group")
struct TargetGroupTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    private func group(_ settings: GroupSettings = GroupSettings(), targets: Int = 2) -> TargetGroup {
        TargetGroup(settings, targets: (1...targets).map { ("node\($0)", .ip(.v4(UInt32($0)), port: 3306)) })
    }

    private func flow(_ number: UInt16) -> FlowIdentity {
        FlowIdentity(source: .ip(.v4(0x0a00_0001), port: number), destination: .ip(.v4(0x0a00_0002), port: 3306))
    }

    /// The group's effects, as `target state flows?`.
    private func drain(_ group: inout TargetGroup) -> [String] {
        var lines: [String] = []
        while let directive = group.nextDirective() {
            switch directive {
            case .log(let event): lines.append("\(event.target) \(event.state)")
            case .resetFlows(_, let event): lines.append("\(event.target) \(event.state) reset")
            }
        }
        return lines
    }

    private func fail(_ index: Int, times: Int = 2, _ group: inout TargetGroup, at now: Instant = start) {
        for _ in 0..<times { group.record(.failed(reason: "refused"), target: index, now: now) }
    }

    private func pass(_ index: Int, times: Int = 1, _ group: inout TargetGroup, at now: Instant = start) {
        for _ in 0..<times { group.record(.passed, target: index, now: now) }
    }

    @Test("spreads flows over its healthy targets, and always sends one flow to the same target")
    func choice() {
        var group = group()
        for index in 0..<2 { pass(index, &group) }
        let chosen = (1...2000).map { group.choose(for: flow($0)) }
        #expect((900...1100).contains(chosen.count { $0 == 0 }), "\(chosen.count { $0 == 0 }) of 2000")
        #expect(chosen == (1...2000).map { group.choose(for: flow($0)) })
        fail(0, &group)
        #expect((1...200).allSatisfy { group.choose(for: flow($0)) == 1 })
    }

    @Test("resets the flows of a target that becomes unhealthy")
    func termination() {
        var group = group()
        for index in 0..<2 { pass(index, &group) }
        _ = drain(&group)
        fail(0, &group)
        #expect(drain(&group) == ["node1 failing", "node1 unhealthy reset"])
        pass(0, times: 2, &group)
        #expect(drain(&group) == ["node1 passing", "node1 healthy"])
    }

    @Test("fails open when no target is healthy, and then resets nothing")
    func failsOpen() {
        var group = group()
        for index in 0..<2 { pass(index, &group) }
        fail(0, &group)
        _ = drain(&group)
        fail(1, &group)
        #expect(drain(&group) == ["node2 failing", "node2 unhealthy", " fail-open"])
        #expect(Set((1...200).map { group.choose(for: flow($0)) }) == [0, 1])
        pass(1, times: 2, &group)
        #expect(drain(&group) == ["node2 passing", "node2 healthy", " fail-closed"])
        #expect((1...200).allSatisfy { group.choose(for: flow($0)) == 1 })
    }

    @Test("keeps the flows with termination off: for the draining interval if it is set, and permanently if the target recovers")
    func draining() throws {
        var settings = GroupSettings()
        settings.isTerminationOn = false
        var kept = group(settings)
        for index in 0..<2 { pass(index, &kept) }
        fail(0, &kept)
        #expect(drain(&kept).last == "node1 unhealthy")
        #expect(kept.nextDeadline == nil)

        settings.drainingInterval = .seconds(10)
        var draining = group(settings)
        for index in 0..<2 { pass(index, &draining) }
        fail(0, &draining)
        #expect(drain(&draining).last == "node1 unhealthy.draining")
        let end = try #require(draining.nextDeadline)
        #expect(end == Self.start.advanced(by: .seconds(10)))
        draining.deadlinePassed(now: end)
        #expect(drain(&draining) == ["node1 unhealthy reset"])
        pass(0, times: 2, &draining)
        fail(0, &draining)
        pass(0, times: 2, &draining)
        #expect(draining.nextDeadline == nil && !drain(&draining).contains("node1 unhealthy reset"))
    }

    @Test("gives a deregistered target no new flow, and forgets it after the delay")
    func deregistration() throws {
        var settings = GroupSettings()
        settings.isDeregistrationTerminationOn = true
        var group = group(settings)
        for index in 0..<2 { pass(index, &group) }
        _ = drain(&group)
        #expect(group.deregister("node1", now: Self.start) && !group.deregister("node1", now: Self.start) && !group.deregister("node9", now: Self.start))
        #expect((1...200).allSatisfy { group.choose(for: flow($0)) == 1 })
        #expect(drain(&group) == ["node1 draining"])
        group.deadlinePassed(now: try #require(group.nextDeadline))
        #expect(drain(&group) == ["node1 unused reset"])
        #expect(group.register("node1", now: Self.start) && group.state(of: 0) == "initial")
        #expect((1...200).allSatisfy { group.choose(for: flow($0)) == 1 }, "not yet healthy")
        #expect(group.deregister("node2", now: Self.start) && group.deregister("node1", now: Self.start))
        #expect(group.choose(for: flow(1)) == nil)
    }
}

@Suite("The tests' load balancer: headers and arguments")
struct BalancerFormTests {
    @Test("writes PROXY headers byte for byte as specified")
    func header() {
        let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
        let flow = FlowIdentity(source: .ip(.v4(0xc000_0201), port: 0x1234), destination: .ip(.v4(0xc000_0202), port: 3306))
        #expect(ProxyHeader.proxy(flow) == signature + [0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x34, 0x0c, 0xea])
        #expect(ProxyHeader.local == signature + [0x20, 0, 0, 0])
        let v6 = FlowIdentity(source: .ip(.v6(high: 1, low: 2), port: 1), destination: .ip(.v6(high: 3, low: 4), port: 2))
        #expect(ProxyHeader.proxy(v6)?.count == 16 + 36)
        #expect(ProxyHeader.proxy(FlowIdentity(source: .unix(""), destination: .unix(""))) == nil)
    }

    @Test(
        "reads an HTTP answer's first line",
        arguments: [
            ("HTTP/1.1 200 OK\r\n", .passed), ("HTTP/1.0 200\n", .passed), ("HTTP/1.1 503 Service Unavailable\r\nContent-", .failed(reason: "HTTP 503")),
            ("HTTP/1.1 2", nil), ("J\0\0\0\u{0a}8.0.36", .failed(reason: "no HTTP answer")), ("\r\n", .failed(reason: "no HTTP answer")),
        ] as [(String, ProbeOutcome?)])
    func answers(text: String, expected: ProbeOutcome?) {
        #expect(Probe.outcome(ofAnswer: Array(text.utf8)) == expected)
    }

    @Test("reads its arguments, and refuses unknown ones")
    func arguments() throws {
        let words = ["--listen", "127.0.0.1:1", "--target", "a=127.0.0.2:2", "--target", "b=[::1]:3"]
        let settings = try BalancerSettings(words + ["--probe", "http:/ready", "--interval", "500ms", "--unhealthy", "3", "--termination", "off"])
        #expect(settings.targets.map(\.name) == ["a", "b"])
        #expect(settings.probe.kind == .http(path: "/ready") && settings.probe.interval == .milliseconds(500))
        #expect(settings.group.thresholds.unhealthy == 3 && !settings.group.isTerminationOn)
        for wrong in [["--interval", "5"], ["--unhealthy", "0"], ["--probe", "udp"], ["--target", "a=127.0.0.9:1"], ["--what", "1"], ["--listen"]] {
            #expect(throws: ArgumentError.self, "\(wrong)") { try BalancerSettings(words + wrong) }
        }
        #expect(throws: ArgumentError.self) { try BalancerSettings([]) }
    }
}
