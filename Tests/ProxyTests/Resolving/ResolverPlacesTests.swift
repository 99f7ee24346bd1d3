import Support
import Testing
import Wire

@testable import Proxy

private let one = IPAddress.v4(0x0a00_0001)
private let two = IPAddress.v4(0x0a00_0002)
private let three = IPAddress.v4(0x0a00_0003)
private let six = IPAddress.v6(high: 0x2001_0db8_0000_0000, low: 1)
private let seven = IPAddress.v6(high: 0x2001_0db8_0000_0000, low: 2)

private func reference(_ server: Int) -> ServerReference { ServerReference(backend: 0, server: server) }

private func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

private func servers(_ count: Int, _ text: String = "db", isTemplate: Bool = true) throws -> [ResolvedServer] {
    let name = try name(text)
    return (0..<count).map {
        ResolvedServer(reference: reference($0), hostName: name, isTemplateSlot: isTemplate, address: nil, location: "a.cfg:7")
    }
}

private func record(_ target: String, weight: UInt16 = 0) throws -> DNSService {
    DNSService(priority: 10, weight: weight, port: 3306, target: try name(target))
}

private func pass(_ world: inout ResolverWorld, _ isPassing: Bool = true, _ servers: Int...) {
    for server in servers { world.with { $0.checksChanged(reference(server), isPassing: isPassing, now: $1) } }
}

@Suite("The preferred family")
struct ResolverFamilyTests {
    @Test("replaces the other family at servers whose checks fail, and at unchecked ones", arguments: [false, true])
    func returns(isTemplate: Bool) throws {
        var world = ResolverWorld([.failsFor(.v4, [six, seven])], servers: try servers(2, isTemplate: isTemplate))
        world.run(.seconds(8))
        #expect(Set(world.addresses.values) == [six, seven])
        pass(&world, false, 0)
        world.behaviours = [.answers([one, two, six, seven])]
        world.run(.seconds(11))
        #expect(Set(world.addresses.values) == [one, two])
        #expect(!world.events.contains { $0.contains("lost") })
    }

    @Test("replaces the other family at a service's servers")
    func services() throws {
        var zone = ServiceZone(services: [try record("db1"), try record("db2")], hosts: [try name("db1"): [six], try name("db2"): [seven]])
        var world = ResolverWorld([.serves(zone)], servers: try servers(3, "_mysql._tcp.db"))
        world.run(.seconds(2))
        #expect(Set(world.addresses.values) == [six, seven])
        zone.hosts = [try name("db1"): [six, one], try name("db2"): [two, seven]]
        world.behaviours = [.serves(zone)]
        world.run(.seconds(11))
        #expect(Set(world.addresses.values) == [one, two])
    }

    @Test("is tried first by servers whose checks pass, which keep their address when the trial fails", arguments: [false, true])
    func passing(isTemplate: Bool) throws {
        var world = ResolverWorld([.failsFor(.v4, [six, seven])], servers: try servers(2, isTemplate: isTemplate))
        world.run(.seconds(8))
        pass(&world, true, 0, 1)
        world.verdict = { _ in false }
        world.behaviours = [.answers([one, two, six, seven])]
        world.run(.seconds(30))
        #expect(Set(world.addresses.values) == [six, seven])
        // One address works: the other server is not removed because of that.
        world.verdict = { $0 == one }
        world.run(.seconds(30))
        #expect(world.addresses.count == 2 && world.addresses.values.contains(one))
        #expect(!world.events.contains { $0.contains("lost") })
        world.verdict = { _ in true }
        world.run(.seconds(11))
        #expect(Set(world.addresses.values) == [one, two])
    }

    @Test("does not add a host twice, once by each of its addresses")
    func once() throws {
        var world = ResolverWorld([.failsFor(.v4, [six, seven])], servers: try servers(4))
        world.run(.seconds(8))
        pass(&world, true, 0)
        pass(&world, false, 1)
        world.behaviours = [.answers([one, two, six, seven])]
        world.run(.seconds(30))
        #expect(world.addresses.count == 2 && Set(world.addresses.values) == [one, two])
    }

    @Test("does not delay the other family, which serves while it is missing")
    func other() throws {
        var world = ResolverWorld([.answers([one, six])], servers: try servers(1, isTemplate: false))
        world.run(.seconds(1))
        world.behaviours = [.answers([six])]
        world.run(.seconds(11))
        #expect(world.addresses[reference(0)] == six)
    }
}

@Suite("An operator's setting of a slot")
struct ResolverReservedTests {
    @Test("applies to its present host: a new host gets another slot, and the old one returns to it")
    func host() throws {
        var world = ResolverWorld([.answers([one, two])], servers: try servers(4))
        world.run(.seconds(1))
        pass(&world, true, 1)
        world.with { resolver, _ in resolver.reserve(reference(0), true) }
        world.behaviours = [.answers([two, three])]
        world.run(.seconds(11))
        #expect(world.addresses == [reference(1): two, reference(2): three])
        world.behaviours = [.answers([three, one, two])]
        world.run(.seconds(11))
        #expect(world.addresses == [reference(0): one, reference(1): two, reference(2): three])
    }

    @Test("applies after a reload to the host that the slot had before it", arguments: [nil, SocketAddress.ip(one, port: 3306)])
    func reload(present: SocketAddress?) throws {
        let location = ConfigurationLocation(file: "a.cfg", line: 7)
        var server = Server(name: "s", identifier: 1, endpoint: .name("db", port: 3306), port: .fixed(3306), location: location)
        (server.resolvers, server.isTemplateSlot) = ("r", true)
        var backend = Backend(name: "b", identifier: 1)
        backend.servers = [server, server, server]
        let registry = ServerRegistry(backends: [backend], now: Instant(nanoseconds: 0)) {
            $0.server == 1 ? present : nil
        } memory: { reference in
            guard reference.server == 1 else { return nil }
            var memory = ServerMemory(
                hostName: "db", address: present?.address, flags: [.forcedMaintenance], weight: 1, initialWeight: 1, isRunning: false, health: 0,
                lastCheck: nil, sinceChange: .zero)
            if present == nil { memory.formerAddress = .ip(one, port: 3306) }
            return memory
        }
        let slots = try (0..<3).map { try #require(ResolvedServer(reference: reference($0), server: server, status: registry.status(of: reference($0)))) }
        #expect(slots.map(\.isReserved) == [false, true, false])
        var world = ResolverWorld([.answers([three, two])], servers: slots)
        world.run(.seconds(1))
        #expect(world.addresses == [reference(0): three, reference(2): two])
        world.behaviours = [.answers([three, one])]
        world.run(.seconds(11))
        #expect(world.addresses == [reference(0): three, reference(1): one])
    }

    @Test("does not exclude a host when no other slot is free")
    func full() throws {
        var world = ResolverWorld([.answers([one, two])], servers: try servers(2))
        world.run(.seconds(1))
        world.with { resolver, _ in resolver.reserve(reference(0), true) }
        world.behaviours = [.answers([two, three])]
        world.run(.seconds(11))
        #expect(world.addresses == [reference(0): three, reference(1): two])
    }

    @Test("ends with the operator's command")
    func ends() throws {
        var world = ResolverWorld([.answers([one])], servers: try servers(2))
        world.run(.seconds(1))
        world.with { resolver, _ in resolver.reserve(reference(0), true) }
        world.with { resolver, _ in resolver.reserve(reference(0), false) }
        world.behaviours = [.answers([two])]
        world.run(.seconds(11))
        world.behaviours = [.answers([three, two])]
        world.run(.seconds(11))
        #expect(world.addresses.count == 2)
    }

    @Test("applies to a service's record and to a listed replica as well")
    func others() throws {
        var zone = ServiceZone(
            services: [try record("db1"), try record("db2")], hosts: [try name("db1"): [one], try name("db2"): [two], try name("db3"): [three]])
        var world = ResolverWorld([.serves(zone)], servers: try servers(4, "_mysql._tcp.db"))
        world.run(.seconds(1))
        let slot = try #require((0..<2).first { world.addresses[reference($0)] == one })
        world.with { resolver, _ in resolver.reserve(reference(slot), true) }
        zone.services = [try record("db3"), try record("db2")]
        world.behaviours = [.serves(zone)]
        world.run(.seconds(11))
        #expect(world.addresses[reference(slot)] == nil && world.addresses.count == 2)
        zone.services = [try record("db3"), try record("db2"), try record("db1")]
        world.behaviours = [.serves(zone)]
        world.run(.seconds(11))
        #expect(world.addresses[reference(slot)] == one && world.addresses.count == 3)
        // The host moves, and the setting moves with it.
        zone.hosts[try name("db1")] = [.v4(0x0a00_0009)]
        world.behaviours = [.serves(zone)]
        world.run(.seconds(11))
        #expect(world.addresses[reference(slot)] == .v4(0x0a00_0009) && world.addresses.count == 3)

        var listed = ResolverWorld([], servers: try servers(3)) { $0 = ResolverSettings(discovery: "w", hold: .seconds(2)) }
        func list(_ hosts: IPAddress...) {
            for _ in 0..<4 {
                listed.with { $0.applyList(ReplicaList(hosts.map { "\($0):1" }), by: "w/db1", now: $1) }
                listed.run(.seconds(1))
            }
        }
        list(one, two)
        listed.with { resolver, _ in resolver.reserve(reference(0), true) }
        list(two, three)
        #expect(listed.addresses == [reference(1): two, reference(2): three])
        list(one, two, three)
        #expect(listed.addresses[reference(0)] == one)
    }
}

@Suite("More records than the limit")
struct ResolverCutTests {
    private static let total = 300

    /// Answers in rotation, so that each round lacks different ones.
    private func rounds(_ world: inout ResolverWorld, _ count: Int, _ behaviour: (_ round: Int) -> NameserverBehaviour) {
        for round in 0..<count {
            world.behaviours = [behaviour(round)]
            world.run(.seconds(11))
        }
    }

    private func turned<Element>(_ all: [Element], _ round: Int) -> [Element] { Array(all[(round * 37 % all.count)...] + all[..<(round * 37 % all.count)]) }

    @Test("remove no address, and one alarm gives their number", arguments: [8, 280])
    func addresses(count: Int) throws {
        let all = (0..<UInt32(Self.total)).map { IPAddress.v4(0x0a01_0000 + $0) }
        var world = ResolverWorld([.silent], servers: try servers(count))
        rounds(&world, 20) { .answers(turned(all, $0)) }
        #expect(world.addresses.count == min(count, DNSAnswer.recordsKeptMax))
        #expect(!world.events.contains { $0.contains("lost") } && world.events.count == world.addresses.count)
        #expect(
            world.alarms == ["'db' has 300 addresses, but only 256 of an answer are used; those in use are kept until it has 256 or fewer"])
        world.behaviours = [.answers([.v4(0x0a01_0000)])]
        world.run(.seconds(11))
        #expect(world.alarms.last == "'db' has at most 256 addresses again")
        #expect(world.addresses.count == 1)
    }

    @Test("behave the same for a service")
    func services() throws {
        var zone = ServiceZone(services: [], hosts: [:])
        for number in 0..<UInt32(Self.total) {
            zone.services.append(try record("h\(number)"))
            zone.hosts[try name("h\(number)")] = [.v4(0x0a01_0000 + number)]
        }
        var world = ResolverWorld([.silent], servers: try servers(8, "_mysql._tcp.db"))
        let all = zone.services
        rounds(&world, 3) { round in
            zone.services = turned(all, round)
            return .serves(zone)
        }
        #expect(world.addresses.count == 8 && !world.events.contains { $0.contains("lost") } && world.events.count == 8)
        #expect(
            world.alarms
                == ["'_mysql._tcp.db' has 300 service records, but only 256 of an answer are used; those in use are kept until it has 256 or fewer"])
    }
}

@Suite("Records of one service whose hosts share an address")
struct ResolverSharedAddressTests {
    @Test(
        "use one address each, in any order",
        arguments: [
            ([one, two], [one], [one, two]), ([one], [one, two], [one, two]), ([one, two], [two, one], [one, two]), ([one], [one], [one]),
        ] as [([IPAddress], [IPAddress], Set<IPAddress>)])
    func distinct(first: [IPAddress], second: [IPAddress], expected: Set<IPAddress>) throws {
        let zone = ServiceZone(services: [try record("db1"), try record("db2")], hosts: [try name("db1"): first, try name("db2"): second], timeToLive: 1)
        var world = ResolverWorld([.serves(zone)], servers: try servers(4, "_mysql._tcp.db"))
        world.run(.seconds(60))
        #expect(Set(world.addresses.values) == expected && world.addresses.count == expected.count)
        #expect(world.events.count <= 3, "addresses move: \(world.events)")
    }

    @Test("find addresses even if three of them must move")
    func chain() throws {
        let zone = ServiceZone(
            services: [try record("db1"), try record("db2"), try record("db3")],
            hosts: [try name("db1"): [one, two], try name("db2"): [two, three], try name("db3"): [one]])
        var world = ResolverWorld([.serves(zone)], servers: try servers(3, "_mysql._tcp.db"))
        world.run(.seconds(60))
        #expect(Set(world.addresses.values) == [one, two, three])
    }

    @Test("keep their addresses and weights when the answers rotate")
    func stable() throws {
        var zone = ServiceZone(
            services: [try record("db1", weight: 10), try record("db2", weight: 20)], hosts: [try name("db1"): [one, two], try name("db2"): [one, two]],
            timeToLive: 1)
        var world = ResolverWorld([.serves(zone)], servers: try servers(2, "_mysql._tcp.db"))
        world.run(.seconds(2))
        let (addresses, weights) = (world.addresses, world.weights)
        for _ in 0..<10 {
            zone.services.reverse()
            for host in zone.hosts.keys { zone.hosts[host]?.reverse() }
            world.behaviours = [.serves(zone)]
            world.run(.seconds(2))
            #expect(world.addresses == addresses && world.weights == weights)
        }
    }
}
