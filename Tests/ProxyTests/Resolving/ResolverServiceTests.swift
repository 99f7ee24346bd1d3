import Proxy
import Support
import Testing
import Wire

private let one = IPAddress.v4(0x0a00_0001)
private let two = IPAddress.v4(0x0a00_0002)
private let three = IPAddress.v4(0x0a00_0003)

private func reference(_ server: Int) -> ServerReference { ServerReference(backend: 0, server: server) }

private func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

private func slots(_ count: Int) throws -> [ResolvedServer] {
    let service = try name("_mysql._tcp.db")
    return (0..<count).map {
        ResolvedServer(reference: reference($0), hostName: service, isTemplateSlot: true, address: nil, location: "a.cfg:7")
    }
}

private func record(_ target: String, priority: UInt16 = 10, weight: UInt16 = 0, port: UInt16 = 3306) throws -> DNSService {
    DNSService(priority: priority, weight: weight, port: port, target: try name(target))
}

private func hosts() throws -> [DNSName: [IPAddress]] { [try name("db1"): [one], try name("db2"): [two], try name("db3"): [three]] }

@Suite("A service's servers")
struct ResolverServiceTests {
    @Test("have a record's address, port, weight and priority each", arguments: [false, true])
    func records(givesAddresses: Bool) throws {
        let zone = ServiceZone(
            services: [try record("db1", weight: 30), try record("db2", priority: 20, weight: 0, port: 3307)], hosts: try hosts(),
            givesAddresses: givesAddresses)
        var world = ResolverWorld([.serves(zone)], servers: try slots(3))
        world.run(.seconds(1))
        #expect(world.places == [reference(0): ResolvedAddress(one, port: 3306), reference(1): ResolvedAddress(two, port: 3307)])
        #expect(world.priorities == [reference(0): 10, reference(1): 20])
        #expect(world.weights == [reference(0): 30])
        // Addresses in the additional section are not queried before they expire.
        #expect(world.typesAsked == (givesAddresses ? [33: 1] : [33: 1, 1: 2, 28: 2]))
        #expect(world.alarms.isEmpty)
    }

    @Test("are added and removed with the records, and move with their hosts")
    func changes() throws {
        var zone = ServiceZone(services: [try record("db1"), try record("db2")], hosts: try hosts())
        var world = ResolverWorld([.serves(zone)], servers: try slots(3))
        world.run(.seconds(1))
        zone.services = [try record("db2"), try record("db3", port: 3309)]
        world.behaviours = [.serves(zone)]
        world.run(.seconds(12))
        #expect(Set(world.places.values) == [ResolvedAddress(two, port: 3306), ResolvedAddress(three, port: 3309)])
        zone.hosts[try name("db2")] = [one]
        world.behaviours = [.serves(zone)]
        world.run(.seconds(12))
        #expect(Set(world.places.values) == [ResolvedAddress(one, port: 3306), ResolvedAddress(three, port: 3309)])
        // Hosts without a record are no longer queried: two names and two types every ten seconds, and the service.
        let before = world.questionTimes.count
        world.run(.seconds(100))
        #expect((45...55).contains(world.questionTimes.count - before))
    }

    @Test(
        "keep their addresses while the queries for the service or its hosts fail",
        arguments: [.silent, .code(2), .code(3), .code(5), .answers([])] as [NameserverBehaviour])
    func ill(behaviour: NameserverBehaviour) throws {
        let zone = ServiceZone(services: [try record("db1"), try record("db2")], hosts: try hosts())
        var world = ResolverWorld([.serves(zone)], servers: try slots(3))
        world.run(.seconds(1))
        let before = world.places
        world.behaviours = [behaviour]
        world.run(.seconds(300))
        #expect(world.places == before && before.count == 2)
        #expect(world.alarms.count == 3, "\(world.alarms)")
    }

    @Test("keep their addresses while the hosts of a new answer have none")
    func unknownHosts() throws {
        var zone = ServiceZone(services: [try record("db1")], hosts: try hosts())
        var world = ResolverWorld([.serves(zone)], servers: try slots(2))
        world.run(.seconds(1))
        zone.services = [try record("db9")]
        world.behaviours = [.serves(zone)]
        world.run(.seconds(60))
        #expect(world.places == [reference(0): ResolvedAddress(one, port: 3306)])
        zone.hosts[try name("db9")] = [three]
        world.behaviours = [.serves(zone)]
        world.run(.seconds(12))
        #expect(world.places.values.map(\.self) == [ResolvedAddress(three, port: 3306)])
    }

    @Test("have the lowest priorities when there are too few servers, with an alarm for each new number of records")
    func excess() throws {
        var zone = ServiceZone(
            services: [try record("db1", priority: 30), try record("db2", priority: 10), try record("db3", priority: 20)], hosts: try hosts())
        var world = ResolverWorld([.serves(zone)], servers: try slots(2))
        world.run(.seconds(60))
        #expect(Set(world.addresses.values) == [two, three])
        #expect(world.alarms == ["'_mysql._tcp.db' has 3 addresses for the 2 servers of a.cfg:7; raise the number there to 3 or more"])
        zone.services.append(try record("db1", port: 3307))
        world.behaviours = [.serves(zone)]
        world.run(.seconds(60))
        #expect(world.alarms.count == 2 && world.alarms.last?.contains("has 4 addresses") == true)
        zone.services = [try record("db1")]
        world.behaviours = [.serves(zone)]
        world.run(.seconds(60))
        #expect(world.alarms.count == 3 && world.alarms.last == "the 2 servers of a.cfg:7 are enough again for '_mysql._tcp.db'")
    }

    @Test("have weights in proportion to the records, from 1 to 256")
    func weights() throws {
        let zone = ServiceZone(
            services: [try record("db1", weight: 60000), try record("db2", weight: 30000), try record("db3", weight: 0)], hosts: try hosts())
        var world = ResolverWorld([.serves(zone)], servers: try slots(3))
        world.run(.seconds(1))
        #expect(world.weights == [reference(0): 256, reference(1): 128, reference(2): 1])
    }

    @Test("report a priority that differs from the priority before the start")
    func knownPriorities() throws {
        let location = ConfigurationLocation(file: "a.cfg", line: 7)
        var server = Server(name: "read", identifier: 1, endpoint: .name("_mysql._tcp.db", port: 0), port: .fixed(0), location: location)
        server.resolvers = "r"
        var backend = Backend(name: "b", identifier: 1)
        backend.servers = [server, server]
        let registry = ServerRegistry(backends: [backend], now: Instant(nanoseconds: 0)) { _ in
            nil
        } memory: { reference in
            var memory = ServerMemory(
                hostName: "_mysql._tcp.db", address: nil, flags: .resolutionMaintenance, weight: 1, initialWeight: 1, isRunning: false, health: 0,
                lastCheck: nil, sinceChange: .zero)
            memory.priority = 10 * (reference.server + 1)
            return memory
        }
        let known = ResolvedServer(reference: reference(0), server: server, status: registry.status(of: reference(0)))
        let other = ResolvedServer(reference: reference(1), server: server, status: registry.status(of: reference(1)))
        let zone = ServiceZone(services: [try record("db1"), try record("db2")], hosts: try hosts())
        var world = ResolverWorld([.serves(zone)], servers: [try #require(known), try #require(other)])
        world.run(.seconds(1))
        #expect(world.places.count == 2 && world.priorities == [reference(1): 10])
    }

    @Test("are resolved with the largest number of records and hosts")
    func many() throws {
        var zone = ServiceZone(services: [], hosts: [:], timeToLive: 1)
        for number in 0..<UInt16(DNSAnswer.recordsKeptMax) {
            let host = "a-host-of-the-service-with-a-long-name-\(number)"
            zone.services.append(try record(host, priority: number % 3, weight: number))
            zone.hosts[try name(host)] = [.v4(0x0a01_0000 + UInt32(number))]
        }
        var world = ResolverWorld([.serves(zone)], servers: try slots(4))
        world.run(.milliseconds(800))
        #expect(world.places.count == 4 && Set(world.priorities.values) == [0])
        #expect(world.typesAsked[1] == DNSAnswer.recordsKeptMax && world.typesAsked[28] == DNSAnswer.recordsKeptMax, "\(world.typesAsked)")
    }

    @Test("are queried at once after a failed connect, both the service and the host")
    func resolveSoon() throws {
        var zone = ServiceZone(services: [try record("db1")], hosts: try hosts(), timeToLive: 3600)
        var world = ResolverWorld([.serves(zone)], servers: try slots(1)) { $0.holdValid = .seconds(3600) }
        world.run(.seconds(5))
        zone.hosts[try name("db1")] = [two]
        world.behaviours = [.serves(zone)]
        world.with { $0.resolveSoon(reference(0), now: $1) }
        world.run(.milliseconds(100))
        #expect(world.addresses[reference(0)] == two)
    }
}

@Suite("Remembered addresses")
struct RememberedAddressTests {
    private let entries = [KnownName.Entry(ResolvedAddress(one)), KnownName.Entry(ResolvedAddress(two))]

    private func hostSlots() throws -> [ResolvedServer] {
        let host = try name("db")
        return (0..<3).map { ResolvedServer(reference: reference($0), hostName: host, isTemplateSlot: true, address: nil) }
    }

    @Test("are tried when no nameserver answers within a second, and used when they work", arguments: [.silent, .code(2), .code(3)] as [NameserverBehaviour])
    func used(behaviour: NameserverBehaviour) throws {
        var world = ResolverWorld([behaviour], servers: try hostSlots(), remembered: [try name("db"): entries])
        world.verdict = { $0 == two }
        world.run(.milliseconds(1100))
        #expect(world.events.prefix(3) == ["0/0 ? 10.0.0.1", "0/1 ? 10.0.0.2", "0/1 = 10.0.0.2 by remembered addresses"])
        #expect(world.addresses == [reference(1): two])
        #expect(world.alarms.contains { $0.hasPrefix("'db' gets no answer") })
        #expect(world.resolver.knownNames.isEmpty)
        // An address that failed its trial is tried again.
        world.verdict = { _ in true }
        world.run(.seconds(10))
        #expect(Set(world.addresses.values) == [one, two])
        // After the first good answer, only that answer counts.
        world.behaviours = [.answers([three])]
        world.run(.seconds(10))
        #expect(world.addresses.values.map(\.self) == [three])
        #expect(world.resolver.knownNames.map(\.entries) == [[KnownName.Entry(ResolvedAddress(three))]])
    }

    @Test("are unused when a nameserver answers in time, or denies the name and 'hold nx' is set")
    func unused() throws {
        var good = ResolverWorld([.answers([three])], servers: try hostSlots(), remembered: [try name("db"): entries])
        good.run(.seconds(10))
        #expect(good.events == ["0/0 = 10.0.0.3 by r/n1"])
        var denied = ResolverWorld([.code(3)], servers: try hostSlots(), remembered: [try name("db"): entries]) { $0.holdNX = .seconds(5) }
        denied.run(.seconds(60))
        #expect(denied.events.isEmpty)
    }

    @Test("also serve services, with port, weight and priority")
    func services() throws {
        let share = ServiceShare(priority: 20, weight: 7)
        let entries = [KnownName.Entry(ResolvedAddress(one, port: 3307), share: share)]
        var world = ResolverWorld([.silent], servers: try slots(2), remembered: [try name("_mysql._tcp.db"): entries])
        world.run(.seconds(2))
        #expect(world.places == [reference(0): ResolvedAddress(one, port: 3307)])
        #expect(world.weights == [reference(0): 7] && world.priorities == [reference(0): 20])
        let zone = ServiceZone(services: [try record("db1", weight: 3)], hosts: try hosts())
        world.behaviours = [.serves(zone)]
        world.run(.seconds(20))
        #expect(world.places.values.map(\.self) == [ResolvedAddress(one, port: 3306)])
        #expect(world.resolver.knownNames.map(\.name.description) == ["_mysql._tcp.db"])
    }
}
