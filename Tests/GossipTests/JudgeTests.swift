import Support
import Testing
import Wire

@testable import Gossip

@Suite("The judge of many servers")
struct JudgeTests {
    private static let addresses = (1...2).map { SocketAddress.ip(.v4($0), port: 3_306) }
    private static let findings: [Finding] = [.passed, .failedWithResponse, .failedWithoutResponse, .accessDenied, .full, .blocked, .ownFault]

    private static func servers(_ random: inout SplitMix64) -> [GossipServer] {
        (1...12).filter { _ in Int.random(in: 0..<4, using: &random) > 0 }.map { number in
            let policy: VerdictPolicy = [.own, .fastDown, .anyDown].randomElement(using: &random) ?? .own
            return GossipServer(id: ServerID(UInt64(number)), name: "s\(number)", proxy: number % 3, fall: 2, policy: policy, minUp: number % 4)
        }
    }

    private static func rows(of server: ServerID, at now: Instant, _ random: inout SplitMix64) -> [HealthRow] {
        (1...2).filter { _ in Bool.random(using: &random) }.map { peer in
            HealthRow(
                observer: NodeID(UInt64(peer)), session: 1, version: 1, server: server, verdict: [.up, .down, .unknown].randomElement(using: &random) ?? .up,
                code: 0, latency: 0, lag: .max, weight: 1, failures: UInt16.random(in: 0...3, using: &random), observed: now,
                address: addresses.randomElement(using: &random))
        }
    }

    /// Feeds one random event. Returns a description, and whether it was an observation of a server.
    private static func feed(_ judge: inout Judge, now: Instant, _ random: inout SplitMix64) -> (what: String, isLook: Bool) {
        var outputs: [JudgeOutput] = []
        var isLook = false
        let id = ServerID(UInt64.random(in: 1...13, using: &random))
        let witnesses = rows(of: id, at: now, &random)
        let state: AdministrativeState = [.ready, .ready, .drain, .maint].randomElement(using: &random) ?? .ready
        switch Int.random(in: 0..<40, using: &random) {
        case 0: judge.configure(servers(&random))
        case 1...2: judge.setAddress(id, addresses.randomElement(using: &random))
        case 3...4: judge.setAdministrative(id, state, isClusterCommand: Bool.random(using: &random))
        case 5...6: judge.setLocalState(id, state)
        case 7: judge.forgetChecks(id)
        case 8...9: judge.planRequestedCheck(id, now: now)
        case 10...14: judge.tick(now: now, witnesses: { _ in witnesses }, into: &outputs)
        case 15...22: judge.reconsider(id, witnesses: witnesses, now: now, into: &outputs)
        default:
            let source: ObservationSource = Int.random(in: 0..<5, using: &random) == 0 ? .traffic : .check
            let finding = findings.randomElement(using: &random) ?? .passed
            isLook = judge.index(id) != nil
            judge.observe(id, Observation(finding, by: source, address: addresses[0]), witnesses: witnesses, now: now, into: &outputs)
        }
        return ("server \(id.number), outputs \(outputs)", isLook)
    }

    private static func isAtFloor(_ view: ServerView, _ judge: Judge) -> Bool {
        let others = judge.views.count { $0.server.proxy == view.server.proxy && $0.isUsable && $0.server.id != view.server.id }
        return (view.isUsable || view.isOnlyFull) && others < view.server.minUp
    }

    /// The number of seeds keeps this below a second.
    @Test("counts and orders as a scan of all views would, after any events", arguments: 0..<60 as Range<UInt64>)
    func census(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var judge = Judge(rules: .all)
        judge.configure(Self.servers(&random))
        var now = Instant(nanoseconds: 0)
        for step in 0..<300 {
            let (what, isLook) = Self.feed(&judge, now: now, &random)
            let note = "seed \(seed), step \(step): \(what)"
            for proxy in 0..<3 {
                let views = judge.views.indices.filter { judge.views[$0].server.proxy == proxy }
                #expect(judge.usableCount(ofProxy: proxy) == views.count { judge.views[$0].isUsable }, "\(note)")
                #expect((judge.census.proxies[proxy]?.heldUp ?? []).sorted() == views.filter { judge.views[$0].isHeldUp }, "\(note)")
            }
            if isLook { #expect(judge.views.allSatisfy { !$0.isHeldUp || Self.isAtFloor($0, judge) }, "\(note)") }
            let findings = judge.views.compactMap { $0.last?.finding }
            let isAlike = [Finding.failedWithoutResponse, .accessDenied].contains { finding in findings.allSatisfy { $0 == finding } }
            #expect(judge.census.suggestsIsolation == (findings.count >= 2 && isAlike), "\(note)")
            #expect(judge.nextDeadline == judge.views.compactMap(\.deadline).min(), "\(note)")
            now = now.advanced(by: .milliseconds(Int64.random(in: 0...400, using: &random)))
        }
    }

    @Test("requests a check of a server that min-up holds up, as soon as another server of the proxy is usable")
    func heldUp() {
        var judge = Judge(rules: .all)
        let ids = (1...2).map { ServerID(UInt64($0)) }
        judge.configure(ids.map { GossipServer(id: $0, name: "s", proxy: 0, rise: 1, fall: 9) } + [GossipServer(id: ServerID(3), name: "t", proxy: 1)])
        var now = Instant(nanoseconds: 0)
        var outputs: [JudgeOutput] = []
        func observe(_ id: ServerID, _ finding: Finding, _ witnesses: [HealthRow] = []) {
            judge.observe(id, Observation(finding, address: Self.addresses[0]), witnesses: witnesses, now: now, into: &outputs)
        }
        judge.setLocalState(ids[1], .drain)
        observe(ids[0], .passed)
        observe(ids[0], .failedWithResponse)
        now = now.advanced(by: .milliseconds(100))
        let row = HealthRow(
            observer: NodeID(1), session: 1, version: 1, server: ids[0], verdict: .down, code: 0, latency: 0, lag: .max, weight: 1, failures: 3,
            observed: now, address: Self.addresses[0])
        observe(ids[0], .failedWithResponse, [row])
        #expect(judge.view(of: ids[0])?.isHeldUp == true && judge.view(of: ids[0])?.isDown == nil)
        observe(ServerID(3), .passed)
        #expect(judge.view(of: ids[0])?.isHeldUp == true)
        judge.setLocalState(ids[1], .ready)
        observe(ServerID(3), .passed)
        #expect(judge.view(of: ids[0])?.isHeldUp == false && judge.view(of: ids[0])?.checkAt != nil)
    }
}
