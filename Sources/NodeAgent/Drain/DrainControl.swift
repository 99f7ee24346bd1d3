import LinuxIO
import Proxy
import Wire

/// The interface of the draining process that `DrainControl` needs.
protocol DrainingProcess: AnyObject {
    /// The number of open sessions.
    var sessionsCount: Int { get }
    /// When the oldest session was accepted, as of the last `findOldestSession`; `nil` if unknown.
    var oldestSession: Instant? { get }
    /// Whether no listener is open, and every accepted connection and request has been handled.
    var hasNoPendingWork: Bool { get }
    /// The cluster's drain lease; `nil` without gossip.
    var drainLease: (any DrainLease)? { get }
    /// Reports the drain to load balancers and to the master. Returns how long load balancers may take to notice it.
    func announceDrain() -> Duration
    /// Stops accepting sessions.
    func stopListening()
    /// Closes `count` sessions.
    func close(sessions count: Int)
    /// Makes the forwarding threads search for the oldest session.
    func findOldestSession()
    /// Logs that the process closes the remaining sessions.
    func reportHardStop()
    /// Ends the process.
    func end()
}

/// A stop without failed connects. `Draining` decides, this class performs the decisions. The lease keeps two nodes from draining at once.
///
///     `drain`                                  requests the lease; the drain begins once every live peer has granted it; refused while another node holds it
///     SIGUSR1, `drain force`, `drain-on-term`  the drain begins immediately, because a service manager's stop cannot be refused; takes the lease if it is free
final class DrainControl {
    private let settings: GlobalSettings
    private let reactor: Reactor
    private let log: any EventLog
    private unowned let process: any DrainingProcess
    private var draining: Draining?
    /// Whether an operator has requested the lease, and peers have not granted it yet.
    private var isRequestingLease = false
    /// Whether the node stops, as opposed to only this process, whose successor serves.
    private(set) var isWanted = false

    /// Prepares the drain of `process`; nothing is drained yet.
    init(_ settings: GlobalSettings, reactor: Reactor, log: any EventLog, process: any DrainingProcess) {
        (self.settings, self.reactor, self.log, self.process) = (settings, reactor, log, process)
    }

    /// Whether the process ends, at the latest with its last session.
    var isUnderWay: Bool { draining != nil }
    /// Whether every frontend has stopped accepting.
    var hasClosedListeners: Bool { draining?.hasClosedListeners ?? false }

    // MARK: Operators

    /// Begins a drain that cannot be refused: SIGUSR1, and SIGTERM with `drain-on-term`.
    func softStop() {
        isWanted = true
        guard !isUnderWay else { return }
        if let other = otherDrainingNode { log.write(.warning, "Draining although \(other) is draining as well: no node may remain for new sessions.") }
        begin()
        process.drainLease?.acquire()
    }

    /// Performs the runtime command `drain`. The answer describes the state that the command has found or caused.
    func drain(_ force: DrainForce) throws(RuntimeTargetError) -> String {
        if !isUnderWay { try ask(force) }
        return progress ?? DrainText.asking
    }

    /// Performs the runtime command `drain cancel`: withdraws the request for the lease. A drain that has begun continues, and the answer reports that.
    func cancel() -> String {
        if let progress { return progress }
        if isRequestingLease { process.drainLease?.release() }
        isRequestingLease = false
        return DrainText.cancelled
    }

    private var progress: String? {
        draining.map { DrainText.progress($0, sessions: process.sessionsCount, now: reactor.now) + "\n" }
    }

    private func ask(_ force: DrainForce) throws(RuntimeTargetError) {
        guard force == .careful, let lease = process.drainLease else { return softStop() }
        if let other = otherDrainingNode { throw .refused(DrainText.refusal(other)) }
        guard !isRequestingLease else { return }
        // This node still holds the lease from an earlier run that ended without releasing it. `acquire` would have no effect, and no grant would follow.
        guard lease.holder == nil else { return begin() }
        guard lease.canBeRequested else { throw .refused("\(GossipControl.clockUnusable) 'drain force' does not ask the other nodes.") }
        isRequestingLease = true
        lease.acquire()
    }

    private var otherDrainingNode: String? { if case .other(let name)? = process.drainLease?.holder { name } else { nil } }

    // MARK: The lease

    /// Begins the requested drain: every live peer knows that this node holds the lease.
    func leaseGranted() { if isRequestingLease { begin() } }

    /// Reacts to a new holder of the lease; `nil` if the lease is free.
    func leaseChanged(to holder: DrainLeaseHolder?) {
        guard let lease = process.drainLease, holder != .thisNode else { return }
        guard case .other(let name)? = holder else {
            // A node that drains without the lease takes it as soon as it is free.
            if isUnderWay { lease.acquire() }
            return
        }
        let subject = LogSubject(kind: "drain", about: name)
        log.write(.notice, gossip: lease.cluster, "\(name) is draining", about: subject)
        if isUnderWay { log.write(.warning, "\(name) is draining as well: no node may remain for new sessions.", about: subject) }
        if isRequestingLease { log.write(.warning, "Not draining: \(name) asked first.", about: subject) }
        isRequestingLease = false
    }

    // MARK: The drain

    private func begin() {
        isWanted = true
        let announcement = process.announceDrain()
        finish(announcing: announcement)
        if announcement > .zero { logProgress() }
    }

    /// Closes the listeners without an announcement: the node stops with this process's last session.
    func leave() {
        isWanted = true
        if !hasClosedListeners { finish() }
    }

    /// Makes this process end: its listeners close after `announcement`, and it exits with its last session.
    func finish(announcing announcement: Duration = .zero) {
        let plan = DrainPlan(announcement: announcement, hardStopAfter: settings.hardStopAfter, closeSpread: settings.closeSpreadTime)
        draining = Draining(plan, now: reactor.now)
        isRequestingLease = false
        poll()
    }

    private func poll() {
        guard var draining else { return }
        let outputs = draining.advance(sessions: process.sessionsCount, listenersAreClosed: process.hasNoPendingWork, now: reactor.now)
        self.draining = draining
        for output in outputs { carryOut(output) }
        guard draining.state != .over else { return }
        reactor.setTimer(at: draining.nextDeadline(now: reactor.now)) { [unowned self] in poll() }
    }

    private func carryOut(_ output: Draining.Output) {
        switch output {
        case .closeListeners: process.stopListening()
        case .close(let count): process.close(sessions: count)
        case .report:
            // The threads need a moment to find the oldest session.
            process.findOldestSession()
            reactor.setTimer(at: reactor.now.advanced(by: Draining.pollInterval)) { [unowned self] in logProgress() }
        case .hardStop: process.reportHardStop()
        case .end: process.end()
        }
    }

    private func logProgress() {
        guard let draining else { return }
        log.write(.notice, DrainText.progress(draining, sessions: process.sessionsCount, oldest: process.oldestSession, now: reactor.now))
    }
}
