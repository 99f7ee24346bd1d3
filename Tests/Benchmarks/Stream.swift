import CLinux
import Glibc

/// The endless pattern that bulk connections carry, so that a lost, doubled or swapped piece shows.
///
/// It repeats every `period` bytes, as 8-byte words that count from zero. A receiver compares the head of each piece it reads and
/// lets the kernel throw the rest away: the load must not cost more than the proxy.
struct StreamPattern: ~Copyable {
    /// Bytes until the pattern repeats, and the most that one call sends.
    static let period = 256 * 1024
    /// Bytes compared of each piece.
    private static let headBytes = 16
    /// The most that one call throws away.
    private static let discardBytes = 1 << 20

    private let bytes: UnsafeMutableRawPointer
    private let head: UnsafeMutableRawPointer

    /// Lays the pattern out twice, so that a whole period can be sent from any place in it.
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

    /// Sends what the kernel takes at `position`: bytes, 0 when it takes none now, -errno.
    borrowing func send(_ raw: Int32, at position: Int64) -> Int {
        let sent = Glibc.send(raw, bytes + Int(position % Int64(Self.period)), Self.period, Int32(MSG_NOSIGNAL))
        if sent >= 0 { return sent }
        return errno == EAGAIN ? 0 : -Int(errno)
    }

    /// Takes what has arrived at `position`: bytes, 0 when nothing waits, -errno; -EPIPE at the end of the stream, -EILSEQ when it is not the pattern.
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
