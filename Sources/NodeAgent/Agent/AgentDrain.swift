import LinuxIO
import Proxy
import Wire

/// What a drain does to this process.
extension Agent: DrainingProcess {
    var sessionsCount: Int { state.process[0].pointee.sessions.value }

    var oldestSession: Instant? { forwarder.oldestSession }

    var isQuiet: Bool { isStopping && forwarder.hasStoppedListening && handshakes?.isIdle != false && isAnswered }

    /// False while somebody who has asked this process, and no other, waits for its answer.
    private var isAnswered: Bool {
        guard let lingersUntil, reactor.now < lingersUntil else { return true }
        return !probe.isAsked && runtime?.connectionsCurrent == 0
    }

    var drainLease: (any DrainLease)? { gossip.runner }

    func announceDrain() -> Duration {
        let announcement = probe.drain()
        successions.tellLeaving()
        return announcement
    }

    func stopListening() {
        exposedSockets = []
        forwarder.stopListening()
        lifecycle.stopsListening()
    }

    func close(sessions count: Int) { forwarder.close(sessions: count) }

    func findOldestSession() { forwarder.findOldest() }

    func tellHardStop() { lifecycle.hardStops() }

    func end() { reactor.stop() }
}
