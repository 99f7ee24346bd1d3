// The tests' load balancer with real sockets: two targets, a client and the balancer in one loop on loopback.

import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import LoadBalancer

/// A target that answers each connection's first bytes with its own name, and probes as configured.
private final class StubTarget {
    let name: String
    let address: SocketAddress
    private let reactor: Reactor
    private let port: HeldPort
    private var listener: OpenFile?
    private(set) var connections: [OpenFile] = []
    /// The first bytes of each connection.
    private(set) var received: [[UInt8]] = []

    init(_ name: String, on reactor: Reactor) throws {
        (self.name, self.reactor) = (name, reactor)
        port = try HeldPort()
        address = port.address
        let file = OpenFile(try Sockets.open(.stream, for: address))
        try Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: file.raw)
        // `shutdown` keeps a port that was bound by its number.
        try Sockets.bind(file.raw, to: address)
        try listen(on: file)
    }

    private func listen(on file: OpenFile) throws {
        try Sockets.listen(file.raw, backlog: 64)
        listener = file
        try reactor.watch(file.raw, for: .read) { [unowned self] _ in
            guard let accepted = try? Sockets.accept(file.raw) else { return }
            let connection = OpenFile(accepted)
            connections.append(connection)
            try? reactor.watch(connection.raw, for: .read) { [unowned self] _ in answer(connection.raw) }
        }
    }

    private func answer(_ raw: Int32) {
        guard let bytes = try? Sockets.receive(raw, upTo: 4096), !bytes.isEmpty else { return reactor.unwatch(raw) }
        received.append(bytes)
        let isProbe = String(decoding: bytes, as: UTF8.self).contains("GET /")
        _ = try? Sockets.send(raw, Array((isProbe ? "HTTP/1.1 200 OK\r\n\r\n" : name).utf8)[...])
    }

    /// Refuses new connects; open connections stay open.
    func refuse() {
        guard let listener else { return }
        reactor.unwatch(listener.raw)
        shutdown(listener.raw, Int32(SHUT_RDWR))
    }

    /// Accepts connects again.
    func acceptAgain() throws { if let listener { try listen(on: listener) } }

    func stop() {
        if let listener { reactor.unwatch(listener.raw) }
        for connection in connections { reactor.unwatch(connection.raw) }
    }
}

/// Two targets behind a balancer, and the balancer's log.
private final class Rig {
    let reactor: Reactor
    let targets: [StubTarget]
    private(set) var balancer: Balancer?
    private(set) var events: [BalancerEvent] = []

    init(_ more: [String] = []) throws {
        reactor = try Reactor()
        targets = [try StubTarget("one", on: reactor), try StubTarget("two", on: reactor)]
        let words = ["--listen", "127.0.0.1:0", "--interval", "40ms", "--timeout", "200ms"] + targets.flatMap { ["--target", "\($0.name)=\($0.address)"] }
        balancer = try Balancer(BalancerSettings(words + more), reactor: reactor) { [unowned self] in events.append($0) }
    }

    func wait(for state: String, of target: String, times: Int = 1) throws {
        let seen = reactor.run { events.count { $0.target == target && $0.state == state } >= times }
        try #require(seen, "\(target) \(state): \(events)")
    }

    /// Waits until both targets are healthy.
    func waitUntilHealthy() throws { for target in targets { try wait(for: "healthy", of: target.name) } }

    func connect() throws -> OpenFile {
        let address = try #require(balancer?.addresses.first)
        let client = OpenFile(try Sockets.open(.stream, for: address))
        _ = try Sockets.connect(client.raw, to: address)
        return client
    }

    /// Sends bytes and waits for an answer: the target's name, nil at the end of stream, "reset" after a reset.
    func ask(_ client: OpenFile) throws -> String? {
        var answer: String??
        var isSent = false
        let done = reactor.run {
            do throws(SystemError) {
                if !isSent { isSent = try Sockets.send(client.raw, Array("hello".utf8)[...]) > 0 }
                if let bytes = try Sockets.receive(client.raw, upTo: 100) { answer = bytes.isEmpty ? .some(nil) : String(decoding: bytes, as: UTF8.self) }
            } catch  where error.code == ENOTCONN {
            } catch {
                answer = "reset"
            }
            return answer != nil
        }
        try #require(done, "no answer: \(events)")
        return answer ?? nil
    }

    /// A client whose flow is at `name`.
    func client(at name: String) throws -> OpenFile {
        for _ in 0..<64 {
            let client = try connect()
            if try ask(client) == name { return client }
        }
        throw ChildProcessError(description: "64 flows, none at \(name)")
    }

    func stop() { for target in targets { target.stop() } }
}

@Suite("The tests' load balancer on loopback", .timeLimit(.minutes(1)))
struct BalancerTests {
    @Test("keeps a flow at its target, resets it when the target becomes unhealthy, and sends new flows to the other one")
    func ejection() throws {
        let rig = try Rig()
        defer { rig.stop() }
        try rig.waitUntilHealthy()
        let (first, second) = (try rig.client(at: "one"), try rig.client(at: "two"))
        #expect(try rig.ask(first) == "one" && rig.ask(second) == "two")
        rig.targets[0].refuse()
        try rig.wait(for: "unhealthy", of: "one")
        #expect(rig.events.last { $0.state == "unhealthy" }?.flowsReset ?? 0 >= 1)
        #expect(try rig.ask(first) == "reset" && rig.ask(second) == "two")
        for _ in 0..<8 { #expect(try rig.ask(rig.connect()) == "two") }
        try rig.targets[0].acceptAgain()
        try rig.wait(for: "healthy", of: "one", times: 2)
        _ = try rig.client(at: "one")
    }

    @Test("leaves the flows alone with termination off, and fails open when no target is healthy")
    func drainAndFailOpen() throws {
        let rig = try Rig(["--termination", "off", "--probe", "http:/"])
        defer { rig.stop() }
        try rig.waitUntilHealthy()
        let first = try rig.client(at: "one")
        rig.targets[0].refuse()
        try rig.wait(for: "unhealthy", of: "one")
        #expect(try rig.ask(first) == "one")
        rig.targets[1].refuse()
        try rig.wait(for: "fail-open", of: "")
        #expect(try rig.ask(first) == "one")
        #expect(try rig.ask(rig.connect()) == "reset", "either target refuses")
    }

    @Test("passes the end of a stream on, and the answer after it")
    func halfClose() throws {
        let rig = try Rig()
        defer { rig.stop() }
        try rig.waitUntilHealthy()
        let client = try rig.client(at: "two")
        shutdown(client.raw, Int32(SHUT_WR))
        let target = rig.targets[1]
        let ended = rig.reactor.run { target.connections.contains { (try? Sockets.receive($0.raw, upTo: 10))?.isEmpty == true } }
        #expect(ended)
    }

    @Test("names the client with PROXY v2, and no client with LOCAL in its probes")
    func proxyProtocol() throws {
        let rig = try Rig(["--proxy-v2", "on", "--probe", "http:/ready"])
        defer { rig.stop() }
        try rig.waitUntilHealthy()
        let client = try rig.client(at: "one")
        let source = try #require(Sockets.localAddress(client.raw))
        let destination = try #require(rig.balancer?.addresses.first)
        let header = try #require(ProxyHeader.proxy(FlowIdentity(source: source, destination: destination)))
        #expect(rig.targets[0].received.contains { $0.starts(with: header) }, "\(rig.targets[0].received)")
        #expect(rig.targets[0].received.contains { $0.starts(with: ProxyHeader.local + Array("GET /ready HTTP/1.1\r\n".utf8)) })
    }

    @Test("resets an idle flow, and no flow in use")
    func idle() throws {
        let rig = try Rig(["--idle-timeout", "400ms"])
        defer { rig.stop() }
        try rig.waitUntilHealthy()
        let (used, idle) = (try rig.client(at: "one"), try rig.client(at: "two"))
        for _ in 0..<8 {
            _ = rig.reactor.run(within: .milliseconds(100)) { false }
            #expect(try rig.ask(used) == "one")
        }
        #expect(try rig.ask(idle) == "reset")
    }
}
