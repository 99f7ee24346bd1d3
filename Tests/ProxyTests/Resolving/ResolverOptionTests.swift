import Support
import Testing
import Wire

@testable import Proxy

private let near = IPAddress.v4(0x7f3f_0101)
private let far = IPAddress.v4(0x7f3f_0201)
private let farther = IPAddress.v4(0x7f3f_0202)
private let six = IPAddress.v6(high: 0xfd00_0000_0000_0000, low: 1)

private func reference(_ server: Int) -> ServerReference { ServerReference(backend: 0, server: server) }

/// The network of `far` and `farther`.
private func network() throws -> IPNetwork { try #require(IPNetwork("127.63.2.0/24")) }

private func options(_ sharing: ResolveOptions.Sharing, ignoresWeight: Bool = false) -> ResolveOptions {
    var options = ResolveOptions()
    (options.sharing, options.ignoresWeight) = (sharing, ignoresWeight)
    return options
}

private func servers(
    _ count: Int, of name: String = "db", networks: [IPNetwork] = [], _ sharing: ResolveOptions.Sharing = .whenNecessary, ignoresWeight: Bool = false,
    isTemplate: Bool = false
) throws -> [ResolvedServer] {
    let name = try #require(DNSName(name))
    return (0..<count).map {
        ResolvedServer(
            reference: reference($0), hostName: name, preference: AddressPreference(networks: networks),
            options: options(sharing, ignoresWeight: ignoresWeight), isTemplateSlot: isTemplate, address: nil)
    }
}

@Suite("'resolve-net'")
struct ResolveNetTests {
    @Test("prefers addresses of its networks, and uses others when there are not enough, as haproxy 2.6 does")
    func prefers() throws {
        var plain = ResolverWorld([.answers([near, far, farther])], servers: try servers(3, networks: [try network()]))
        plain.run(.seconds(1))
        #expect((0..<3).map { plain.addresses[reference($0)] } == [far, farther, near])
        var template = ResolverWorld([.answers([near, far, farther])], servers: try servers(2, networks: [try network()], isTemplate: true))
        template.run(.seconds(1))
        #expect((0..<2).map { template.addresses[reference($0)] } == [far, farther])
        #expect(template.alarms.count == 1, "three addresses for two servers: \(template.alarms)")
    }

    @Test("moves a server once an address of its network appears, and back when that is gone", arguments: [false, true])
    func moves(isTemplate: Bool) throws {
        var world = ResolverWorld([.answers([near])], servers: try servers(1, networks: [try network()], isTemplate: isTemplate))
        world.run(.seconds(1))
        #expect(world.addresses[reference(0)] == near)
        world.behaviours = [.answers([near, far])]
        world.run(.seconds(12))
        #expect(world.addresses[reference(0)] == far)
        world.behaviours = [.answers([near])]
        world.run(.seconds(12))
        #expect(world.addresses[reference(0)] == near)
    }

    @Test("does not choose the family")
    func family() throws {
        let networks = try [#require(IPNetwork("fd00::/8"))]
        var world = ResolverWorld([.answers([near, six])], servers: try servers(1, networks: networks))
        world.run(.seconds(1))
        #expect(world.addresses[reference(0)] == near)
    }

    @Test("orders the addresses of a service's hosts")
    func service() throws {
        let zone = ServiceZone(
            services: [DNSService(priority: 1, weight: 5, port: 3306, target: try #require(DNSName("db1")))],
            hosts: [try #require(DNSName("db1")): [near, far]])
        var world = ResolverWorld([.serves(zone)], servers: try servers(1, of: "_mysql._tcp.db", networks: [try network()], isTemplate: true))
        world.run(.seconds(1))
        #expect(world.places[reference(0)] == ResolvedAddress(far, port: 3306))
    }
}

@Suite("'resolve-opts'")
struct ResolveOptionTests {
    @Test("lets servers of one name share an address or not: 'prevent-dup-ip' is what haproxy 2.6 does by default")
    func plainServers() throws {
        for (sharing, expected) in [(.whenNecessary, near), (.allowed, near), (.prevented, nil)] as [(ResolveOptions.Sharing, IPAddress?)] {
            var world = ResolverWorld([.answers([near])], servers: try servers(2, sharing))
            world.run(.seconds(1))
            #expect(world.addresses[reference(0)] == near && world.addresses[reference(1)] == expected, "\(sharing)")
        }
    }

    @Test("takes the address away from the second of two servers that had it at the start, even while its checks pass")
    func duplicateAtStart() throws {
        let name = try #require(DNSName("db"))
        let both = (0..<2).map {
            ResolvedServer(
                reference: reference($0), hostName: name, options: options(.prevented), address: ResolvedAddress(near))
        }
        var world = ResolverWorld([.answers([near])], servers: both)
        world.with { resolver, now in for server in 0..<2 { resolver.checksChanged(reference(server), isPassing: true, now: now) } }
        world.run(.seconds(2))
        #expect(world.addresses[reference(0)] == near && world.addresses[reference(1)] == nil)
        #expect(world.events == ["0/1 lost: No IP for server "])
        world.behaviours = [.answers([near, far])]
        world.run(.seconds(12))
        #expect(world.addresses[reference(0)] == near && world.addresses[reference(1)] == far)
    }

    @Test("lets the slots of a template share addresses with 'allow-dup-ip', and gives them new ones of their own as they appear")
    func template() throws {
        var world = ResolverWorld([.answers([near, far])], servers: try servers(4, .allowed, isTemplate: true))
        world.run(.seconds(1))
        #expect((0..<4).map { world.addresses[reference($0)] } == [near, far, near, far])
        _ = world.takeEvents()
        world.run(.seconds(60))
        #expect(world.takeEvents() == [])
        world.behaviours = [.answers([near, far, farther])]
        world.run(.seconds(12))
        #expect(Set((0..<4).compactMap { world.addresses[reference($0)] }) == [near, far, farther])
        world.behaviours = [.answers([far])]
        world.run(.seconds(12))
        #expect((0..<4).allSatisfy { world.addresses[reference($0)] == far })
    }

    @Test("prefers a shared address of a preferred network to another one with 'allow-dup-ip', as haproxy 2.6 does")
    func sharedNetwork() throws {
        var world = ResolverWorld([.answers([near, far])], servers: try servers(2, networks: [try network()], .allowed))
        world.run(.seconds(1))
        #expect((0..<2).map { world.addresses[reference($0)] } == [far, far])
    }

    @Test("ignores the weights of service records with 'ignore-weight', but not their priorities", arguments: [false, true])
    func weights(ignoresWeight: Bool) throws {
        let zone = ServiceZone(
            services: [DNSService(priority: 7, weight: 30, port: 3306, target: try #require(DNSName("db1")))],
            hosts: [try #require(DNSName("db1")): [near]])
        var world = ResolverWorld([.serves(zone)], servers: try servers(1, of: "_mysql._tcp.db", ignoresWeight: ignoresWeight, isTemplate: true))
        world.run(.seconds(1))
        #expect(world.weights == (ignoresWeight ? [:] : [reference(0): 30]))
        #expect(world.priorities == [reference(0): 7])
    }
}

@Suite("A nameserver over TCP")
struct StreamNameserverTests {
    @Test("is never asked over UDP; the others are")
    func transports() throws {
        var world = ResolverWorld([.answers([near]), .silent], servers: try servers(1)) { $0.nameservers[0].transport = .tcp }
        world.run(.milliseconds(500))
        #expect(world.addresses[reference(0)] == near)
        #expect(Set(world.transports) == [.tcp, .udp] && world.transports.count(where: { $0 == .tcp }) == 2)
    }

    @Test("that does not answer has one open question per type at a time, and the round ends")
    func silent() throws {
        var world = ResolverWorld([.silent], servers: try servers(1)) {
            $0.nameservers[0].transport = .tcp
            $0.retriesMax = 2
        }
        world.run(.milliseconds(2_900))
        #expect(world.transports == [.tcp, .tcp] && world.openQuestions.count == 2)
        world.run(.milliseconds(200))
        #expect(world.resolver.counters[0].timeouts == 6 && world.openQuestions.isEmpty)
    }

    @Test("that refuses connections is asked again at each attempt")
    func unreachable() throws {
        var world = ResolverWorld([.unreachable], servers: try servers(1)) {
            $0.nameservers[0].transport = .tcp
            $0.retriesMax = 2
        }
        world.run(.milliseconds(2_900))
        #expect(world.transports == Array(repeating: .tcp, count: 6))
        #expect(world.resolver.counters[0].sendErrors == 6 && world.openQuestions.isEmpty)
    }
}
