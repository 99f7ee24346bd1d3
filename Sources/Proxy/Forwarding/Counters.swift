import LinuxIO
import Synchronization

// HAProxy's names for what is counted. Each worker has counters of its own; readers add them up.

/// What one worker has counted for one frontend.
package struct FrontendCounters: ~Copyable, Sendable {
    /// Connections accepted.
    package let connections = Counter()
    /// Bytes from and to clients.
    package let bytesIn = Counter()
    package let bytesOut = Counter()
}

/// What one worker has counted for one server, or for a backend's sessions that found none.
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

/// All that one worker has counted.
package final class WorkerCounters: Sendable {
    /// By frontend.
    package let frontends: SharedCells<FrontendCounters>
    /// By server, flat over all backends.
    package let servers: SharedCells<ServerCounters>
    /// By backend: its sessions, and what belongs to no server.
    package let backends: SharedCells<ServerCounters>
    /// Bytes that went through pipes.
    package let splicedBytes = Counter()
    /// Sessions, buffers and pipes that were in use after the last wake-up.
    package let sessionsNow = Counter()
    package let buffersNow = Counter()
    package let pipesNow = Counter()
    /// When the oldest session was accepted, in milliseconds of the monotonic clock, as of the last `findOldest`; 0 for none.
    package let oldestSession = Counter()

    /// Zeros for so many frontends, servers and backends.
    package init(frontends: Int, servers: Int, backends: Int) {
        self.frontends = SharedCells(count: frontends) { _ in FrontendCounters() }
        self.servers = SharedCells(count: servers) { _ in ServerCounters() }
        self.backends = SharedCells(count: backends) { _ in ServerCounters() }
    }
}

extension Counter {
    /// Raises to at least `value`; for the one thread that writes.
    borrowing func raise(to value: UInt64) { if value > self.value { add(value - self.value) } }

    /// Replaces the value; for the one thread that writes.
    borrowing func set(_ value: UInt64) { if value != self.value { add(value &- self.value) } }
}
