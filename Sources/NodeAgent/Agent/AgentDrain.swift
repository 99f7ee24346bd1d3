import LinuxIO
import Proxy
import Wire

/// The effects of a drain on this process.
extension Agent: DrainingProcess {
    var sessionsCount: Int { state.process[0].pointee.sessions.value }

    var oldestSession: Instant? { forwarder.oldestSession }

    var hasNoPendingWork: Bool { isStopping && forwarder.hasStoppedListening && handshakes?.isIdle != false && isAnswered }

    /// Whether every client of this process has its answer. After a takeover, clients that this process accepted get no answer from the successor.
    private var isAnswered: Bool {
        guard let lingersUntil, reactor.now < lingersUntil else { return true }
        return !probe.hasOpenConnections && runtime?.connectionsCurrent == 0
    }

    var drainLease: (any DrainLease)? { gossip.runner }

    func announceDrain() -> Duration {
        let announcement = probe.drain()
        successions.reportDraining()
        return announcement
    }

    func stopListening() {
        exposedSockets = []
        forwarder.stopListening()
        lifecycle.logListenersStopped()
    }

    func close(sessions count: Int) { forwarder.close(sessions: count) }

    func findOldestSession() { forwarder.findOldest() }

    func reportHardStop() { lifecycle.logHardStop() }

    func end() { reactor.stop() }
}
