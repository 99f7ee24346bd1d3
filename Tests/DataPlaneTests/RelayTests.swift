import Glibc
import LinuxIO
import Testing

@testable import Proxy

/// One direction between two sockets: it moves bytes only when a test asks for it.
private struct Line: ~Copyable {
    /// The test's ends: the source's peer and the sink's peer.
    let far: TestSocket
    let near: TestSocket
    private let source: TestSocket
    private let sink: TestSocket
    var relay = Relay()
    var from: Side
    var to: Side
    var direction: Direction

    init(sinkBuffer: Int32 = 0) {
        (far, source) = Line.pair()
        (sink, near) = Line.pair()
        if sinkBuffer > 0 { for raw in [sink.raw, near.raw] { try? Sockets.set(SO_SNDBUF, at: SOL_SOCKET, to: sinkBuffer, on: raw) } }
        for socket in [source, sink] { _ = fcntl(socket.raw, F_SETFL, O_NONBLOCK) }
        from = Side(descriptor: source.raw, flags: [.readable, .writable])
        to = Side(descriptor: sink.raw, flags: [.readable, .writable])
        direction = Direction(buffer: nil, start: 0, end: 0, pipe: -1, pipeBytes: 0, flags: [], fullReads: 0, readAt: 0, bytes: 0)
    }

    private static func pair() -> (TestSocket, TestSocket) {
        var ends: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        return (TestSocket(owning: ends[0]), TestSocket(owning: ends[1]))
    }

    /// Moves all possible bytes; returns the result in one word.
    mutating func pump() -> String {
        switch relay.pump(&direction, from: &from, to: &to) {
        case .waiting: "waiting"
        case .more: "more"
        case .finished: "finished"
        case .sourceFailed(let code): "source \(code)"
        case .sinkFailed(let code): "sink \(code)"
        }
    }

    /// The number of bytes that an inspection finds; -1 at the end, -2 for a failure.
    mutating func inspect() -> Int {
        switch relay.inspect(&direction, from: &from) {
        case .bytes(let bytes): bytes.count
        case .nothing: 0
        case .ended: -1
        case .failed: -2
        }
    }

    /// Drops the first `count` of the bytes that an inspection has found.
    mutating func drop(_ count: Int, of found: Int) -> Bool { relay.drop(count, of: found, &direction, from: &from) }

    /// Marks the sink as writable, or the source as readable, as the kernel's events do.
    mutating func sinkIsReady() { to.flags.insert(.writable) }
    mutating func sourceIsReady() { from.flags.insert(.readable) }

    /// The number of unread bytes at the source.
    var unread: Int32 {
        var count: Int32 = 0
        _ = ioctl(source.raw, UInt(FIONREAD), &count)
        return count
    }

    /// Fills the source with up to `count` numbered bytes; returns the number taken.
    func fill(_ count: Int, from start: Int = 0) -> Int {
        let bytes = (start..<start + count).map { UInt8(truncatingIfNeeded: $0 % 251) }
        return bytes.withUnsafeBytes { max(0, send(far.raw, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))) }
    }

    /// Reads all bytes at the near end; true when they continue the numbers from `start`.
    func drain(from start: inout Int) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let count = recv(near.raw, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return true }
        defer { start += count }
        return (0..<count).allSatisfy { buffer[$0] == UInt8(truncatingIfNeeded: (start + $0) % 251) }
    }
}

@Suite("A relay")
struct RelayTests {
    @Test("forwards at once what it reads, and holds no byte")
    func direct() {
        var line = Line()
        line.far.send("hello")
        let result = line.pump()
        #expect(result == "waiting" && line.near.text(5) == "hello")
        let (bytes, buffers, isReadable) = (line.direction.bytes, line.relay.lentBuffers, line.from.flags.contains(.readable))
        #expect(bytes == 5 && buffers == 0 && !isReadable)
    }

    @Test("keeps the bytes that the sink does not take in one buffer, and stops reading meanwhile")
    func partialWrites() {
        var line = Line(sinkBuffer: 4608)
        let filled = line.fill(60_000)
        var (result, got) = (line.pump(), 0)
        var (buffers, isPending) = (line.relay.lentBuffers, line.direction.hasPending)
        #expect(filled == 60_000 && result == "waiting" && buffers == 1 && isPending)
        let more = line.fill(1000, from: 60_000)
        line.sourceIsReady()
        result = line.pump()
        #expect(more == 1000 && result == "waiting" && line.unread == 1000, "it must not read while bytes are pending")
        var isIntact = true
        for _ in 0..<1000 where got < 61_000 {
            isIntact = line.drain(from: &got) && isIntact
            line.sinkIsReady()
            _ = line.pump()
        }
        (buffers, isPending) = (line.relay.lentBuffers, line.direction.hasPending)
        #expect(isIntact && got == 61_000 && buffers == 0 && !isPending)
    }

    @Test("ends the sink's stream after the last pending byte, not before")
    func endWithPendingBytes() {
        var line = Line(sinkBuffer: 4608)
        let filled = line.fill(30_000)
        line.far.finishSending()
        line.from.flags.insert(.hungUp)
        var (result, got) = (line.pump(), 0)
        let isShut = line.direction.flags.contains(.shut)
        #expect(filled == 30_000 && result == "waiting" && !isShut)
        for _ in 0..<1000 where result != "finished" {
            _ = line.drain(from: &got)
            line.sinkIsReady()
            result = line.pump()
        }
        _ = line.drain(from: &got)
        #expect(got == 30_000 && line.near.hasEnded())
    }

    @Test("moves a stream through a pipe, returns the pipe when the stream pauses, and takes one again")
    func splice() {
        var line = Line()
        for buffer in [SO_SNDBUF, SO_RCVBUF] {
            for raw in [line.far.raw, line.to.descriptor] { try? Sockets.set(buffer, at: SOL_SOCKET, to: 4 << 20, on: raw) }
        }
        var (put, got) = (0, 0)
        var spliced: [UInt64] = []
        for _ in 0..<3 {
            for _ in 0..<12 { put += line.fill(65_536, from: put) }
            line.sourceIsReady()
            let before = line.relay.splicedBytes
            var isIntact = true
            for _ in 0..<10_000 where got < put {
                line.sinkIsReady()
                _ = line.pump()
                isIntact = line.drain(from: &got) && isIntact
            }
            line.sinkIsReady()
            _ = line.pump()
            #expect(isIntact && got == put)
            spliced.append(line.relay.splicedBytes - before)
            let (pipes, buffers) = (line.relay.lentPipes, line.relay.lentBuffers)
            #expect(pipes == 0 && buffers == 0)
        }
        let flags = line.direction.flags
        #expect(spliced.allSatisfy { $0 > 0 } && !flags.contains(.unspliceable), "\(spliced), \(put)")
    }

    @Test("delivers the pipe's bytes when the source has ended")
    func endWithPendingPipe() {
        var line = Line()
        try? Sockets.set(SO_SNDBUF, at: SOL_SOCKET, to: 4 << 20, on: line.far.raw)
        var put = 0
        for _ in 0..<16 { put += line.fill(65_536, from: put) }
        line.far.finishSending()
        line.from.flags.insert(.hungUp)
        var (got, result, sawPipe) = (0, "", false)
        for _ in 0..<10_000 where result != "finished" {
            line.sinkIsReady()
            result = line.pump()
            if line.direction.pipeBytes > 0 { sawPipe = true }
            _ = line.drain(from: &got)
        }
        while got < put, line.drain(from: &got) {}
        let pipes = line.relay.lentPipes
        #expect(sawPipe && got == put && line.near.hasEnded() && pipes == 0)
    }

    @Test("reports which side failed, and drops bytes for a dead sink")
    func failures() {
        var line = Line()
        line.near.close()
        line.far.send("lost")
        let first = line.pump()
        #expect(first == "sink \(EPIPE)")
        line.to.flags.insert(.dead)
        line.far.send("lost too")
        line.sourceIsReady()
        let second = line.pump()
        let bytes = line.direction.bytes
        #expect(second == "waiting" && bytes == 12)
        line.far.finishSending()
        line.from.flags.insert([.readable, .hungUp])
        let third = line.pump()
        #expect(third == "finished")
    }

    @Test("holds inspected bytes up to the limit of one buffer, and sends them first")
    func held() {
        var line = Line()
        var got = 3
        let filled = line.fill(20_000)
        let (first, full) = (line.inspect(), line.inspect())
        let (isPending, buffers, bytes) = (line.direction.hasPending, line.relay.lentBuffers, line.direction.bytes)
        #expect(filled == 20_000 && first == Tuning.bufferBytesStandard && full == Tuning.bufferBytesStandard && line.unread == 3616)
        #expect(!isPending && buffers == 1 && bytes == 0)
        let isDropped = line.drop(3, of: first)
        let result = line.pump()
        let isIntact = line.drain(from: &got)
        let (after, count) = (line.relay.lentBuffers, line.direction.bytes)
        #expect(isDropped && result == "waiting" && isIntact && got == 20_000 && after == 0 && count == 19_997)
    }

    @Test("holds no buffer when all inspected bytes are dropped, or there are none")
    func heldNothing() {
        var line = Line()
        let nothing = line.inspect()
        line.far.send("header")
        line.sourceIsReady()
        let count = line.inspect()
        let isDropped = line.drop(6, of: count)
        let (buffers, isHeld, isReadable) = (line.relay.lentBuffers, line.direction.flags.contains(.held), line.from.flags.contains(.readable))
        #expect(nothing == 0 && count == 6 && isDropped && buffers == 0 && !isHeld && !isReadable)
        line.far.finishSending()
        line.from.flags.insert([.readable, .hungUp])
        let ended = line.inspect()
        #expect(ended == -1 && line.relay.lentBuffers == 0)
    }

    @Test("leaves inspected bytes in the kernel when too many buffers are lent")
    func heldByKernel() {
        var line = Line()
        line.relay = Relay(inspectionBuffersMax: 0)
        line.far.send("headerrequest")
        let (first, second) = (line.inspect(), line.inspect())
        let isDropped = line.drop(6, of: second)
        let (buffers, isReadable) = (line.relay.lentBuffers, line.from.flags.contains(.readable))
        #expect(first == 13 && second == 13 && isDropped && buffers == 0 && isReadable && line.unread == 7)
        let result = line.pump()
        #expect(result == "waiting" && line.near.text(7) == "request")
        line.far.send("header")
        line.sourceIsReady()
        let third = line.inspect()
        let isAlone = line.drop(6, of: third) && !line.from.flags.contains(.readable)
        #expect(third == 6 && isAlone && line.unread == 0)
    }

    @Test("yields to others after its share of bytes")
    func turns() {
        var line = Line()
        let far = line.far
        let near = line.near
        let feeder = TestThread { far.send([UInt8](repeating: 1, count: 8 << 20)) }
        let reader = TestThread {
            var count = 0
            while count < 8 << 20, let bytes = near.receive(), !bytes.isEmpty { count += bytes.count }
        }
        var (moved, turns) = (UInt64(0), 0)
        while moved < 8 << 20 {
            line.sourceIsReady()
            line.sinkIsReady()
            let result = line.pump()
            let now = line.direction.bytes
            #expect(now - moved <= UInt64(Relay.turnBytes + Int(PipePool.pipeBytes)))
            moved = now
            if result == "more" { turns += 1 }
        }
        while line.direction.hasPending {
            line.sinkIsReady()
            _ = line.pump()
        }
        feeder.join()
        reader.join()
        #expect(moved == 8 << 20 && turns >= 0)
    }

    @Test("never lends one buffer or pipe twice, and counts those that are lent")
    func pools() {
        var pipes = PipePool()
        let lent = (0..<PipePool.pipesMax + 3).map { _ in pipes.lend() }
        #expect(lent.prefix(PipePool.pipesMax).allSatisfy { $0 != nil } && lent.suffix(3).allSatisfy { $0 == nil })
        #expect(Set(lent.compactMap(\.self)).count == PipePool.pipesMax)
        for index in lent.compactMap(\.self) { pipes.giveBack(index, isEmpty: index % 2 == 0) }
        let afterwards = pipes.lentCount
        let again = (0..<PipePool.pipesMax).compactMap { _ in pipes.lend() }
        let ends = again.map { pipes.ends($0).read }
        #expect(afterwards == 0 && Set(again).count == PipePool.pipesMax && ends.allSatisfy { $0 >= 0 } && Set(ends).count == ends.count)
        for index in again { pipes.giveBack(index, isEmpty: true) }
        var buffers = BufferPool()
        let blocks = (0..<100).map { _ in buffers.lend() }
        #expect(Set(blocks).count == 100)
        for block in blocks { buffers.giveBack(block) }
        let left = buffers.lentCount
        #expect(left == 0)
    }
}
