import LinuxIO
import Proxy
import Support
import Testing
import Wire

/// A runner on a reactor, with its outputs.
private final class RunnerProbe {
    let reactor: Reactor
    var addresses: [Int: IPAddress] = [:]
    var events: [String] = []
    var alarms: [String] = []
    var proposals: [(IPAddress, (Bool) -> Void)] = []
    private(set) var runner: ResolverRunner?

    init(_ nameserver: SocketAddress, over transport: QuestionTransport = .udp, servers: [ResolvedServer]) throws {
        reactor = try Reactor()
        var settings = ResolverSettings(name: "r")
        settings.nameservers = [.init(name: "n", address: nameserver, transport: transport)]
        settings.retryTimeout = .milliseconds(100)
        settings.resolveInterval = .milliseconds(100)
        let handlers = ResolverRunner.Handlers(
            address: { [unowned self] server, address, source in
                addresses[server.server] = address.host
                events.append("\(server.server) = \(address) by \(source)")
            },
            lost: { [unowned self] server, loss in
                addresses[server.server] = nil
                events.append("\(server.server) lost: \(loss.description)")
            }, check: { [unowned self] _, address, answer in proposals.append((address.host, answer)) },
            log: { [unowned self] level, sentence, _ in if level == .warning { alarms.append(sentence) } })
        runner = ResolverRunner(settings: settings, servers: servers, reactor: reactor, random: SplitMix64(seed: 1), handlers: handlers)
        runner?.start()
    }

    deinit { runner?.stop() }

    /// Runs the reactor until `condition` holds. Returns whether it does.
    func run(until condition: () -> Bool) -> Bool { reactor.run(until: condition) }
}

private func server(_ index: Int, isTemplateSlot: Bool = false) throws -> ResolvedServer {
    let reference = ServerReference(backend: 0, server: index)
    let name = try #require(DNSName("db.test"))
    return ResolvedServer(reference: reference, hostName: name, isTemplateSlot: isTemplateSlot, address: nil)
}

@Suite("A resolver with a real nameserver", .serialized, .enabled(if: Dnsmasq.isExpected, "dnsmasq is not installed"))
struct ResolverRunnerTests {
    private let nameserver: Dnsmasq

    init() throws { nameserver = try Dnsmasq() }

    @Test("finds addresses, and follows a record that changes")
    func moves() throws {
        try nameserver.start(["db.test,10.0.0.1"])
        let probe = try RunnerProbe(nameserver.address, servers: [try server(0)])
        #expect(probe.run { probe.addresses[0] == .v4(0x0a00_0001) })
        #expect(probe.events == ["0 = 10.0.0.1 by r/n"])
        try nameserver.start(["db.test,10.0.0.2"])
        #expect(probe.run { probe.addresses[0] == .v4(0x0a00_0002) })
        let counters = try #require(probe.runner?.counters.first)
        #expect(counters.valid >= 2 && counters.updates == 2 && counters.empty >= 1 && counters.invalid == 0)
    }

    @Test("asks for a trial of the new address while the checks of the old one pass")
    func trial() throws {
        try nameserver.start(["db.test,10.0.0.1"])
        let probe = try RunnerProbe(nameserver.address, servers: [try server(0)])
        #expect(probe.run { probe.addresses[0] != nil })
        probe.runner?.checksChanged(ServerReference(backend: 0, server: 0), isPassing: true)
        try nameserver.start(["db.test,10.0.0.2"])
        #expect(probe.run { !probe.proposals.isEmpty })
        #expect(probe.addresses[0] == .v4(0x0a00_0001))
        let (address, answer) = try #require(probe.proposals.first)
        #expect(address == .v4(0x0a00_0002))
        answer(true)
        #expect(probe.addresses[0] == .v4(0x0a00_0002))
    }

    @Test("keeps its addresses while the nameserver hangs, is gone, or denies the name, and raises an alarm")
    func ill() throws {
        try nameserver.start(["db.test,10.0.0.1"])
        let probe = try RunnerProbe(nameserver.address, servers: [try server(0)])
        #expect(probe.run { probe.addresses[0] != nil })
        nameserver.pause()
        #expect(probe.run { probe.alarms.count == 1 })
        nameserver.resume()
        nameserver.stop()
        #expect(probe.run { (probe.runner?.counters.first?.sendErrors ?? 0) > 4 })
        try nameserver.start(["other.test,10.0.0.1"])
        #expect(probe.run { probe.alarms.last?.hasPrefix("'") == true && probe.alarms.last?.contains("does not exist according to n") == true })
        #expect(probe.events.count == 1, "\(probe.events)")
        try nameserver.start(["db.test,10.0.0.3"])
        #expect(probe.run { probe.addresses[0] == .v4(0x0a00_0003) })
    }

    @Test("asks a nameserver over TCP only, and follows a record that changes")
    func overTCP() throws {
        try nameserver.start(["db.test,10.0.0.1"])
        let probe = try RunnerProbe(nameserver.address, over: .tcp, servers: [try server(0)])
        #expect(probe.run { probe.addresses[0] == .v4(0x0a00_0001) })
        try nameserver.start(["db.test,10.0.0.2"])
        #expect(probe.run { probe.addresses[0] == .v4(0x0a00_0002) })
        #expect(probe.runner?.counters.first?.truncated == 0)
    }

    @Test("gets an answer that is too long for UDP over TCP")
    func truncation() throws {
        try nameserver.start((1...60).map { "db.test,10.0.1.\($0)" })
        let probe = try RunnerProbe(nameserver.address, servers: try (0..<60).map { try server($0, isTemplateSlot: true) })
        #expect(probe.run { probe.addresses.count == 60 })
        #expect((probe.runner?.counters.first?.truncated ?? 0) > 0)
        #expect(Set(probe.addresses.values).count == 60)
        try nameserver.start(["db.test,10.0.1.7"])
        #expect(probe.run { probe.addresses.count == 1 })
        #expect(probe.events.last?.hasSuffix("lost: No IP for server ") == true)
    }
}
