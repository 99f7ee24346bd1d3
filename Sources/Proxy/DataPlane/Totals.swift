// The sums of all forwarding threads' counters. They are computed when they are read, which is rare.

/// What was counted for one frontend.
package struct FrontendTotals: Equatable, Sendable {
    /// Connections accepted.
    package private(set) var connections: UInt64 = 0
    /// Bytes from clients.
    package private(set) var bytesIn: UInt64 = 0
    /// Bytes to clients.
    package private(set) var bytesOut: UInt64 = 0

    /// Nothing counted.
    package init() {}

    /// All of them, in this order.
    package var numbers: [UInt64] { [connections, bytesIn, bytesOut] }

    mutating func add(_ counters: borrowing FrontendCounters) {
        connections &+= counters.connections.value
        bytesIn &+= counters.bytesIn.value
        bytesOut &+= counters.bytesOut.value
    }
}

/// What was counted for servers, or for a backend's sessions that found none.
package struct ServingTotals: Equatable, Sendable {
    /// Sessions that a connect was begun for; of a backend itself those that came to it.
    package private(set) var sessions: UInt64 = 0
    /// How often it was chosen.
    package private(set) var chosen: UInt64 = 0
    /// Connects begun.
    package private(set) var connects: UInt64 = 0
    /// Bytes from clients.
    package private(set) var bytesIn: UInt64 = 0
    /// Bytes to clients.
    package private(set) var bytesOut: UInt64 = 0
    /// Connects that failed for good.
    package private(set) var connectErrors: UInt64 = 0
    /// Connects that were tried again.
    package private(set) var retries: UInt64 = 0
    /// Connects that went on to another server.
    package private(set) var redispatches: UInt64 = 0
    /// Transfers that the client broke off.
    package private(set) var clientAborts: UInt64 = 0
    /// Transfers that the server broke off.
    package private(set) var serverAborts: UInt64 = 0
    /// Milliseconds in the queue, over `measured` sessions.
    package private(set) var queueTime: UInt64 = 0
    /// Milliseconds of connecting.
    package private(set) var connectTime: UInt64 = 0
    /// Milliseconds in all.
    package private(set) var totalTime: UInt64 = 0
    /// Sessions that were measured.
    package private(set) var measured: UInt64 = 0
    /// The longest time in the queue, in milliseconds.
    package private(set) var queueTimeMax: UInt64 = 0
    /// The longest connect.
    package private(set) var connectTimeMax: UInt64 = 0
    /// The longest session.
    package private(set) var totalTimeMax: UInt64 = 0
    /// When the last session began, in seconds since 1970; 0 before the first.
    package private(set) var lastSession: UInt64 = 0

    /// Nothing counted.
    package init() {}

    /// All of them: fourteen sums, then the three longest times and the time of the last session.
    package var numbers: [UInt64] {
        [
            sessions, chosen, connects, bytesIn, bytesOut, connectErrors, retries, redispatches, clientAborts, serverAborts, queueTime, connectTime,
            totalTime, measured, queueTimeMax, connectTimeMax, totalTimeMax, lastSession,
        ]
    }

    /// Adds what was counted for others.
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
    /// What was counted for a frontend, including by earlier processes.
    package func totals(ofFrontend frontend: Int) -> FrontendTotals {
        var totals = FrontendTotals()
        for thread in allCounters { totals.add(thread.frontends[frontend].pointee) }
        return totals
    }

    /// What was counted for servers, by their flat indexes.
    package func totals(ofServers servers: Range<Int>) -> ServingTotals {
        var totals = ServingTotals()
        for thread in allCounters {
            for server in servers { totals.add(thread.servers[server].pointee) }
        }
        return totals
    }

    /// What was counted for a backend itself: its sessions, and events that belong to no server.
    package func totals(ofBackend backend: Int) -> ServingTotals {
        var totals = ServingTotals()
        for thread in allCounters { totals.add(thread.backends[backend].pointee) }
        return totals
    }

    /// The sessions for which a connect to this server was begun, by its flat index.
    package func sessionsTotal(ofServer server: Int) -> Int {
        var sum: UInt64 = 0
        for thread in allCounters { sum &+= thread.servers[server].pointee.sessions.value }
        return Int(clamping: sum)
    }

    /// The sessions that came to a backend.
    package func sessionsTotal(ofBackend backend: Int) -> Int {
        Int(clamping: SharedAddresses(self).sessionsBegun(of: backend) &+ inherited.backends[backend].pointee.sessions.value)
    }
}
