import LinuxIO
import Synchronization

// The names follow HAProxy's statistics. Each forwarding thread has its own counters, and readers add them up.

/// One thread's counters of a frontend, or of one of its binds.
package struct FrontendCounters: ~Copyable, Sendable {
    /// Connections accepted.
    package let connections = Counter()
    /// Bytes from and to clients.
    package let bytesIn = Counter()
    package let bytesOut = Counter()
}

/// One thread's counters of a server, or of a backend's sessions without a server.
package struct ServerCounters: ~Copyable, Sendable {
    /// `sessions`: the attempts to connect for sessions, or for a backend the sessions assigned to it. `chosen`: how often the server was chosen.
    package let sessions = Counter()
    package let chosen = Counter()
    /// Connects begun.
    package let connects = Counter()
    /// Bytes from and to clients.
    package let bytesIn = Counter()
    package let bytesOut = Counter()
    /// Sessions that gave up after a failed connect, connects retried on the same server or after a pause, and redispatches to another server.
    package let connectErrors = Counter()
    package let retries = Counter()
    package let redispatches = Counter()
    /// Transfers that the client or the server aborted.
    package let clientAborts = Counter()
    package let serverAborts = Counter()
    /// Milliseconds in the queue, until connected, and in total: sums over `measured` sessions, and the maxima.
    package let queueTime = Counter()
    package let connectTime = Counter()
    package let totalTime = Counter()
    package let measured = Counter()
    package let queueTimeMax = Counter()
    package let connectTimeMax = Counter()
    package let totalTimeMax = Counter()
    /// When the last session ended, in seconds since 1970; 0 before the first one.
    package let lastSession = Counter()
}

extension FrontendCounters {
    /// Adds counts from another process, in the order of `FrontendTotals.numbers`. Only the owning thread may call it.
    package borrowing func add(_ numbers: [UInt64]) {
        guard numbers.count == 3 else { return }
        connections.add(numbers[0])
        bytesIn.add(numbers[1])
        bytesOut.add(numbers[2])
    }
}

extension ServerCounters {
    private static let count = 18

    /// Adds counts from another process, in the order of `ServingTotals.numbers`. Only the owning thread may call it.
    package borrowing func add(_ numbers: [UInt64]) {
        guard numbers.count == Self.count else { return }
        sessions.add(numbers[0])
        chosen.add(numbers[1])
        connects.add(numbers[2])
        bytesIn.add(numbers[3])
        bytesOut.add(numbers[4])
        connectErrors.add(numbers[5])
        retries.add(numbers[6])
        redispatches.add(numbers[7])
        clientAborts.add(numbers[8])
        serverAborts.add(numbers[9])
        queueTime.add(numbers[10])
        connectTime.add(numbers[11])
        totalTime.add(numbers[12])
        measured.add(numbers[13])
        queueTimeMax.raise(to: numbers[14])
        connectTimeMax.raise(to: numbers[15])
        totalTimeMax.raise(to: numbers[16])
        lastSession.raise(to: numbers[17])
    }
}

/// One thread's state, as it reports it to other threads.
package struct ThreadCell: ~Copyable, Sendable {
    /// Bytes that went through pipes.
    package let splicedBytes = Counter()
    /// The number of event loop rounds begun, and the current `ThreadActivity`.
    package let rounds = Counter()
    package let activity = Counter()
    /// Sessions, buffers and pipes in use at the end of the last round.
    package let sessionsNow = Counter()
    package let buffersNow = Counter()
    package let pipesNow = Counter()
    /// When the oldest session was accepted, in milliseconds of the monotonic clock, as of the last `findOldest`; 0 without sessions.
    package let oldestSession = Counter()
}

/// One thread's counters. They share no cache line with data of other threads.
package final class ThreadCounters: Sendable {
    /// By frontend.
    package let frontends: SharedCells<FrontendCounters>
    /// By server, flat over all backends.
    package let servers: SharedCells<ServerCounters>
    /// By backend: its sessions, and events without a server.
    package let backends: SharedCells<ServerCounters>
    /// By bind, flat over all frontends; zero for binds without statistics.
    package let binds: SharedCells<FrontendCounters>
    private let cells = SharedCells<ThreadCell>(count: 1) { _ in ThreadCell() }
    /// The thread's report about its own state.
    package var own: ThreadCell { _read { yield cells[0].pointee } }
    /// The counters' addresses for the thread, which must not outlive this object.
    var addresses: CounterAddresses {
        CounterAddresses(
            own: cells.addresses, frontends: frontends.addresses, servers: servers.addresses, backends: backends.addresses, binds: binds.addresses)
    }

    /// Creates zeroed counters for this many frontends, servers, backends and binds.
    package init(frontends: Int, servers: Int, backends: Int, binds: Int = 0) {
        self.frontends = SharedCells(count: frontends) { _ in FrontendCounters() }
        self.servers = SharedCells(count: servers) { _ in ServerCounters() }
        self.backends = SharedCells(count: backends) { _ in ServerCounters() }
        self.binds = SharedCells(count: binds) { _ in FrontendCounters() }
    }
}

/// The addresses of a thread's counters. Using them retains nothing.
struct CounterAddresses: Sendable {
    /// One cell.
    let own: ElementAddresses<ThreadCell>
    let frontends: ElementAddresses<FrontendCounters>
    let servers: ElementAddresses<ServerCounters>
    let backends: ElementAddresses<ServerCounters>
    let binds: ElementAddresses<FrontendCounters>
}

extension Counter {
    /// Raises the value to at least `value`. Only one thread may write.
    borrowing func raise(to value: UInt64) { if value > self.value { add(value - self.value) } }

    /// Sets the value. Only one thread may write.
    borrowing func set(_ value: UInt64) { if value != self.value { add(value &- self.value) } }
}
