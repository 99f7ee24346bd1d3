// Connects two interfaces like a link: a frame that arrives at one leaves at the other, at the time that its `DelayLine` sets.
// Frames must be complete when they are read, with segments and checksums, so `ethtool -K` turns the offloads off (see TESTING.md).

import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

/// The result of one direction.
package struct RelayReport: Codable, Sendable {
    /// The direction, "FROM > TO".
    package let way: String
    /// The counts of the delay line.
    package let counts: LinkCounts
    /// Frames that were too long, or that the interface refused.
    package let refused: Int
}

/// True after SIGTERM.
private let isTerminated = Atomic<Bool>(false)

/// A link between two interfaces. The process must be root in their network namespace.
package struct FrameRelay {
    /// The limit on frames read from one interface before the other is read.
    private static let framesPerTurn = 64
    /// Fits an interface's MTU of 1500 and its header. A longer frame was not segmented and is refused.
    private static let frameBytesMax = 2048

    private struct Way {
        let name: String
        let source: OpenFile
        let target: OpenFile
        var line: DelayLine
        var refused = 0

        mutating func receiveFrames(now: Instant) throws(SystemError) {
            for _ in 0..<FrameRelay.framesPerTurn {
                guard let frame = try Sockets.receive(source.raw, upTo: FrameRelay.frameBytesMax) else { return }
                if frame.count < FrameRelay.frameBytesMax { line.enter(frame, now: now) } else { refused += 1 }
            }
        }

        mutating func sendDueFrames(now: Instant) {
            while let frame = line.nextDue(now: now) {
                if send(target.raw, frame, frame.count, 0) != frame.count { refused += 1 }
            }
        }
    }

    private var ways: [Way]

    /// - Parameters:
    ///   - first: an interface, and the link for frames that arrive there.
    ///   - second: the other interface and its link.
    /// - Throws: `SystemError` when an interface does not exist or the process may not open packet sockets.
    package init(between first: (String, LinkSettings), and second: (String, LinkSettings), seed: UInt64) throws(SystemError) {
        let ends = (try Self.open(first.0), try Self.open(second.0))
        ways = [
            Way(name: "\(first.0) > \(second.0)", source: ends.0, target: ends.1, line: DelayLine(first.1, seed: seed)),
            Way(name: "\(second.0) > \(first.0)", source: ends.1, target: ends.0, line: DelayLine(second.1, seed: ~seed)),
        ]
    }

    /// The results so far, one per direction.
    package var reports: [RelayReport] { ways.map { RelayReport(way: $0.name, counts: $0.line.counts, refused: $0.refused) } }

    /// Opens a socket that receives every frame that arrives at `interface`, except those that it sends.
    private static func open(_ interface: String) throws(SystemError) -> OpenFile {
        let index = if_nametoindex(interface)
        guard index > 0 else { throw .last("if_nametoindex \(interface)") }
        let protocols = UInt16(ETH_P_ALL).bigEndian
        let raw = socket(AF_PACKET, Int32(SOCK_RAW.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { throw .last("socket") }
        let end = OpenFile(FileDescriptor(owning: raw))
        var on: Int32 = 1
        var bytes: Int32 = 4 << 20
        guard setsockopt(raw, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, socklen_t(MemoryLayout<Int32>.size)) == 0 else { throw .last("setsockopt") }
        setsockopt(raw, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_ll()
        address.sll_family = UInt16(AF_PACKET)
        address.sll_protocol = protocols
        address.sll_ifindex = Int32(index)
        let bound = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(raw, $0, socklen_t(MemoryLayout<sockaddr_ll>.size)) }
        }
        guard bound == 0 else { throw .last("bind \(interface)") }
        return end
    }

    /// Relays frames for `limit`, or until SIGTERM.
    package mutating func run(atMost limit: Duration) throws(SystemError) {
        isTerminated.store(false, ordering: .relaxed)
        signal(SIGTERM) { _ in isTerminated.store(true, ordering: .relaxed) }
        defer { signal(SIGTERM, SIG_DFL) }
        var now = MonotonicClock.now()
        let end = now.advanced(by: limit)
        while now < end, !isTerminated.load(ordering: .relaxed) {
            try waitForFrames(until: end, now: now)
            now = MonotonicClock.now()
            for index in ways.indices {
                try ways[index].receiveFrames(now: now)
                ways[index].sendDueFrames(now: now)
            }
        }
    }

    /// Waits until a frame arrives or is due, at most 50 ms, because another thread may receive the signal.
    private func waitForFrames(until end: Instant, now: Instant) throws(SystemError) {
        let next = ways.compactMap(\.line.nextDeadline).min() ?? end
        let milliseconds = min(50, max(0, (now.duration(to: min(next, end)).wholeNanoseconds + 999_999) / 1_000_000))
        var descriptors = ways.map { pollfd(fd: $0.source.raw, events: Int16(POLLIN), revents: 0) }
        guard poll(&descriptors, nfds_t(descriptors.count), Int32(milliseconds)) >= 0 || errno == EINTR else { throw .last("poll") }
    }
}
