import Proxy
import Support
import Testing
import Wire

private let one = IPAddress.v4(0x0a00_0001)
private let two = IPAddress.v4(0x0a00_0002)
private let three = IPAddress.v4(0x0a00_0003)

private func reference(_ server: Int) -> ServerReference { ServerReference(backend: 0, server: server) }

@Suite("Servers that a database's list of replicas fills")
struct ResolverListTests {
    private let name: DNSName

    init() throws { name = try #require(DNSName("replicas.mysql")) }

    private func world(_ count: Int = 3, remembered: [DNSName: [KnownName.Entry]] = [:]) -> ResolverWorld {
        let servers = (0..<count).map {
            ResolvedServer(reference: reference($0), hostName: name, isTemplateSlot: true, address: nil, location: "a.cfg:7")
        }
        return ResolverWorld([], servers: servers, remembered: remembered) { $0 = ResolverSettings(discovery: "w", hold: .seconds(90)) }
    }

    /// Delivers one list a second, for `seconds`.
    private func list(_ world: inout ResolverWorld, _ hosts: [IPAddress], flaw: Bool = false, seconds: Int = 1) {
        for _ in 0..<seconds {
            let lines = hosts.map { "\($0):51234" } + (flaw ? ["a.name:51234"] : [])
            world.with { $0.applyList(ReplicaList(lines), by: "w/db1", now: $1) }
            world.run(.seconds(1))
        }
    }

    private func pass(_ world: inout ResolverWorld, _ server: Int, _ isPassing: Bool) {
        world.with { $0.checksChanged(reference(server), isPassing: isPassing, now: $1) }
    }

    @Test("take no address that has not passed a trial, not even the first one")
    func trial() {
        var world = world()
        world.verdict = { $0 != two }
        list(&world, [two, one])
        #expect(world.takeEvents() == ["0/0 ? 10.0.0.1", "0/1 ? 10.0.0.2", "0/0 = 10.0.0.1 by w/db1"])
        // An address that fails its trial is tried again every ten seconds, though a list arrives every second.
        list(&world, [two, one], seconds: 20)
        #expect(world.takeEvents() == ["0/1 ? 10.0.0.2", "0/1 ? 10.0.0.2"])
        world.verdict = { _ in true }
        list(&world, [two, one], seconds: 10)
        #expect(world.addresses == [reference(0): one, reference(1): two])
    }

    @Test("take hosts of both families")
    func families() {
        var world = world()
        list(&world, [.v6(high: 0x2001_0db8_0000_0000, low: 1), one])
        #expect(world.addresses.count == 2)
    }

    @Test("keep a listed address although its checks fail, and lose an unlisted one as soon as they fail")
    func failing() {
        var world = world()
        list(&world, [one, two])
        pass(&world, 1, false)
        list(&world, [one, two], seconds: 100)
        #expect(world.addresses.count == 2)
        _ = world.takeEvents()
        list(&world, [one])
        #expect(world.takeEvents() == ["0/1 lost: not listed by the writer"])
        list(&world, [one, two])
        #expect(world.addresses[reference(1)] == two)
    }

    @Test("keep a passing address for the hold time, counted from the first list that lacks it")
    func hold() {
        var world = world()
        list(&world, [one, two])
        // The primary was away for an hour, and its replicas return one by one.
        world.run(.seconds(3_600))
        list(&world, [one], seconds: 85)
        list(&world, [one, two])
        list(&world, [one], seconds: 85)
        #expect(world.addresses == [reference(0): one, reference(1): two])
        list(&world, [one], seconds: 10)
        #expect(world.addresses == [reference(0): one])
    }

    @Test("keep everything when a list is empty, and lose nothing when it has a flaw")
    func incomplete() {
        var world = world()
        list(&world, [one, two])
        _ = world.takeEvents()
        list(&world, [], seconds: 200)
        pass(&world, 1, false)
        list(&world, [], flaw: true, seconds: 200)
        list(&world, [three], flaw: true, seconds: 200)
        #expect(world.addresses == [reference(0): one, reference(1): two, reference(2): three])
        #expect(!world.takeEvents().contains { $0.contains("lost") })
    }

    @Test("that fail and are not listed make room for a listed address, but not before its trial")
    func replaced() {
        var world = world(1)
        list(&world, [one])
        world.verdict = nil
        list(&world, [two], seconds: 100)
        // A passing server keeps its address until the new one has passed its trial.
        #expect(world.addresses == [reference(0): one])
        pass(&world, 0, false)
        #expect(world.addresses == [reference(0): one])
        list(&world, [two])
        #expect(world.addresses.isEmpty)
        world.with { resolver, _ in resolver.accept(reference(0), ResolvedAddress(two)) }
        #expect(world.addresses == [reference(0): two])
    }

    @Test("that are too few cause a message with their line")
    func excess() {
        var world = world(1)
        list(&world, [one, two], seconds: 3)
        #expect(world.alarms == ["'replicas.mysql' has 2 addresses for the 1 servers of a.cfg:7; raise the number there to 2 or more"])
    }

    @Test("use remembered addresses after a trial when no list arrives, and remember lists")
    func memory() {
        var remembering = world(remembered: [name: [KnownName.Entry(ResolvedAddress(one)), KnownName.Entry(ResolvedAddress(two))]])
        remembering.verdict = { $0 == one }
        remembering.run(.seconds(2))
        #expect(remembering.addresses.isEmpty)
        remembering.run(.seconds(2))
        #expect(remembering.takeEvents().contains("0/0 = 10.0.0.1 by remembered addresses") && remembering.addresses.count == 1)
        // The first list does not remove a serving address.
        remembering.verdict = { _ in true }
        list(&remembering, [three])
        #expect(remembering.addresses.values.contains(one) && remembering.addresses.values.contains(three))
        #expect(remembering.resolver.knownNames.first?.entries.map(\.address.host) == [three])
    }

    @Test("ignore lists after the end")
    func end() {
        var world = world()
        world.with { resolver, _ in resolver.stop() }
        list(&world, [one])
        #expect(world.takeEvents().isEmpty && world.resolver.nextDeadline == nil)
    }
}
