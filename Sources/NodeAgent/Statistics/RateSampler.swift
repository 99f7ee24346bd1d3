import LinuxIO
import Proxy
import Wire

/// The rates of connections, sessions and bytes. Forwarding threads only count. The control thread reads their totals ten times a second while they grow, and
/// when a rate is read.
final class RateSampler {
    private static let interval = Duration.milliseconds(100)

    /// The rates of the whole process.
    var connections = EventRate()
    var bytes = EventRate()
    /// By index of the frontend or backend.
    var frontends: [EventRate]
    var backends: [EventRate]
    /// By flat index.
    var servers: [EventRate]
    /// Whether the next read is at most `interval` away.
    private(set) var isDueSoon = false
    private let state: ForwardingState
    private let reactor: Reactor
    /// By backend: whether it had sessions at the last read.
    private var hadSessions: [Bool]

    /// Nothing counted.
    init(_ state: ForwardingState, reactor: Reactor) {
        (self.state, self.reactor) = (state, reactor)
        frontends = Array(repeating: EventRate(), count: state.frontends.count)
        backends = Array(repeating: EventRate(), count: state.backends.count)
        servers = Array(repeating: EventRate(), count: state.serverCells.count)
        hadSessions = Array(repeating: false, count: state.backends.count)
    }

    /// Reads the totals, and schedules the next read if any has grown. Otherwise the next read follows when a thread wakes up or at the next tick.
    func sample() {
        guard !isDueSoon else { return }
        let now = reactor.now
        if read(backendsToRead(), { $0.count($1, now: now) }) { sampleSoon() } else { state.awaitWork() }
    }

    /// Schedules a read after `interval`, because a thread has woken up and the totals may grow.
    func sampleSoon() {
        guard !isDueSoon else { return }
        isDueSoon = true
        reactor.setTimer(at: reactor.now.advanced(by: Self.interval)) { [unowned self] in
            isDueSoon = false
            sample()
        }
    }

    /// Ignores earlier counts, because another process has counted them.
    func skipInheritedCounts() {
        read(state.backends.indices) { rate, total in
            rate.start(from: total)
            return false
        }
    }

    /// Passes each rate with its total to `take`; of backends and servers, only those of `chosen`. Returns whether any total has grown.
    @discardableResult
    private func read(_ chosen: some Sequence<Int>, _ take: (inout EventRate, Int) -> Bool) -> Bool {
        var hasGrown = false
        for index in frontends.indices where take(&frontends[index], Int(clamping: state.totals(ofFrontend: index).connections)) {
            hasGrown = true
        }
        for index in chosen {
            if take(&backends[index], state.sessionsTotal(ofBackend: index)) { hasGrown = true }
            let first = state.firstServers[index]
            for server in first..<first + state.backends[index].servers.count {
                if take(&servers[server], state.sessionsTotal(ofServer: server)) { hasGrown = true }
            }
        }
        let forwarded = forwardedTotals()
        if take(&connections, forwarded.connections) { hasGrown = true }
        if take(&bytes, forwarded.bytes) { hasGrown = true }
        return hasGrown
    }

    /// The backends whose totals may have grown since the last read: those that have sessions, had sessions at that read, or have had sessions in between.
    private func backendsToRead() -> [Int] {
        state.backends.indices.filter { index in
            let (isOccupied, wasOccupied) = (state.backendCells[index].pointee.sessions.value > 0, hadSessions[index])
            hadSessions[index] = isOccupied
            return isOccupied || wasOccupied || state.sessionsTotal(ofBackend: index) != backends[index].total
        }
    }

    /// The number of connections and bytes of all frontends.
    func forwardedTotals() -> (connections: Int, bytes: Int) {
        var (connections, bytes): (UInt64, UInt64) = (0, 0)
        for index in state.frontends.indices {
            let totals = state.totals(ofFrontend: index)
            connections &+= totals.connections
            bytes &+= totals.bytesIn &+ totals.bytesOut
        }
        return (Int(clamping: connections), Int(clamping: bytes))
    }
}
