import CLinux
import Glibc

/// The endless pattern of bulk connections, which makes a lost, doubled or swapped piece visible.
///
/// It repeats every `period` bytes, as 8-byte words that count from zero. A receiver compares the head of each piece it reads and
/// lets the kernel drop the rest: the load must not cost more than the proxy.
struct StreamPattern: ~Copyable {
    /// The bytes until the pattern repeats, and the maximum that one call sends.
    static let period = 256 * 1024
    /// Bytes compared of each piece.
    private static let headBytes = 16
    /// The maximum that one call drops.
    private static let discardBytes = 1 << 20

    private let bytes: UnsafeMutableRawPointer
    private let head: UnsafeMutableRawPointer

    /// Writes the pattern twice, so that a whole period can be sent from any offset.
    init() {
        bytes = .allocate(byteCount: 2 * Self.period, alignment: 4096)
        head = .allocate(byteCount: Self.headBytes, alignment: 16)
        let words = Self.period / 8
        for index in 0..<(2 * words) { bytes.storeBytes(of: UInt64(index % words), toByteOffset: index * 8, as: UInt64.self) }
    }

    deinit {
        bytes.deallocate()
        head.deallocate()
    }

    /// Sends the bytes from `position` that the kernel accepts: their number, 0 when it accepts none, -errno.
    borrowing func send(_ raw: Int32, at position: Int64) -> Int {
        let sent = Glibc.send(raw, bytes + Int(position % Int64(Self.period)), Self.period, Int32(MSG_NOSIGNAL))
        if sent >= 0 { return sent }
        return errno == EAGAIN ? 0 : -Int(errno)
    }

    /// Takes the bytes that have arrived at `position`: their number, 0 when none waits, -errno; -EPIPE at the end of the stream, -EILSEQ for a wrong pattern.
    borrowing func receive(_ raw: Int32, at position: Int64) -> Int {
        let first = recv(raw, head, Self.headBytes, 0)
        guard first > 0 else { return first == 0 ? -Int(EPIPE) : errno == EAGAIN ? 0 : -Int(errno) }
        guard memcmp(head, bytes + Int(position % Int64(Self.period)), first) == 0 else { return -Int(EILSEQ) }
        guard first == Self.headBytes else { return first }
        // With MSG_TRUNC, TCP drops the bytes without copying them; the buffer is never written.
        let rest = recv(raw, bytes, Self.discardBytes, Int32(MSG_TRUNC))
        return first + max(0, rest)
    }
}
