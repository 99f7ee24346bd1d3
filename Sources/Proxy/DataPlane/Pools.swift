// The hot path: buffers and pipes come from free lists. The lists grow only when more are lent at once than ever before.

import CLinux
import Glibc

/// Buffers for bytes that a sink has not taken. An idle session holds none.
struct BufferPool: ~Copyable {
    /// The smallest size of a buffer.
    static let bufferBytesMin = 65_536
    /// The most free buffers that are kept. Further ones are deallocated.
    private static let keptMax = 64

    /// The size of a buffer: the most bytes of one read.
    let bufferBytes: Int
    private let free = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: keptMax)
    private var freeCount = 0
    /// The number of lent buffers.
    private(set) var lentCount = 0

    /// Creates a pool of buffers of `bufferBytes`.
    init(bufferBytes: Int = bufferBytesMin) { self.bufferBytes = bufferBytes }

    deinit {
        for index in 0..<freeCount { free[index].deallocate() }
        free.deallocate()
    }

    /// Lends a buffer of `bufferBytes`.
    mutating func lend() -> UnsafeMutableRawPointer {
        lentCount += 1
        guard freeCount > 0 else { return .allocate(byteCount: bufferBytes, alignment: 64) }
        freeCount -= 1
        return free[freeCount]
    }

    /// Takes a lent buffer back.
    mutating func giveBack(_ buffer: UnsafeMutableRawPointer) {
        lentCount -= 1
        guard freeCount < Self.keptMax else { return buffer.deallocate() }
        free[freeCount] = buffer
        freeCount += 1
    }
}

/// Pipes for splice(2).
struct PipePool: ~Copyable {
    /// The most pipes per thread.
    static let pipesMax = 256
    /// The requested capacity of a pipe in bytes. The kernel may grant less.
    static let pipeBytes: Int32 = 524_288

    private struct Pipe: BitwiseCopyable {
        var read: Int32
        var write: Int32
        var nextFree: Int32
    }

    private let pipes = UnsafeMutablePointer<Pipe>.allocate(capacity: pipesMax)
    private let limit: Int
    private var count = 0
    private var free: Int32 = -1
    /// The number of lent pipes.
    private(set) var lentCount = 0

    /// Creates a pool of at most `limit` pipes. When all are lent, streams are copied.
    init(limit: Int = pipesMax) { self.limit = min(limit, Self.pipesMax) }

    deinit {
        for index in 0..<count where pipes[index].read >= 0 {
            close(pipes[index].read)
            close(pipes[index].write)
        }
        pipes.deallocate()
    }

    /// Lends an empty pipe and returns its index; `nil` when the limit is reached or the system has no descriptors.
    mutating func lend() -> Int32? {
        if free >= 0 {
            let index = free
            free = pipes[Int(index)].nextFree
            if pipes[Int(index)].read >= 0 || open(Int(index)) {
                lentCount += 1
                return index
            }
            pipes[Int(index)].nextFree = free
            free = index
            return nil
        }
        guard count < limit, open(count) else { return nil }
        count += 1
        lentCount += 1
        return Int32(count - 1)
    }

    /// Takes a lent pipe back. A pipe that still contains bytes is closed, so that they never reach another session.
    mutating func giveBack(_ index: Int32, isEmpty: Bool) {
        lentCount -= 1
        if !isEmpty {
            close(pipes[Int(index)].read)
            close(pipes[Int(index)].write)
            pipes[Int(index)].read = -1
        }
        pipes[Int(index)].nextFree = free
        free = index
    }

    /// The descriptors of a lent pipe.
    func ends(_ index: Int32) -> (read: Int32, write: Int32) { (pipes[Int(index)].read, pipes[Int(index)].write) }

    private mutating func open(_ index: Int) -> Bool {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { clinux_pipe($0.assumingMemoryBound(to: Int32.self).baseAddress) }
        guard result == 0 else { return false }
        _ = clinux_pipe_resize(ends.1, Self.pipeBytes)
        pipes[index] = Pipe(read: ends.0, write: ends.1, nextFree: -1)
        return true
    }
}
