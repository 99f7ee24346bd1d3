import LinuxIO
import Proxy
import Wire

/// The rates of connections, sessions and bytes. Forwarding threads only count: the control thread reads their totals ten times a second while they grow, and whenever a
/// rate is read.
struct RateSamples {
    static let interval = Duration.milliseconds(100)

    var connections = EventRate()
    var bytes = EventRate()
    var frontends: [EventRate]
    var backends: [EventRate]
    /// By flat index.
    var servers: [EventRate]
    /// Backends that had sessions when their servers' totals were last read.
    var wereOccupied: [Bool]
    /// True while the next read is at most `interval` away.
    var isDueSoon = false

    /// Nothing counted, for so many of each.
    init(frontends: Int, backends: Int, servers: Int) {
        self.frontends = Array(repeating: EventRate(), count: frontends)
        self.backends = Array(repeating: EventRate(), count: backends)
        self.servers = Array(repeating: EventRate(), count: servers)
        wereOccupied = Array(repeating: false, count: backends)
    }
}

extension Agent {
    /// Reads the totals, and again soon if any has grown. Otherwise the next read follows when a thread has something to do, or at the next tick.
    func sampleRates() {
        guard !rates.isDueSoon else { return }
        let now = reactor.now
        if sampleRates(of: occupiedBackends(), { $0.count($1, now: now) }) { sampleRatesSoon() } else { state.awaitWork() }
    }

    /// Reads the totals after `RateSamples.interval`: a thread has something to do, so they may grow.
    func sampleRatesSoon() {
        guard !rates.isDueSoon else { return }
        rates.isDueSoon = true
        reactor.setTimer(at: reactor.now.advanced(by: RateSamples.interval)) { [unowned self] in
            rates.isDueSoon = false
            sampleRates()
        }
    }

    /// Ignores what was counted so far: another process counted it.
    func startRates() {
        sampleRates(of: configuration.backends.indices) { rate, total in
            rate.start(from: total)
            return false
        }
    }

    /// Gives `take` each rate with its total; of backends and servers, only those of `backends`. Returns whether any total has grown.
    @discardableResult
    private func sampleRates(of backends: some Sequence<Int>, _ take: (inout EventRate, Int) -> Bool) -> Bool {
        var hasGrown = false
        for index in rates.frontends.indices where take(&rates.frontends[index], Int(clamping: state.totals(ofFrontend: index).connections)) {
            hasGrown = true
        }
        for index in backends {
            if take(&rates.backends[index], state.sessionsTotal(ofBackend: index)) { hasGrown = true }
            let first = state.firstServers[index]
            for server in first..<first + configuration.backends[index].servers.count {
                if take(&rates.servers[server], state.sessionsTotal(ofServer: server)) { hasGrown = true }
            }
        }
        let forwarded = forwardedTotals()
        if take(&rates.connections, forwarded.connections) { hasGrown = true }
        if take(&rates.bytes, forwarded.bytes) { hasGrown = true }
        return hasGrown
    }

    /// The backends whose totals may have grown since the last read: those that have sessions, had sessions then, or have had sessions in between.
    private func occupiedBackends() -> [Int] {
        configuration.backends.indices.filter { index in
            let (isOccupied, wasOccupied) = (state.backendCells[index].pointee.sessions.value > 0, rates.wereOccupied[index])
            rates.wereOccupied[index] = isOccupied
            return isOccupied || wasOccupied || state.sessionsTotal(ofBackend: index) != rates.backends[index].total
        }
    }

    /// The connections and the bytes of all frontends.
    func forwardedTotals() -> (connections: Int, bytes: Int) {
        var (connections, bytes): (UInt64, UInt64) = (0, 0)
        for index in configuration.frontends.indices {
            let totals = state.totals(ofFrontend: index)
            connections &+= totals.connections
            bytes &+= totals.bytesIn &+ totals.bytesOut
        }
        return (Int(clamping: connections), Int(clamping: bytes))
    }
}
