// The hot path: moves bytes between two sockets through memory it is given, allocates nothing.

import CLinux
import Glibc
import LinuxIO
import Wire

/// How a direction stands after `Relay.pump`.
enum PumpResult {
    /// Nothing to do before the next readiness event.
    case waiting
    /// There is more to move, but others have a turn first.
    case more
    /// The source has ended, and the sink has got everything.
    case finished
    /// Reading failed with this errno: the source is gone. What was read before is still on its way.
    case sourceFailed(Int32)
    /// Sending failed with this errno: the sink is gone, and what waited for it is dropped.
    case sinkFailed(Int32)
}

/// What `Relay.inspect` has found.
enum InspectResult {
    /// These bytes, until the next call of the relay; they are held.
    case bytes(UnsafeRawBufferPointer)
    /// No byte has come.
    case nothing
    /// The source has ended without a byte.
    case ended
    /// The source has failed without a byte.
    case failed
}

/// How a server's first bytes were taken, see `Relay.takeOpening`.
enum OpeningResult {
    /// Nothing is decided: more has to come.
    case waiting
    /// They are what they should be, and on their way.
    case passed
    /// An error that another server would not say. They are kept.
    case refused(ServerRefusal)
    /// They are not of the protocol.
    case garbage
    /// The server has closed or reset.
    case ended
}

/// Moves bytes from one side of a session to the other.
///
/// A read goes into the thread's one scratch buffer and is sent on at once; only what the sink does not take is kept, in a lent buffer, and while it is kept
/// nothing more is read: the kernel's window slows the source down. After `streamAfter` full reads in a row the direction is a stream, and splice(2) moves it
/// through a lent pipe without copying.
struct Relay: ~Copyable {
    /// Bytes one direction may move before others have a turn.
    static let turnBytes = 1 << 20
    /// Full reads in a row that make a direction a stream.
    static let streamAfter = 4
    /// The most bytes of a source that are held for `inspect`; the kernel keeps the others. HAProxy's `tune.bufsize`.
    static let heldBytesMax = 16_384
    /// While so many buffers are lent, the kernel keeps all bytes that are inspected.
    static let inspectionBuffersMax = 1024

    private let scratch = UnsafeMutableRawPointer.allocate(byteCount: BufferPool.bufferBytes, alignment: 4096)
    private var buffers = BufferPool()
    private var pipes: PipePool
    private let inspectionBuffersMax: Int
    /// Bytes taken from sources.
    private(set) var movedBytes: UInt64 = 0
    /// Bytes that went through pipes.
    private(set) var splicedBytes: UInt64 = 0
    /// Bytes that were pending and have been sent: a slow sink moves, though nothing is read for it.
    private(set) var flushedBytes: UInt64 = 0
    /// What is lent at present.
    var lentBuffers: Int { buffers.lentCount }
    var lentPipes: Int { pipes.lentCount }

    /// A relay with at most `pipesMax` pipes.
    init(pipesMax: Int = PipePool.pipesMax, inspectionBuffersMax: Int = inspectionBuffersMax) {
        pipes = PipePool(limit: pipesMax)
        self.inspectionBuffersMax = inspectionBuffersMax
    }

    deinit { scratch.deallocate() }

    /// Moves what can be moved now.
    ///
    /// - Parameter isLast: the other direction has ended already. The session ends with this one, and closing tells the sink.
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

    /// Gives back what the direction has borrowed, and forgets what is pending.
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

    /// One read, sent on at once.
    private mutating func copy(_ direction: inout Direction, from source: inout Side, to sink: inout Side) -> Moved {
        let count = recv(source.descriptor, scratch, BufferPool.bufferBytes, 0)
        guard count > 0 else { return ended(&direction, &source, count: count, code: errno) }
        direction.bytes &+= UInt64(count)
        if count < BufferPool.bufferBytes {
            direction.fullReads = 0
            if !source.flags.contains(.hungUp) { source.flags.remove(.readable) }
        } else if !direction.flags.contains(.unspliceable) {
            direction.fullReads = min(direction.fullReads + 1, UInt8(Self.streamAfter))
        }
        guard !sink.flags.contains(.dead) else { return .bytes(count) }
        if direction.flags.contains(.delays), direction.bytes > UInt64(count) { Self.sendAtOnce(&direction, to: sink) }
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

    private static func sendAtOnce(_ direction: inout Direction, to sink: Side) {
        direction.flags.remove(.delays)
        Sockets.sendAtOnce(sink.descriptor)
    }

    /// Lends the direction a buffer for what is in the scratch buffer, but for the first `taken` of `count` bytes.
    private mutating func keep(_ count: Int, after taken: Int, _ direction: inout Direction) {
        let buffer = buffers.lend()
        buffer.copyMemory(from: scratch + taken, byteCount: count - taken)
        direction.buffer = buffer
        (direction.start, direction.end) = (0, UInt32(count - taken))
    }

    // MARK: Held bytes

    /// One read of bytes that something is to be decided by. They are held, behind those that are held already, until `pump` sends them on or `drop` removes them.
    ///
    /// What does not fit in `heldBytesMax` is not read: then the bytes are the same ones as before.
    mutating func inspect(_ direction: inout Direction, from source: inout Side) -> InspectResult {
        guard direction.buffer != nil || buffers.lentCount < inspectionBuffersMax else { return peek(&source) }
        let buffer = direction.buffer ?? buffers.lend()
        let (start, held) = (Int(direction.start), Int(direction.end - direction.start))
        let room = min(Self.heldBytesMax - held, BufferPool.bufferBytes - Int(direction.end))
        guard room > 0 else { return .bytes(UnsafeRawBufferPointer(start: buffer + start, count: held)) }
        let count = recv(source.descriptor, buffer + Int(direction.end), room, 0)
        let outcome = note(count, of: room, code: errno, from: &source)
        guard count > 0 || held > 0 else {
            buffers.giveBack(buffer)
            return outcome
        }
        direction.buffer = buffer
        direction.end += UInt32(max(0, count))
        direction.flags.insert(.held)
        return .bytes(UnsafeRawBufferPointer(start: buffer + start, count: held + max(0, count)))
    }

    /// The same without a buffer: the bytes stay in the kernel.
    private mutating func peek(_ source: inout Side) -> InspectResult {
        let count = recv(source.descriptor, scratch, Self.heldBytesMax, Int32(MSG_PEEK))
        guard count > 0 else { return note(count, of: Self.heldBytesMax, code: errno, from: &source) }
        return .bytes(UnsafeRawBufferPointer(start: scratch, count: count))
    }

    /// Takes note of a read that is short, and tells what one without a byte means.
    private mutating func note(_ count: Int, of room: Int, code: Int32, from source: inout Side) -> InspectResult {
        let isEmpty = count < 0 && (code == EAGAIN || code == EINTR)
        if isEmpty || count > 0 && count < room && !source.flags.contains(.hungUp) { source.flags.remove(.readable) }
        return isEmpty ? .nothing : count < 0 ? .failed : .ended
    }

    /// Removes the first `count` bytes of those that `inspect` has found: they are not for the sink. False when the source has failed meanwhile.
    mutating func drop(_ count: Int, of found: Int, _ direction: inout Direction, from source: inout Side) -> Bool {
        guard let buffer = direction.buffer else {
            let isAll = count == found && count < Self.heldBytesMax
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

    /// From here on what was held waits for the sink.
    private mutating func release(_ direction: inout Direction) {
        direction.flags.remove(.held)
        direction.bytes &+= UInt64(direction.end - direction.start)
    }

    // MARK: A server's first bytes

    /// One read of what a server says first. It goes on only once it is known to be what it should; until then it is kept in a lent buffer, unless it comes in
    /// one piece, as it nearly always does.
    mutating func takeOpening(_ direction: inout Direction, from source: inout Side, to sink: inout Side, as form: ServerFirst) -> OpeningResult {
        let held = Int(direction.end)
        let place = direction.buffer ?? scratch
        let count = recv(source.descriptor, place + held, BufferPool.bufferBytes - held, 0)
        guard count > 0 else {
            if count < 0, errno == EINTR { return .waiting }
            source.flags.remove(.readable)
            return count < 0 && errno == EAGAIN ? .waiting : .ended
        }
        if held + count < BufferPool.bufferBytes, !source.flags.contains(.hungUp) { source.flags.remove(.readable) }
        switch form.firstPacket(in: UnsafeRawBufferPointer(start: place, count: held + count)) {
        case .garbage: return .garbage
        case .incomplete: hold(count, &direction)
        case .refusing(let refusal):
            hold(count, &direction)
            return .refused(refusal)
        case .ready:
            passOpening(count, &direction, to: &sink)
            return .passed
        }
        return .waiting
    }

    /// What is kept of a server's first bytes.
    func heldBytes(_ direction: Direction) -> [UInt8] {
        guard let buffer = direction.buffer else { return [] }
        return Array(UnsafeRawBufferPointer(start: buffer + Int(direction.start), count: Int(direction.end - direction.start)))
    }

    /// Keeps `count` bytes that have just been read, behind those that are kept already.
    private mutating func hold(_ count: Int, _ direction: inout Direction) {
        if direction.buffer == nil { keep(count, after: 0, &direction) } else { direction.end += UInt32(count) }
        direction.flags.insert(.held)
    }

    /// Sends what has just been read; what is not taken waits as any pending bytes do. Where some is held already, all of it goes by `pump`.
    private mutating func passOpening(_ count: Int, _ direction: inout Direction, to sink: inout Side) {
        guard direction.buffer == nil else {
            direction.end += UInt32(count)
            return
        }
        direction.bytes = UInt64(count)
        let sent = send(sink.descriptor, scratch, count, Int32(MSG_NOSIGNAL))
        guard sent < count else { return }
        if sent >= 0 || errno == EAGAIN { sink.flags.remove(.writable) }
        // A sink that has failed says so once more when this is flushed.
        keep(count, after: max(0, sent), &direction)
    }

    /// One splice into the lent pipe.
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

    /// What a read of nothing means. The pipe is empty whenever a read begins, so EAGAIN is always the source's word.
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

    /// Sends pending bytes. Returns 0, or the errno that ended the sink.
    private mutating func flush(_ direction: inout Direction, to sink: inout Side) -> Int32 {
        if direction.pipeBytes > 0 { return flushPipe(&direction, to: &sink) }
        guard let buffer = direction.buffer else { return 0 }
        let count = Int(direction.end - direction.start)
        if direction.flags.contains(.delays), direction.bytes > UInt64(count) { Self.sendAtOnce(&direction, to: sink) }
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

    /// Sends what is in the pipe.
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

    /// Tells the sink that nothing more comes.
    private mutating func finish(_ direction: inout Direction, to sink: Side, isLast: Bool) -> PumpResult {
        returnPipe(&direction)
        if !direction.flags.contains(.shut) {
            direction.flags.insert(.shut)
            let isHandshake = direction.bytes == 0 && direction.flags.contains(.finishesHandshake)
            if !isLast, !isHandshake, !sink.flags.contains(.dead) { shutdown(sink.descriptor, Int32(SHUT_WR)) }
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

    /// A direction that pauses lends no pipe: the next full reads take one again.
    private mutating func returnPipe(_ direction: inout Direction) {
        guard direction.flags.contains(.spliced) else { return }
        pipes.giveBack(direction.pipe, isEmpty: direction.pipeBytes == 0)
        direction.pipe = -1
        direction.pipeBytes = 0
        direction.fullReads = 0
        direction.flags.remove(.spliced)
    }
}
