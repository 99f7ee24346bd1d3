import Glibc
import LinuxIO
import Support
import Testing
import Wire

@Suite("A datagram socket")
struct DatagramSocketTests {
    private static let loopbackV4 = SocketAddress.ip(.v4(0x7f00_0001), port: 0)
    private static let loopbackV6 = SocketAddress.ip(.v6(high: 0, low: 1), port: 0)

    private struct Arrival: Equatable {
        let bytes: [UInt8]
        let source: SocketAddress
    }

    /// A pair of sockets; `nil` where this machine lacks the family.
    private func pair(_ address: SocketAddress) throws -> (DatagramSocket, DatagramSocket)? {
        let isHere = (try? DatagramSocket(bind: address, receiveBuffer: 4_096)) != nil
        guard isHere || address != Self.loopbackV6 else { return nil }
        return (try DatagramSocket(bind: address, receiveBuffer: 1 << 20), try DatagramSocket(bind: address, receiveBuffer: 1 << 20))
    }

    private func arrivals(_ socket: DatagramSocket) throws -> [Arrival] {
        var arrivals: [Arrival] = []
        _ = try socket.receive { arrivals.append(Arrival(bytes: Array($0), source: $1)) }
        return arrivals
    }

    @Test("receives sent datagrams with their source, in batches, until none waits", arguments: [loopbackV4, loopbackV6])
    func batches(address: SocketAddress) throws {
        guard let (receiver, sender) = try pair(address), let to = receiver.localAddress, let from = sender.localAddress else { return }
        #expect(try arrivals(receiver).isEmpty)
        for number in 0..<UInt8(40) { #expect(sender.send(ArraySlice(repeating: number, count: Int(number)), to: to) == .sent) }
        let first = try arrivals(receiver)
        let second = try arrivals(receiver)
        #expect(first.count == DatagramSocket.batchMax)
        #expect(first + second == (0..<UInt8(40)).map { Arrival(bytes: Array(repeating: $0, count: Int($0)), source: from) })
        #expect(try arrivals(receiver).isEmpty)
        #expect(receiver.truncatedCount == 0)
    }

    @Test("truncates a datagram that exceeds the buffer, and counts it")
    func truncation() throws {
        guard let (receiver, sender) = try pair(Self.loopbackV4), let to = receiver.localAddress else { return }
        let long = (0..<3_000).map { UInt8(truncatingIfNeeded: $0) }
        #expect(sender.send(long[..<2_048], to: to) == .sent)
        #expect(sender.send(long[...], to: to) == .sent)
        #expect(sender.send(long[5..<9], to: to) == .sent)
        #expect(try arrivals(receiver).map(\.bytes) == [Array(long[..<2_048]), Array(long[..<2_048]), Array(long[5..<9])])
        #expect(receiver.truncatedCount == 1)
    }

    @Test("may send from within the handler, and keeps the state that the handler has stored")
    func handlerSends() throws {
        guard let (receiver, sender) = try pair(Self.loopbackV4), let to = receiver.localAddress else { return }
        var kept: [ArraySlice<UInt8>] = []
        for word in ["one", "two"] {
            #expect(sender.send(ArraySlice(word.utf8), to: to) == .sent)
            _ = try receiver.receive { bytes, source in
                kept.append(bytes)
                #expect(receiver.send(bytes, to: source) == .sent)
            }
        }
        #expect(kept.map { String(decoding: $0, as: UTF8.self) } == ["one", "two"])
        #expect(try arrivals(sender).map { String(decoding: $0.bytes, as: UTF8.self) } == ["one", "two"])
    }

    @Test("skips errors of earlier datagrams")
    func reportsAreSkipped() throws {
        guard let (receiver, sender) = try pair(Self.loopbackV4), let source = sender.localAddress, let to = receiver.localAddress else { return }
        let closed = try HeldPort(.datagram)
        #expect(try Sockets.connect(receiver.raw, to: closed.address) == .connected)
        #expect(receiver.send([1], to: closed.address) == .sent)
        // The kernel refuses during sendto(2), so the report already waits at the socket.
        #expect(try arrivals(receiver).isEmpty)
        #expect(try Sockets.connect(receiver.raw, to: source) == .connected)
        #expect(sender.send([2], to: to) == .sent)
        #expect(try arrivals(receiver).map(\.bytes) == [[2]])
    }

    @Test("throws the reason why a datagram cannot be sent")
    func sendingFails() throws {
        guard let (socket, _) = try pair(Self.loopbackV4) else { return }
        #expect(socket.send([1], to: .ip(.v6(high: 0, low: 1), port: 9)) == .failed(SystemError("sendto", code: EAFNOSUPPORT)))
        #expect(socket.send(ArraySlice(repeating: 0, count: 70_000), to: Self.loopbackV4) == .failed(SystemError("sendto", code: EMSGSIZE)))
    }

    @Test("reports how many datagrams the kernel dropped because the socket was not read")
    func overflow() throws {
        let receiver = try DatagramSocket(bind: Self.loopbackV4, receiveBuffer: 4_096)
        let sender = try DatagramSocket(bind: Self.loopbackV4, receiveBuffer: 4_096)
        let to = try #require(receiver.localAddress)
        #expect(receiver.droppedCount == 0)
        let bytes = ArraySlice<UInt8>(repeating: 7, count: 1_000)
        for _ in 0..<100 { #expect(sender.send(bytes, to: to) == .sent) }
        var came = 0
        while case let count = try receiver.receive({ _, _ in }), count > 0 { came += count }
        let dropped = try #require(receiver.droppedCount)
        #expect(dropped > 0)
        #expect(came + Int(dropped) == 100)
    }

    @Test("makes the kernel drop datagrams without the expected bytes", arguments: [loopbackV4, loopbackV6])
    func filter(address: SocketAddress) throws {
        guard let (receiver, sender) = try pair(address), let to = receiver.localAddress else { return }
        try receiver.accept(only: [.init(offset: 0, value: 0x7467), .init(offset: 8, value: 0x0102), .init(offset: 10, value: 0x0304)])
        let right: [UInt8] = [0x74, 0x67, 1, 3, 0, 0, 0, 0, 1, 2, 3, 4, 5]
        #expect(sender.send(right[...], to: to) == .sent)
        for position in [0, 1, 8, 9, 10, 11] {
            var wrong = right
            wrong[position] ^= 0x80
            #expect(sender.send(wrong[...], to: to) == .sent)
        }
        for length in 0..<12 { #expect(sender.send(right[..<length], to: to) == .sent) }
        var other = right
        for position in [2, 3, 4, 12] { other[position] ^= 0xff }
        #expect(sender.send(other[...], to: to) == .sent)
        #expect(try arrivals(receiver).map(\.bytes) == [right, other])
        #expect(receiver.droppedCount == 18)
        #expect(throws: SystemError("setsockopt", code: EINVAL)) {
            try receiver.accept(only: Array(repeating: .init(offset: 0, value: 0), count: 17))
        }
    }

    @Test("does not block, is closed on exec, and refuses an address that another socket has")
    func flags() throws {
        let socket = try DatagramSocket(bind: Self.loopbackV4, receiveBuffer: 4_096)
        #expect(fcntl(socket.raw, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(socket.raw, F_GETFD) & FD_CLOEXEC != 0)
        let taken = try #require(socket.localAddress)
        #expect(throws: SystemError("bind", code: EADDRINUSE)) { _ = try DatagramSocket(bind: taken, receiveBuffer: 4_096) }
    }
}
