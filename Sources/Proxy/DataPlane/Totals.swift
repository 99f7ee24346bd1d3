// Sums of all threads' counters, computed on demand.

/// The totals of a frontend, or of one of its binds.
package struct FrontendTotals: Equatable, Sendable {
    /// Connections accepted.
    package private(set) var connections: UInt64 = 0
    /// Bytes from clients.
    package private(set) var bytesIn: UInt64 = 0
    /// Bytes to clients.
    package private(set) var bytesOut: UInt64 = 0

    /// Creates zeros.
    package init() {}

    /// All numbers, in declaration order.
    package var numbers: [UInt64] { [connections, bytesIn, bytesOut] }

    mutating func add(_ counters: borrowing FrontendCounters) {
        connections &+= counters.connections.value
        bytesIn &+= counters.bytesIn.value
        bytesOut &+= counters.bytesOut.value
    }
}

/// Totals of servers, or of a backend's sessions without a server.
package struct ServingTotals: Equatable, Sendable {
    /// Connects begun for sessions. For a backend: sessions assigned to it.
    package private(set) var sessions: UInt64 = 0
    /// How often a server was chosen.
    package private(set) var chosen: UInt64 = 0
    /// Connects begun.
    package private(set) var connects: UInt64 = 0
    /// Bytes from clients.
    package private(set) var bytesIn: UInt64 = 0
    /// Bytes to clients.
    package private(set) var bytesOut: UInt64 = 0
    /// Sessions that gave up after a failed connect.
    package private(set) var connectErrors: UInt64 = 0
    /// Connects that were retried.
    package private(set) var retries: UInt64 = 0
    /// Sessions that were moved to another server.
    package private(set) var redispatches: UInt64 = 0
    /// Transfers that the client aborted.
    package private(set) var clientAborts: UInt64 = 0
    /// Transfers that the server aborted.
    package private(set) var serverAborts: UInt64 = 0
    /// The time in the queue: milliseconds, summed over `measured` sessions.
    package private(set) var queueTime: UInt64 = 0
    /// The time until connected: milliseconds, summed over `measured` sessions.
    package private(set) var connectTime: UInt64 = 0
    /// The duration: milliseconds, summed over `measured` sessions.
    package private(set) var totalTime: UInt64 = 0
    /// Sessions that had a connection to a server and have ended.
    package private(set) var measured: UInt64 = 0
    /// The longest time in the queue, in milliseconds.
    package private(set) var queueTimeMax: UInt64 = 0
    /// The longest connect, in milliseconds.
    package private(set) var connectTimeMax: UInt64 = 0
    /// The longest session, in milliseconds.
    package private(set) var totalTimeMax: UInt64 = 0
    /// When the last session ended, in seconds since 1970; 0 before the first.
    package private(set) var lastSession: UInt64 = 0

    /// Creates zeros.
    package init() {}

    /// All numbers, in declaration order: fourteen sums, three maxima, and the time of the last session.
    package var numbers: [UInt64] {
        [
            sessions, chosen, connects, bytesIn, bytesOut, connectErrors, retries, redispatches, clientAborts, serverAborts, queueTime, connectTime,
            totalTime, measured, queueTimeMax, connectTimeMax, totalTimeMax, lastSession,
        ]
    }

    /// Adds another total.
    package mutating func add(_ other: ServingTotals) {
        sessions &+= other.sessions
        chosen &+= other.chosen
        connects &+= other.connects
        bytesIn &+= other.bytesIn
        bytesOut &+= other.bytesOut
        connectErrors &+= other.connectErrors
        retries &+= other.retries
        redispatches &+= other.redispatches
        clientAborts &+= other.clientAborts
        serverAborts &+= other.serverAborts
        queueTime &+= other.queueTime
        connectTime &+= other.connectTime
        totalTime &+= other.totalTime
        measured &+= other.measured
        queueTimeMax = max(queueTimeMax, other.queueTimeMax)
        connectTimeMax = max(connectTimeMax, other.connectTimeMax)
        totalTimeMax = max(totalTimeMax, other.totalTimeMax)
        lastSession = max(lastSession, other.lastSession)
    }

    mutating func add(_ counters: borrowing ServerCounters) {
        var other = ServingTotals()
        other.sessions = counters.sessions.value
        other.chosen = counters.chosen.value
        other.connects = counters.connects.value
        other.bytesIn = counters.bytesIn.value
        other.bytesOut = counters.bytesOut.value
        other.connectErrors = counters.connectErrors.value
        other.retries = counters.retries.value
        other.redispatches = counters.redispatches.value
        other.clientAborts = counters.clientAborts.value
        other.serverAborts = counters.serverAborts.value
        other.queueTime = counters.queueTime.value
        other.connectTime = counters.connectTime.value
        other.totalTime = counters.totalTime.value
        other.measured = counters.measured.value
        other.queueTimeMax = counters.queueTimeMax.value
        other.connectTimeMax = counters.connectTimeMax.value
        other.totalTimeMax = counters.totalTimeMax.value
        other.lastSession = counters.lastSession.value
        add(other)
    }
}

extension ForwardingState {
    /// The totals of a frontend, including earlier processes.
    package func totals(ofFrontend frontend: Int) -> FrontendTotals {
        var totals = FrontendTotals()
        for thread in allCounters { totals.add(thread.frontends[frontend].pointee) }
        return totals
    }

    /// The totals of a bind with statistics, by its flat index, without earlier processes.
    package func totals(ofBind bind: Int) -> FrontendTotals {
        var totals = FrontendTotals()
        for thread in counters { totals.add(thread.binds[bind].pointee) }
        return totals
    }

    /// The totals of servers, by their flat indexes.
    package func totals(ofServers servers: Range<Int>) -> ServingTotals {
        var totals = ServingTotals()
        for thread in allCounters {
            for server in servers { totals.add(thread.servers[server].pointee) }
        }
        return totals
    }

    /// The totals of a backend: its sessions, and events without a server.
    package func totals(ofBackend backend: Int) -> ServingTotals {
        var totals = ServingTotals()
        for thread in allCounters { totals.add(thread.backends[backend].pointee) }
        return totals
    }

    /// The connects begun for sessions at a server, by its flat index.
    package func sessionsTotal(ofServer server: Int) -> Int {
        var sum: UInt64 = 0
        for thread in allCounters { sum &+= thread.servers[server].pointee.sessions.value }
        return Int(clamping: sum)
    }

    /// The sessions assigned to a backend.
    package func sessionsTotal(ofBackend backend: Int) -> Int {
        Int(clamping: SharedAddresses(self).sessionsBegun(of: backend) &+ inherited.backends[backend].pointee.sessions.value)
    }
}
