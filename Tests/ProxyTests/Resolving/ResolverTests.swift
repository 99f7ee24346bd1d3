import Proxy
import Support
import Testing
import Wire

private let one = IPAddress.v4(0x0a00_0001)
private let two = IPAddress.v4(0x0a00_0002)
private let three = IPAddress.v4(0x0a00_0003)
private let six = IPAddress.v6(high: 0x2001_0db8_0000_0000, low: 1)

private func reference(_ server: Int, backend: Int = 0) -> ServerReference { ServerReference(backend: backend, server: server) }

private func plain(
    _ server: Int, _ name: String = "db", backend: Int = 0, _ address: IPAddress? = nil, preferring family: AddressFamily = .v4
) throws -> ResolvedServer {
    ResolvedServer(
        reference: reference(server, backend: backend), hostName: try #require(DNSName(name)), preference: AddressPreference(family: family),
        address: address.map { ResolvedAddress($0) })
}

private func slots(_ count: Int) throws -> [ResolvedServer] {
    let name = try #require(DNSName("db"))
    return (0..<count).map {
        ResolvedServer(reference: reference($0), hostName: name, isTemplateSlot: true, address: nil)
    }
}

@Suite("A resolver's servers")
struct ResolverServerTests {
    @Test("take the first answer's address; the log names the nameserver for a name's first server, the cache for others")
    func firstAnswer() throws {
        var world = ResolverWorld([.answers([one])], servers: [try plain(0), try plain(1)])
        world.run(.seconds(1))
        #expect(world.events == ["0/0 = 10.0.0.1 by r/n1", "0/1 = 10.0.0.1 by DNS cache"])
        #expect(world.resolver.counters[0].updates == 2)
    }

    @Test("share the addresses of one name among the servers of a backend")
    func siblings() throws {
        var world = ResolverWorld([.answers([one, two])], servers: [try plain(0), try plain(1), try plain(2), try plain(0, backend: 1)])
        world.run(.seconds(1))
        #expect(world.addresses == [reference(0): one, reference(1): two, reference(2): one, reference(0, backend: 1): one])
    }

    @Test("keep an address while the answer contains it, in any order")
    func rotation() throws {
        var world = ResolverWorld([.answers([one, two])], servers: [try plain(0)])
        world.run(.seconds(1))
        world.behaviours = [.answers([two, one])]
        world.run(.seconds(60))
        #expect(world.events == ["0/0 = 10.0.0.1 by r/n1"])
    }

    @Test("take the preferred family, and the other one when the preferred one has no address", arguments: [AddressFamily.v4, .v6])
    func families(preferred: AddressFamily) throws {
        var both = ResolverWorld([.answers([one, six])], servers: [try plain(0, preferring: preferred)])
        both.run(.seconds(1))
        #expect(both.addresses[reference(0)] == (preferred == .v4 ? one : six))
        var other = ResolverWorld([.answers([preferred == .v4 ? six : one])], servers: [try plain(0, preferring: preferred)])
        other.run(.seconds(1))
        #expect(other.addresses[reference(0)] == (preferred == .v4 ? six : one))
    }

    @Test("take a new address at once when their checks do not pass")
    func moveOfFailing() throws {
        var world = ResolverWorld([.answers([one])], servers: [try plain(0)])
        world.run(.seconds(1))
        world.behaviours = [.answers([two])]
        world.run(.seconds(11))
        #expect(world.events.last == "0/0 = 10.0.0.2 by r/n1")
    }

    @Test("whose checks pass try a new address first, again with each answer until it works")
    func moveOfPassing() throws {
        var world = ResolverWorld([.answers([one])], servers: [try plain(0)])
        world.run(.seconds(1))
        world.with { $0.checksChanged(reference(0), isPassing: true, now: $1) }
        world.verdict = { _ in false }
        world.behaviours = [.answers([two])]
        world.run(.seconds(25))
        #expect(world.addresses[reference(0)] == one)
        #expect(world.takeEvents().dropFirst() == ["0/0 ? 10.0.0.2", "0/0 ? 10.0.0.2"])
        world.verdict = { _ in true }
        world.run(.seconds(10))
        #expect(world.events == ["0/0 ? 10.0.0.2", "0/0 = 10.0.0.2 by r/n1"])
    }

    @Test("take an address that awaits its trial as soon as their checks fail")
    func failingDuringTrial() throws {
        var world = ResolverWorld([.answers([one])], servers: [try plain(0)])
        world.run(.seconds(1))
        world.with { $0.checksChanged(reference(0), isPassing: true, now: $1) }
        world.verdict = nil
        world.behaviours = [.answers([two])]
        world.run(.seconds(30))
        #expect(world.takeEvents().last == "0/0 ? 10.0.0.2")
        world.with { $0.checksChanged(reference(0), isPassing: false, now: $1) }
        #expect(world.takeEvents() == ["0/0 = 10.0.0.2 by r/n1"])
        world.with { resolver, _ in resolver.accept(reference(0), ResolvedAddress(two)) }
        #expect(world.takeEvents().isEmpty)
    }

    @Test("drop a proposal when the present address returns")
    func withdrawnProposal() throws {
        var world = ResolverWorld([.answers([one])], servers: [try plain(0)])
        world.run(.seconds(1))
        world.with { $0.checksChanged(reference(0), isPassing: true, now: $1) }
        world.verdict = nil
        world.behaviours = [.answers([two])]
        world.run(.seconds(10))
        world.behaviours = [.answers([one])]
        world.run(.seconds(20))
        world.with { resolver, _ in resolver.accept(reference(0), ResolvedAddress(two)) }
        #expect(world.addresses[reference(0)] == one)
    }

    @Test("made by server-template take distinct addresses in order, and become empty when their address disappears")
    func template() throws {
        var world = ResolverWorld([.answers([one, two])], servers: try slots(3))
        world.run(.seconds(1))
        #expect(world.takeEvents() == ["0/0 = 10.0.0.1 by r/n1", "0/1 = 10.0.0.2 by DNS cache"])
        world.behaviours = [.answers([two])]
        world.run(.seconds(11))
        #expect(world.takeEvents() == ["0/0 lost: No IP for server "])
        world.behaviours = [.answers([three, two, one])]
        world.run(.seconds(11))
        #expect(world.addresses == [reference(0): one, reference(1): two, reference(2): three], "an address returns to its slot")
    }

    @Test("made by server-template keep an address for 'hold obsolete'")
    func obsolete() throws {
        var world = ResolverWorld([.answers([one, two])], servers: try slots(2)) { $0.holdObsolete = .seconds(25) }
        world.run(.seconds(1))
        world.behaviours = [.answers([two])]
        world.run(.seconds(20))
        #expect(world.addresses.count == 2)
        world.run(.seconds(20))
        #expect(world.addresses == [reference(1): two])
    }

    @Test("move from full slots to the addresses that replace theirs")
    func replacedSlots() throws {
        var world = ResolverWorld([.answers([one, two])], servers: try slots(2))
        world.run(.seconds(1))
        world.behaviours = [.answers([three, two])]
        world.run(.seconds(11))
        #expect(world.addresses == [reference(0): three, reference(1): two])
    }

    @Test("made by server-template try a new address first while another server passes")
    func grownTemplate() throws {
        var world = ResolverWorld([.answers([one])], servers: try slots(3))
        world.run(.seconds(1))
        world.with { $0.checksChanged(reference(0), isPassing: true, now: $1) }
        world.verdict = { $0 == three }
        world.behaviours = [.answers([one, two, three])]
        world.run(.seconds(11))
        #expect(world.addresses == [reference(0): one, reference(2): three])
        world.verdict = { _ in true }
        world.run(.seconds(11))
        #expect(world.addresses == [reference(0): one, reference(1): two, reference(2): three])
    }

    @Test("made by server-template leave a removed address at once while another server passes, regardless of its replacement")
    func replacedWhilePassing() throws {
        var world = ResolverWorld([.answers([one, two])], servers: try slots(2))
        world.run(.seconds(1))
        for server in 0...1 { world.with { $0.checksChanged(reference(server), isPassing: true, now: $1) } }
        world.verdict = { _ in false }
        world.behaviours = [.answers([two, three])]
        world.run(.seconds(11))
        #expect(world.takeEvents().suffix(2) == ["0/0 lost: No IP for server ", "0/0 ? 10.0.0.3"])
        #expect(world.addresses == [reference(1): two])
        // All addresses are replaced: passing servers keep theirs until the new ones have been tried.
        world.behaviours = [.answers([one, three])]
        world.run(.seconds(11))
        #expect(world.addresses[reference(1)] == two)
        world.verdict = { _ in true }
        world.run(.seconds(11))
        #expect(Set(world.addresses.values) == [one, three])
    }

    @Test("made by server-template keep the last passing address until a new one passes, with or without free slots")
    func movedPool() throws {
        var world = ResolverWorld([.answers([one])], servers: try slots(2))
        world.run(.seconds(1))
        world.with { $0.checksChanged(reference(0), isPassing: true, now: $1) }
        _ = world.takeEvents()
        world.verdict = nil
        world.behaviours = [.answers([two])]
        world.run(.seconds(11))
        #expect(world.takeEvents() == ["0/1 ? 10.0.0.2"])
        #expect(world.addresses == [reference(0): one])
        world.with { resolver, _ in resolver.accept(reference(1), ResolvedAddress(two)) }
        #expect(world.takeEvents() == ["0/1 = 10.0.0.2 by DNS cache", "0/0 lost: No IP for server "])
    }

    @Test("made by server-template try every new address, although another one fails its trial")
    func doubted() throws {
        var world = ResolverWorld([.answers([one])], servers: try slots(2))
        world.run(.seconds(1))
        world.with { $0.checksChanged(reference(0), isPassing: true, now: $1) }
        world.verdict = { $0 != two }
        world.behaviours = [.answers([one, two, three])]
        world.run(.seconds(31))
        #expect(world.addresses == [reference(0): one, reference(1): three])
        #expect(world.alarms.count == 1)
    }
}

@Suite("A faulty nameserver")
struct IllNameserverTests {
    private static let ills: [NameserverBehaviour] = [
        .silent, .unreachable, .lies, .code(2), .code(3), .code(4), .code(5), .answers([]),
    ]

    @Test("never removes an address", arguments: ills)
    func keeps(ill: NameserverBehaviour) throws {
        var world = ResolverWorld([.answers([one, six])], servers: [try plain(0), try plain(1, preferring: .v6)])
        world.run(.seconds(1))
        let before = world.addresses
        world.behaviours = [ill]
        world.run(.seconds(900))
        #expect(world.addresses == before)
        #expect(world.alarms.count == 1)
        // The caller adds the section's name to the log line.
        #expect(world.alarms.allSatisfy { !$0.hasPrefix("r:") })
        world.behaviours = [.answers([one, six])]
        world.run(.seconds(10))
        #expect(world.alarms.count == 2)
        #expect(world.alarmedNames.map(\.description) == ["db", "db"], "each name has a log limit")
        #expect(world.takeEvents().count == 2)
    }

    @Test("has no effect beside a good one", arguments: ills)
    func besideGood(ill: NameserverBehaviour) throws {
        var world = ResolverWorld([ill, .answers([one])], servers: [try plain(0)])
        world.delays = [.zero, .milliseconds(500)]
        world.run(.seconds(10))
        #expect(world.events == ["0/0 = 10.0.0.1 by r/n2"])
        #expect(world.alarms.isEmpty)
    }

    @Test(
        "removes addresses after the 'hold' that is set",
        arguments: [
            (.code(3), "DNS NX status"), (.silent, "DNS timeout status"), (.code(5), "DNS refused status"), (.code(2), "unspecified DNS error"),
        ] as [(NameserverBehaviour, String)])
    func holds(ill: NameserverBehaviour, words: String) throws {
        var world = ResolverWorld([.answers([one], timeToLive: 1)], servers: [try plain(0)]) {
            ($0.holdNX, $0.holdTimeout, $0.holdRefused, $0.holdOther) = (.seconds(20), .seconds(20), .seconds(20), .seconds(20))
        }
        world.run(.milliseconds(1500))
        _ = world.takeEvents()
        world.behaviours = [ill]
        world.run(.seconds(18))
        #expect(world.takeEvents().isEmpty)
        world.run(.seconds(8))
        #expect(world.takeEvents() == ["0/0 lost: \(words)"])
        world.behaviours = [.answers([one])]
        world.run(.seconds(6))
        #expect(world.takeEvents() == ["0/0 = 10.0.0.1 by r/n1"])
    }

    @Test("that answers for one family only does not replace the other family's answer")
    func halfSilent() throws {
        var world = ResolverWorld([.answers([one, six])], servers: [try plain(0, preferring: .v6)])
        world.run(.seconds(1))
        world.behaviours = [.answers([one])]
        world.run(.seconds(11))
        #expect(world.addresses[reference(0)] == one, "a complete answer: the name has IPv4 only")
    }

    @Test("is queried as often as configured, then in the next round")
    func retries() throws {
        var world = ResolverWorld([.silent], servers: [try plain(0)]) { $0.retriesMax = 2 }
        world.run(.milliseconds(2999))
        #expect(world.resolver.counters[0].sent == 6)
        #expect(world.openQuestions.count == 6, "a late answer still counts")
        world.run(.milliseconds(500))
        #expect(world.openQuestions.isEmpty)
        #expect(world.resolver.counters[0].timeouts == 6)
        world.run(.seconds(1))
        #expect(world.resolver.counters[0].sent == 8)
    }

    @Test("that is slow still counts")
    func slow() throws {
        var world = ResolverWorld([.answers([one])], servers: [try plain(0)])
        world.delays = [.milliseconds(2500)]
        world.run(.seconds(3))
        #expect(world.addresses[reference(0)] == one)
    }

    @Test("that truncates is queried over TCP")
    func truncation() throws {
        var world = ResolverWorld([.truncates([one, two, six])], servers: try slots(3))
        world.run(.seconds(1))
        #expect(world.addresses.count == 2)
        #expect(world.transports.contains(.tcp))
        #expect(world.resolver.counters[0].truncated == 2)
    }

    @Test("that truncates and refuses TCP fills slots but empties none")
    func partial() throws {
        var world = ResolverWorld([.truncates([one, two])], servers: try slots(3))
        world.run(.seconds(1))
        world.behaviours = [.truncatesWithoutTCP([three, two, one])]
        world.run(.seconds(60))
        #expect(world.addresses == [reference(0): one, reference(1): two, reference(2): three])
    }

    @Test("that does not know EDNS0 is queried without it")
    func plainOnly() throws {
        var world = ResolverWorld([.plainOnly(one)], servers: [try plain(0)])
        world.run(.seconds(1))
        #expect(world.addresses[reference(0)] == one)
    }
}

@Suite("A resolver's pace")
struct ResolverPaceTests {
    private func rounds(timeToLive: UInt32, _ configure: (inout ResolverSettings) -> Void = { _ in }) throws -> Int {
        var world = ResolverWorld([.answers([one, six], timeToLive: timeToLive)], servers: [try plain(0)], configure: configure)
        world.run(.seconds(60))
        return world.questionTimes.count / 2
    }

    @Test("follows the TTL between one second and 'hold valid'")
    func timeToLive() throws {
        #expect(try rounds(timeToLive: 0) == 60)
        #expect(try rounds(timeToLive: 5) == 12)
        #expect(try rounds(timeToLive: 3600) == 6)
        #expect(try rounds(timeToLive: 3600) { $0.holdValid = .seconds(30) } == 2)
        #expect(try rounds(timeToLive: 0) { $0.resolveInterval = .seconds(20) } == 3)
    }

    @Test("speeds up after a failed connect, to at most once a second")
    func resolveSoon() throws {
        var world = ResolverWorld([.answers([one, six], timeToLive: 3600)], servers: [try plain(0)]) { $0.holdValid = .seconds(3600) }
        world.run(.seconds(10))
        #expect(world.questionTimes.count == 2)
        for _ in 0..<100 {
            world.with { $0.resolveSoon(reference(0), now: $1) }
            world.run(.milliseconds(50))
        }
        #expect((10...14).contains(world.questionTimes.count))
    }

    @Test("keeps to a limit of open queries and still reaches every name")
    func limit() throws {
        let servers = try (0..<500).map { try plain($0, "db\($0)") }
        var world = ResolverWorld([.answers([one, six]), .silent], servers: servers)
        var most = 0
        for _ in 0..<500 {
            world.run(.milliseconds(1))
            most = max(most, world.openQuestions.count)
        }
        #expect(most <= ResolverSettings.questionsMaxDefault)
        #expect(world.addresses.count == 500)
    }

    @Test("draws message numbers without a pattern")
    func identifiers() throws {
        var world = ResolverWorld([.answers([one], timeToLive: 1)], servers: [try plain(0)])
        world.run(.seconds(200))
        let steps = Set(zip(world.identifiers, world.identifiers.dropFirst()).map { $1 &- $0 })
        #expect(steps.count > 350)
    }

    @Test("ends with stop")
    func stop() throws {
        var world = ResolverWorld([.silent], servers: [try plain(0)])
        world.run(.seconds(2))
        world.with { resolver, _ in resolver.stop() }
        #expect(world.openQuestions.isEmpty && world.resolver.nextDeadline == nil)
    }
}

@Suite("A resolver with random nameservers")
struct ResolverPropertyTests {
    @Test("keeps its rules for any behaviour", arguments: seeds(64))
    func rules(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let pool = [one, two, three, six, .v4(0x0a00_0004)]
        let isTemplate = seed % 2 == 0
        let servers = isTemplate ? try slots(3) : [try plain(0), try plain(1), try plain(2, "other", preferring: .v6)]
        var world = ResolverWorld([.silent, .silent], servers: servers, seed: seed)
        for step in 0..<50 {
            let before = world.addresses
            var hasTruth = false
            for index in world.behaviours.indices {
                world.behaviours[index] = behaviour(pool, &random)
                world.delays[index] = .milliseconds(Int.random(in: 0...1500, using: &random))
                switch world.behaviours[index] {
                case .answers(let addresses, _), .truncates(let addresses): hasTruth = hasTruth || !addresses.isEmpty
                case .plainOnly, .truncatesWithoutTCP: hasTruth = true
                default: break
                }
            }
            let works = Bool.random(using: &random)
            world.verdict = { _ in works }
            let server = reference(Int.random(in: 0..<3, using: &random))
            world.with { $0.checksChanged(server, isPassing: Bool.random(using: &random), now: $1) }
            world.run(.seconds(Int64.random(in: 1...20, using: &random)))
            if !hasTruth { for lost in before.keys where world.addresses[lost] == nil { #expect(Bool(false), "seed \(seed), step \(step)") } }
            if isTemplate { #expect(Set(world.addresses.values).count == world.addresses.count, "seed \(seed), step \(step)") }
            #expect(world.addresses.values.allSatisfy(pool.contains), "seed \(seed), step \(step)")
            // Answers to this step's queries must not arrive in the next one.
            world.behaviours = [.silent, .silent]
            world.run(.seconds(6))
        }
        world.behaviours = [.answers([two]), .answers([two])]
        world.delays = [.milliseconds(1), .milliseconds(2)]
        world.verdict = { _ in true }
        world.run(.seconds(20))
        // A slot with an obsolete address stays while it alone passes.
        for server in 0..<3 where world.addresses[reference(server)] == two { world.with { $0.checksChanged(reference(server), isPassing: true, now: $1) } }
        world.run(.seconds(20))
        #expect(Set(world.addresses.values) == [two], "seed \(seed): all servers reach the true address")
        #expect(world.openQuestions.count <= 8, "seed \(seed)")
    }

    private func behaviour(_ pool: [IPAddress], _ random: inout SplitMix64) -> NameserverBehaviour {
        let some = pool.shuffled(using: &random).prefix(Int.random(in: 0...3, using: &random))
        switch Int.random(in: 0..<9, using: &random) {
        case 0, 1: return .answers(Array(some), timeToLive: UInt32.random(in: 0...30, using: &random))
        case 2: return .truncates(Array(some))
        case 3: return .truncatesWithoutTCP(Array(some))
        case 4: return .code(UInt8.random(in: 1...6, using: &random))
        case 5: return .plainOnly(pool[0])
        case 6: return .lies
        case 7: return .unreachable
        default: return .silent
        }
    }
}
