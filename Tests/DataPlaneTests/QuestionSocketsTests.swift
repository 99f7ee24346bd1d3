import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import Proxy

/// Question sockets toward a socket from which the test answers.
private final class SocketProbe {
    let reactor: Reactor
    let peer: OpenFile
    let address: SocketAddress
    var messages: [[UInt8]] = []
    var failures: [UInt64] = []
    private(set) var sockets: QuestionSockets?

    init(_ kind: SocketKind) throws {
        reactor = try Reactor()
        peer = OpenFile(try Sockets.open(kind, for: .ip(.v4(0x7f00_0001), port: 0)))
        try Sockets.bind(peer.raw, to: .ip(.v4(0x7f00_0001), port: 0))
        address = try #require(Sockets.localAddress(peer.raw))
        if kind == .stream { try Sockets.listen(peer.raw, backlog: 8) }
        sockets = QuestionSockets(reactor: reactor) { [unowned self] number, event in
            switch event {
            case .message(let message): messages.append(message)
            case .failed: failures.append(number)
            }
        }
    }

    func ask(_ number: UInt64, _ transport: QuestionTransport) throws {
        try sockets?.ask(NameserverQuestion(number: number, nameserver: 0, transport: transport, bytes: [1, 2, 3]), of: address)
    }

    /// Runs the reactor until `body` returns a value.
    func wait<Value>(for body: () throws -> Value?) throws -> Value {
        var value: Value?
        _ = try reactor.run {
            value = try body()
            return value != nil
        }
        return try #require(value)
    }

    /// Reads one question from the UDP peer and returns its source.
    func receiveQuestion() throws -> SocketAddress {
        try wait {
            var buffer = [UInt8](repeating: 0, count: 512)
            var source = RawSocketAddress()
            let count = source.withMutablePointer { recvfrom(peer.raw, &buffer, buffer.count, 0, $0, $1) }
            guard count == 3 else { return nil }
            return source.address
        }
    }

    func send(_ bytes: [UInt8], from raw: Int32, to address: SocketAddress) -> Int {
        RawSocketAddress(address).withPointer { sendto(raw, bytes, bytes.count, 0, $0, $1) }
    }
}

@Suite("A question's socket")
struct QuestionSocketsTests {
    @Test("takes an answer that has arrived before a deadline is judged, even if the loop has not handled it yet")
    func waiting() throws {
        let probe = try SocketProbe(.datagram)
        for number in 1...2 as ClosedRange<UInt64> { try probe.ask(number, .udp) }
        let source = try probe.receiveQuestion()
        #expect(probe.send([7], from: probe.peer.raw, to: source) == 1)
        probe.sockets?.readWaiting()
        #expect(probe.messages == [[7]] && probe.failures.isEmpty)
    }

    @Test("uses a separate port for each question, and accepts answers of its nameserver only")
    func datagrams() throws {
        let probe = try SocketProbe(.datagram)
        try probe.ask(1, .udp)
        try probe.ask(2, .udp)
        let (first, second) = (try probe.receiveQuestion(), try probe.receiveQuestion())
        #expect(first != second)
        let stranger = try Sockets.open(.datagram, for: probe.address)
        _ = probe.send([9], from: stranger.raw, to: first)
        _ = probe.send([7], from: probe.peer.raw, to: first)
        _ = probe.send([8], from: probe.peer.raw, to: first)
        _ = try probe.wait { probe.messages.count >= 2 ? true : nil }
        #expect(probe.messages == [[7], [8]])
        probe.sockets?.forget(1)
        #expect(probe.sockets?.count == 1)
    }

    @Test("reports that no process listens")
    func unreachable() throws {
        let probe = try SocketProbe(.datagram)
        let closed = try HeldPort(.datagram)
        try probe.sockets?.ask(NameserverQuestion(number: 5, nameserver: 0, transport: .udp, bytes: [1]), of: closed.address)
        _ = try probe.wait { probe.failures.isEmpty ? nil : true }
        #expect(probe.failures == [5] && probe.sockets?.count == 0)
    }

    @Test("reads a TCP answer that arrives in small pieces")
    func dribble() throws {
        let probe = try SocketProbe(.stream)
        try probe.ask(1, .tcp)
        let connection = OpenFile(try Self.accepted(probe))
        let question = try probe.wait { try Sockets.receive(connection.raw, upTo: 100) }
        #expect(question == [0, 3, 1, 2, 3])
        for byte in [0, 2, 6, 7] as [UInt8] {
            #expect(try Sockets.send(connection.raw, [byte]) == 1)
            probe.reactor.runOnce(waitingAtMost: .milliseconds(1))
        }
        _ = try probe.wait { probe.failures.isEmpty ? nil : true }
        #expect(probe.messages == [[6, 7]], "one answer ends the connection")
    }

    @Test("reports a TCP connection that is refused or ends within the answer", arguments: [[], [0], [0, 5, 1]] as [[UInt8]])
    func endsEarly(part: [UInt8]) throws {
        let probe = try SocketProbe(.stream)
        try probe.ask(3, .tcp)
        try Self.answerAndClose(probe, part)
        _ = try probe.wait { probe.failures.isEmpty ? nil : true }
        #expect(probe.messages.isEmpty && probe.sockets?.count == 0)
    }

    private static func accepted(_ probe: SocketProbe) throws -> FileDescriptor {
        let raw = try probe.wait { try Sockets.accept(probe.peer.raw)?.release() }
        return FileDescriptor(owning: raw)
    }

    private static func answerAndClose(_ probe: SocketProbe, _ part: [UInt8]) throws {
        let connection = try accepted(probe)
        _ = try probe.wait { try Sockets.receive(connection.raw, upTo: 100) }
        _ = try Sockets.send(connection.raw, part[...])
    }
}
