import LinuxIO
import Synchronization

// HAProxy's names for what is counted. Each forwarding thread has counters of its own; readers add them up.

/// What one thread has counted for one frontend.
package struct FrontendCounters: ~Copyable, Sendable {
    /// Connections accepted.
    package let connections = Counter()
    /// Bytes from and to clients.
    package let bytesIn = Counter()
    package let bytesOut = Counter()
}

/// What one thread has counted for one server, or for a backend's sessions that found none.
package struct ServerCounters: ~Copyable, Sendable {
    /// Sessions that a connect to it was begun for, each attempt anew, and how often it was chosen; a backend's are those that came to it.
    package let sessions = Counter()
    package let chosen = Counter()
    /// Connects begun.
    package let connects = Counter()
    /// Bytes from and to clients.
    package let bytesIn = Counter()
    package let bytesOut = Counter()
    /// Connects that failed for good, and those that were tried again: on the same server, on another.
    package let connectErrors = Counter()
    package let retries = Counter()
    package let redispatches = Counter()
    /// Transfers that the client or the server broke off.
    package let clientAborts = Counter()
    package let serverAborts = Counter()
    /// Milliseconds in the queue, connecting and in all, as sums over `measured` sessions, and the longest ones.
    package let queueTime = Counter()
    package let connectTime = Counter()
    package let totalTime = Counter()
    package let measured = Counter()
    package let queueTimeMax = Counter()
    package let connectTimeMax = Counter()
    package let totalTimeMax = Counter()
    /// Wall clock of the last session, in seconds since 1970; 0 before the first one.
    package let lastSession = Counter()
}

extension FrontendCounters {
    /// Adds what was counted elsewhere, in the order of `FrontendTotals.numbers`; for the one thread that writes.
    package borrowing func add(_ numbers: [UInt64]) {
        guard numbers.count == 3 else { return }
        connections.add(numbers[0])
        bytesIn.add(numbers[1])
        bytesOut.add(numbers[2])
    }
}

extension ServerCounters {
    private static let count = 18

    /// Adds what was counted elsewhere, in the order of `ServingTotals.numbers`; for the one thread that writes.
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

/// What one thread reports about itself.
package struct ThreadCell: ~Copyable, Sendable {
    /// Bytes that went through pipes.
    package let splicedBytes = Counter()
    /// How many rounds of its event loop it has begun, and where it is (`ThreadPlace`).
    package let rounds = Counter()
    package let place = Counter()
    /// Sessions, buffers and pipes that were in use after the last wake-up.
    package let sessionsNow = Counter()
    package let buffersNow = Counter()
    package let pipesNow = Counter()
    /// When the oldest session was accepted, in milliseconds of the monotonic clock, as of the last `findOldest`; 0 for none.
    package let oldestSession = Counter()
}

/// All that one thread has counted. No other thread's counters, and nothing else, are in the same cache lines.
package final class ThreadCounters: Sendable {
    /// By frontend.
    package let frontends: SharedCells<FrontendCounters>
    /// By server, flat over all backends.
    package let servers: SharedCells<ServerCounters>
    /// By backend: its sessions, and what belongs to no server.
    package let backends: SharedCells<ServerCounters>
    private let cells = SharedCells<ThreadCell>(count: 1) { _ in ThreadCell() }
    /// What the thread reports about itself.
    package var own: ThreadCell { _read { yield cells[0].pointee } }
    /// Where the counters are, for the thread, which does not outlive them.
    var addresses: CounterAddresses {
        CounterAddresses(own: cells.addresses, frontends: frontends.addresses, servers: servers.addresses, backends: backends.addresses)
    }

    /// Zeros for so many frontends, servers and backends.
    package init(frontends: Int, servers: Int, backends: Int) {
        self.frontends = SharedCells(count: frontends) { _ in FrontendCounters() }
        self.servers = SharedCells(count: servers) { _ in ServerCounters() }
        self.backends = SharedCells(count: backends) { _ in ServerCounters() }
    }
}

/// Where a thread's counters are: to use them retains nothing.
struct CounterAddresses: Sendable {
    /// One cell.
    let own: ElementAddresses<ThreadCell>
    let frontends: ElementAddresses<FrontendCounters>
    let servers: ElementAddresses<ServerCounters>
    let backends: ElementAddresses<ServerCounters>
}

extension Counter {
    /// Raises to at least `value`; for the one thread that writes.
    borrowing func raise(to value: UInt64) { if value > self.value { add(value - self.value) } }

    /// Replaces the value; for the one thread that writes.
    borrowing func set(_ value: UInt64) { if value != self.value { add(value &- self.value) } }
}
