import CLinux
import Glibc
import Gossip
import LinuxIO
import Synchronization
import Wire

/// The result of one measurement.
struct Reading {
    var datagrams = 0
    var nanoseconds: Int64 = 0
    /// The number of datagrams in the expected counter.
    var counted = 0

    /// Datagrams a second of the thread's CPU time, user and system.
    var rate: Int { nanoseconds > 0 ? Int(Double(datagrams) * 1e9 / Double(nanoseconds)) : 0 }
}

enum Measuring {
    private static let batch = 32

    /// CPU time of the calling thread, user and system.
    static func threadNanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// The core alone: `receive` in a loop for about `seconds` of CPU time.
    static func core(_ junk: Junk, _ sort: Junk.Sort, seconds: Double) -> Reading {
        var node = junk.node
        var outputs = GossipOutputs()
        let before = sort.counter(node.counters)
        let began = threadNanoseconds()
        var reading = Reading()
        while reading.nanoseconds < Int64(seconds * 1e9) {
            let now = MonotonicClock.now()
            for _ in 0..<64 * batch {
                let number = reading.datagrams
                node.receive(
                    sort.datagrams[number % sort.datagrams.count][...], from: sort.sources[number % sort.sources.count], now: now, into: &outputs)
                reading.datagrams += 1
            }
            outputs.removeAll()
            reading.nanoseconds = threadNanoseconds() - began
        }
        reading.counted = sort.counter(node.counters) - before
        return reading
    }

    /// The core behind a real socket on loopback, as in a node: another thread sends as fast as it can, for `seconds`.
    static func socket(_ junk: Junk, _ sort: Junk.Sort, seconds: Double) throws -> Reading {
        let socket = try DatagramSocket(bind: .ip(.v4(0x7f00_0001), port: 0), receiveBuffer: 4 << 20)
        guard let target = socket.localAddress else { throw JunkError(message: "the socket has no address") }
        let isOver = Flag()
        let datagrams = sort.datagrams
        let sender = try Thread(named: "junk") {
            guard let socket = try? DatagramSocket(bind: .ip(.v4(0x7f00_0001), port: 0), receiveBuffer: 4_096) else { return }
            flood(socket.raw, datagrams, to: target, until: isOver)
        }
        let reading = Result { try receive(socket, junk, sort, seconds: seconds) }
        isOver.raise()
        sender.join()
        return try reading.get()
    }

    private static func receive(_ socket: DatagramSocket, _ junk: Junk, _ sort: Junk.Sort, seconds: Double) throws(SystemError) -> Reading {
        var node = junk.node
        var outputs = GossipOutputs()
        var reading = Reading()
        let before = sort.counter(node.counters)
        let (began, end) = (threadNanoseconds(), MonotonicClock.now().advanced(by: .seconds(seconds)))
        var now = MonotonicClock.now()
        while now < end {
            let count = try socket.receive { bytes, source in node.receive(bytes, from: source, now: now, into: &outputs) }
            outputs.removeAll()
            reading.datagrams += count
            // A flood that the node keeps up with costs little. The measurement is for a node that is behind, whose queue is never empty.
            if count == 0 { usleep(2_000) }
            now = MonotonicClock.now()
        }
        reading.nanoseconds = threadNanoseconds() - began
        reading.counted = sort.counter(node.counters) - before
        return reading
    }

    /// Set once by one thread, read by another.
    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        var isRaised: Bool { value.load(ordering: .relaxed) }
        func raise() { value.store(true, ordering: .relaxed) }
    }

    private static func flood(_ raw: Int32, _ datagrams: [[UInt8]], to target: SocketAddress, until isOver: Flag) {
        let joined = datagrams.flatMap { $0 }
        joined.withUnsafeBytes { bytes in
            var (list, start): ([clinux_datagram], Int) = ([], 0)
            for datagram in datagrams {
                list.append(clinux_datagram(bytes: bytes.baseAddress.map { $0 + start }, count: UInt32(datagram.count)))
                start += datagram.count
            }
            while list.count < batch { list += list }
            var next = 0
            while !isOver.isRaised {
                if next + batch > list.count { next = 0 }
                list.withUnsafeBufferPointer { list in
                    _ = RawSocketAddress(target).withPointer {
                        clinux_send_datagrams(raw, $0, $1, list.baseAddress.map { $0 + next }, UInt32(batch))
                    }
                }
                next += batch
            }
        }
    }
}
