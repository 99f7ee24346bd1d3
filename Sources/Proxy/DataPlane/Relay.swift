// The hot path: moves bytes between two sockets through preallocated memory. This file never allocates.

import CLinux
import Glibc
import LinuxIO
import Wire

/// The state of a direction after `Relay.pump`.
enum PumpResult {
    /// Nothing to do before the next readiness event.
    case waiting
    /// There is more to move, but other sessions have a turn first.
    case more
    /// The source has ended, and the sink has received everything.
    case finished
    /// Reading failed with this errno: the source is dead. Bytes that were read before are still on their way.
    case sourceFailed(Int32)
    /// Sending failed with this errno: the sink is dead, and its pending bytes are dropped.
    case sinkFailed(Int32)
}

/// The result of `Relay.inspect`.
enum InspectResult {
    /// The bytes so far, valid until the next call of the relay.
    case bytes(UnsafeRawBufferPointer)
    /// No byte has arrived.
    case nothing
    /// The source has ended without a byte.
    case ended
    /// The source has failed without a byte.
    case failed
}

/// The result of `Relay.readOpening`.
enum OpeningResult {
    /// Undecided: more bytes must arrive.
    case waiting
    /// The bytes are valid and have been sent on.
    case passed
    /// The server has refused with an error that another server would not send. The bytes are held.
    case refused(ServerRefusal)
    /// The bytes do not follow the protocol.
    case garbage
    /// The server has closed or reset the connection.
    case ended
}

/// Moves bytes from one side of a session to the other.
///
/// Each read goes into the scratch buffer and is sent immediately. Bytes that the sink does not take are kept in a buffer from the pool. Until they are
/// sent nothing more is read, so that the kernel's window slows the source down. After `streamAfter` full reads in a row the direction is a stream: splice(2)
/// moves its bytes through a pipe from the pool without copying.
struct Relay: ~Copyable {
    /// The bytes that a direction may move per turn.
    static let turnBytes = 1 << 20
    /// The number of full reads in a row that turn a direction into a stream.
    static let streamAfter = 4
    /// When this many buffers are lent, inspected bytes stay in the kernel.
    static let inspectionBuffersMax = 1024

    /// The most bytes of a source that `inspect` holds; the kernel keeps the rest. HAProxy's `tune.bufsize`.
    let heldBytesMax: Int
    private let scratch: UnsafeMutableRawPointer
    private var buffers: BufferPool
    private var pipes: PipePool
    private let inspectionBuffersMax: Int
    /// Bytes read from sources.
    private(set) var movedBytes: UInt64 = 0
    /// Bytes that went through pipes.
    private(set) var splicedBytes: UInt64 = 0
    /// Pending bytes that have been sent. They show that a slow sink makes progress although nothing is read for it.
    private(set) var flushedBytes: UInt64 = 0
    /// The buffers and pipes in use.
    var lentBuffers: Int { buffers.lentCount }
    var lentPipes: Int { pipes.lentCount }

    /// Creates a relay with at most `pipesMax` pipes.
    init(
        pipesMax: Int = PipePool.pipesMax, inspectionBuffersMax: Int = inspectionBuffersMax, heldBytesMax: Int = Tuning.bufferBytesStandard
    ) {
        let bufferBytes = max(BufferPool.bufferBytesMin, heldBytesMax)
        buffers = BufferPool(bufferBytes: bufferBytes)
        scratch = .allocate(byteCount: bufferBytes, alignment: 4096)
        self.heldBytesMax = heldBytesMax
        pipes = PipePool(limit: pipesMax)
        self.inspectionBuffersMax = inspectionBuffersMax
    }

    deinit { scratch.deallocate() }

    /// Moves as many bytes as possible.
    ///
    /// - Parameter isLast: true when the other direction has ended. The session then ends with this one, and closing the socket signals the end to the sink.
    mutating func pump(_ direction: inout Direction, from source: inout Side, to sink: inout Side, isLast: Bool = false) -> PumpResult {
        var budget = Self.turnBytes
        if direction.flags.contains(.held) { release(&direction) }
        while true {
            if direction.hasPending {
                if sink.flags.contains(.dead) { discard(&direction) }
                guard sink.flags.contains(.writable) || !direction.hasPending else { return .waiting }
                let failure = flush(&direction, to: &sink)
                if failure != 0 { return .sinkFailed(failure) }
                if direction.hasPending { return .waiting }
            }
            if direction.flags.contains(.ended) { return finish(&direction, to: sink, isLast: isLast) }
            guard source.flags.contains(.readable) else {
                returnPipe(&direction)
                return .waiting
            }
            guard sink.flags.contains(.writable) || sink.flags.contains(.dead) else { return .waiting }
            guard budget > 0 else { return .more }
            let moved = direction.flags.contains(.spliced) ? splice(&direction, from: &source) : copy(&direction, from: &source, to: &sink)
            switch moved {
            case .bytes(let count):
                budget -= count
                movedBytes &+= UInt64(count)
            case .nothing: continue
            case .sourceFailed(let code): return .sourceFailed(code)
            case .sinkFailed(let code): return .sinkFailed(code)
            }
        }
    }

    /// Returns the direction's buffer and pipe, and drops its pending bytes.
    mutating func discard(_ direction: inout Direction) {
        if let buffer = direction.buffer { buffers.giveBack(buffer) }
        direction.buffer = nil
        (direction.start, direction.end) = (0, 0)
        direction.flags.remove(.held)
        returnPipe(&direction)
    }

    private enum Moved {
        case bytes(Int), nothing, sourceFailed(Int32), sinkFailed(Int32)
    }

    /// Reads once and sends the bytes immediately.
    private mutating func copy(_ direction: inout Direction, from source: inout Side, to sink: inout Side) -> Moved {
        let count = recv(source.descriptor, scratch, buffers.bufferBytes, 0)
        guard count > 0 else { return ended(&direction, &source, count: count, code: errno) }
        direction.bytes &+= UInt64(count)
        if count < buffers.bufferBytes {
            direction.fullReads = 0
            if !source.flags.contains(.hungUp) { source.flags.remove(.readable) }
        } else if !direction.flags.contains(.unspliceable) {
            direction.fullReads = min(direction.fullReads + 1, UInt8(Self.streamAfter))
        }
        guard !sink.flags.contains(.dead) else { return .bytes(count) }
        if direction.flags.contains(.delays), direction.bytes > UInt64(count) { Self.disableNagle(&direction, to: sink) }
        let sent = send(sink.descriptor, scratch, count, Int32(MSG_NOSIGNAL))
        if sent == count {
            if direction.fullReads >= Self.streamAfter { startSplicing(&direction) }
            return .bytes(count)
        }
        guard sent >= 0 || errno == EAGAIN || errno == EINTR else { return .sinkFailed(errno) }
        keep(count, after: max(0, sent), &direction)
        sink.flags.remove(.writable)
        return .bytes(count)
    }

    private static func disableNagle(_ direction: inout Direction, to sink: Side) {
        direction.flags.remove(.delays)
        Sockets.disableNagle(sink.descriptor)
    }

    /// Moves the scratch buffer's bytes from `taken` to `count` into a buffer from the pool.
    private mutating func keep(_ count: Int, after taken: Int, _ direction: inout Direction) {
        let buffer = buffers.lend()
        buffer.copyMemory(from: scratch + taken, byteCount: count - taken)
        direction.buffer = buffer
        (direction.start, direction.end) = (0, UInt32(count - taken))
    }

    // MARK: Held bytes

    /// Reads once and returns all held bytes. They stay in the direction's buffer until `pump` sends them or `drop` removes them.
    ///
    /// At most `heldBytesMax` bytes are held. When they are reached, the call returns the same bytes again.
    mutating func inspect(_ direction: inout Direction, from source: inout Side) -> InspectResult {
        guard direction.buffer != nil || buffers.lentCount < inspectionBuffersMax else { return peek(&source) }
        let buffer = direction.buffer ?? buffers.lend()
        let (start, held) = (Int(direction.start), Int(direction.end - direction.start))
        let room = min(heldBytesMax - held, buffers.bufferBytes - Int(direction.end))
        guard room > 0 else { return .bytes(UnsafeRawBufferPointer(start: buffer + start, count: held)) }
        let count = recv(source.descriptor, buffer + Int(direction.end), room, 0)
        let outcome = classifyRead(count, of: room, code: errno, from: &source)
        guard count > 0 || held > 0 else {
            buffers.giveBack(buffer)
            return outcome
        }
        direction.buffer = buffer
        direction.end += UInt32(max(0, count))
        direction.flags.insert(.held)
        return .bytes(UnsafeRawBufferPointer(start: buffer + start, count: held + max(0, count)))
    }

    /// Inspects bytes without a buffer: they stay in the kernel.
    private mutating func peek(_ source: inout Side) -> InspectResult {
        let count = recv(source.descriptor, scratch, heldBytesMax, Int32(MSG_PEEK))
        guard count > 0 else { return classifyRead(count, of: heldBytesMax, code: errno, from: &source) }
        return .bytes(UnsafeRawBufferPointer(start: scratch, count: count))
    }

    /// Clears `readable` after a short read, and returns the meaning of a read without bytes.
    private mutating func classifyRead(_ count: Int, of room: Int, code: Int32, from source: inout Side) -> InspectResult {
        let isEmpty = count < 0 && (code == EAGAIN || code == EINTR)
        if isEmpty || count > 0 && count < room && !source.flags.contains(.hungUp) { source.flags.remove(.readable) }
        return isEmpty ? .nothing : count < 0 ? .failed : .ended
    }

    /// Removes the first `count` of the bytes that `inspect` has found. They never reach the sink. Returns false when the source has failed in the meantime.
    mutating func drop(_ count: Int, of found: Int, _ direction: inout Direction, from source: inout Side) -> Bool {
        guard let buffer = direction.buffer else {
            let isAll = count == found && count < heldBytesMax
            if isAll, !source.flags.contains(.hungUp) { source.flags.remove(.readable) }
            return recv(source.descriptor, scratch, count, 0) == count
        }
        direction.start += UInt32(count)
        if direction.start == direction.end {
            buffers.giveBack(buffer)
            direction.buffer = nil
            (direction.start, direction.end) = (0, 0)
            direction.flags.remove(.held)
        }
        return true
    }

    /// Turns held bytes into pending ones.
    private mutating func release(_ direction: inout Direction) {
        direction.flags.remove(.held)
        direction.bytes &+= UInt64(direction.end - direction.start)
    }

    // MARK: A server's first bytes

    /// Reads a server's first bytes once. They are sent to the client only when they are known to be valid. Until then they are held in a buffer from the pool,
    /// unless they arrive in one piece, as they usually do.
    mutating func readOpening(_ direction: inout Direction, from source: inout Side, to sink: inout Side, as form: ServerFirst) -> OpeningResult {
        let held = Int(direction.end)
        let place = direction.buffer ?? scratch
        let count = recv(source.descriptor, place + held, buffers.bufferBytes - held, 0)
        guard count > 0 else {
            if count < 0, errno == EINTR { return .waiting }
            source.flags.remove(.readable)
            return count < 0 && errno == EAGAIN ? .waiting : .ended
        }
        if held + count < buffers.bufferBytes, !source.flags.contains(.hungUp) { source.flags.remove(.readable) }
        switch form.firstPacket(in: UnsafeRawBufferPointer(start: place, count: held + count)) {
        case .garbage: return .garbage
        case .incomplete: hold(count, &direction)
        case .refusing(let refusal):
            hold(count, &direction)
            return .refused(refusal)
        case .ready:
            sendOpening(count, &direction, to: &sink)
            return .passed
        }
        return .waiting
    }

    /// The held bytes of a server's greeting.
    func heldBytes(_ direction: Direction) -> [UInt8] {
        guard let buffer = direction.buffer else { return [] }
        return Array(UnsafeRawBufferPointer(start: buffer + Int(direction.start), count: Int(direction.end - direction.start)))
    }

    /// Holds the `count` bytes that have just been read, behind those held already.
    private mutating func hold(_ count: Int, _ direction: inout Direction) {
        if direction.buffer == nil { keep(count, after: 0, &direction) } else { direction.end += UInt32(count) }
        direction.flags.insert(.held)
    }

    /// Sends the bytes that have just been read; bytes that the sink does not take become pending. If bytes are held already, `pump` sends them all.
    private mutating func sendOpening(_ count: Int, _ direction: inout Direction, to sink: inout Side) {
        guard direction.buffer == nil else {
            direction.end += UInt32(count)
            return
        }
        direction.bytes = UInt64(count)
        let sent = send(sink.descriptor, scratch, count, Int32(MSG_NOSIGNAL))
        guard sent < count else { return }
        if sent >= 0 || errno == EAGAIN { sink.flags.remove(.writable) }
        // A sink that has failed fails again when the bytes are flushed.
        keep(count, after: max(0, sent), &direction)
    }

    /// Splices once from the source into the pipe.
    private mutating func splice(_ direction: inout Direction, from source: inout Side) -> Moved {
        let count = clinux_splice(source.descriptor, pipes.ends(direction.pipe).write, Int(PipePool.pipeBytes))
        if count == -Int(EINVAL) || count == -Int(ENOSYS) {
            direction.flags.insert(.unspliceable)
            returnPipe(&direction)
            return .nothing
        }
        guard count > 0 else { return ended(&direction, &source, count: count < 0 ? -1 : 0, code: Int32(-count)) }
        direction.bytes &+= UInt64(count)
        direction.pipeBytes = UInt32(count)
        splicedBytes &+= UInt64(count)
        return .bytes(count)
    }

    /// Handles a read without bytes. The pipe is empty whenever a read begins, so EAGAIN always comes from the source.
    private func ended(_ direction: inout Direction, _ source: inout Side, count: Int, code: Int32) -> Moved {
        if count == 0 {
            direction.flags.insert(.ended)
            source.flags.remove(.readable)
            return .nothing
        }
        guard code == EAGAIN || code == EINTR else {
            direction.flags.insert(.ended)
            source.flags.remove(.readable)
            return .sourceFailed(code)
        }
        if code == EAGAIN { source.flags.remove(.readable) }
        return .nothing
    }

    /// Sends pending bytes. Returns 0, or the errno of a sink that has failed.
    private mutating func flush(_ direction: inout Direction, to sink: inout Side) -> Int32 {
        if direction.pipeBytes > 0 { return flushPipe(&direction, to: &sink) }
        guard let buffer = direction.buffer else { return 0 }
        let count = Int(direction.end - direction.start)
        if direction.flags.contains(.delays), direction.bytes > UInt64(count) { Self.disableNagle(&direction, to: sink) }
        let sent = send(sink.descriptor, buffer + Int(direction.start), count, Int32(MSG_NOSIGNAL))
        if sent < 0 {
            guard errno == EAGAIN || errno == EINTR else { return errno }
            if errno == EAGAIN { sink.flags.remove(.writable) }
            return 0
        }
        direction.start += UInt32(sent)
        flushedBytes &+= UInt64(sent)
        if sent < count {
            sink.flags.remove(.writable)
            return 0
        }
        buffers.giveBack(buffer)
        direction.buffer = nil
        (direction.start, direction.end) = (0, 0)
        return 0
    }

    /// Sends the bytes in the pipe. Returns 0, or the errno of a sink that has failed.
    private mutating func flushPipe(_ direction: inout Direction, to sink: inout Side) -> Int32 {
        while direction.pipeBytes > 0 {
            let sent = clinux_splice(pipes.ends(direction.pipe).read, sink.descriptor, Int(direction.pipeBytes))
            if sent > 0 {
                direction.pipeBytes -= UInt32(sent)
                flushedBytes &+= UInt64(sent)
            } else if sent == -Int(EAGAIN) {
                sink.flags.remove(.writable)
                return 0
            } else if sent != -Int(EINTR) {
                return sent < 0 ? Int32(-sent) : EPIPE
            }
        }
        return 0
    }

    /// Signals the end of the stream to the sink.
    private mutating func finish(_ direction: inout Direction, to sink: Side, isLast: Bool) -> PumpResult {
        returnPipe(&direction)
        if !direction.flags.contains(.shut) {
            direction.flags.insert(.shut)
            let isHandshake = direction.bytes == 0 && direction.flags.contains(.finishesHandshake)
            if !isLast, !isHandshake, !direction.flags.contains(.resetsSink), !sink.flags.contains(.dead) { shutdown(sink.descriptor, Int32(SHUT_WR)) }
        }
        return .finished
    }

    private mutating func startSplicing(_ direction: inout Direction) {
        guard let pipe = pipes.lend() else {
            direction.fullReads = 0
            return
        }
        direction.pipe = pipe
        direction.pipeBytes = 0
        direction.flags.insert(.spliced)
    }

    /// Returns the pipe of a direction that pauses. The next full reads borrow one again.
    private mutating func returnPipe(_ direction: inout Direction) {
        guard direction.flags.contains(.spliced) else { return }
        pipes.giveBack(direction.pipe, isEmpty: direction.pipeBytes == 0)
        direction.pipe = -1
        direction.pipeBytes = 0
        direction.fullReads = 0
        direction.flags.remove(.spliced)
    }
}
