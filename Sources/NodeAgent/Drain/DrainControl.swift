import LinuxIO
import Proxy
import Wire

/// The process that drains, as far as `DrainControl` needs it.
protocol DrainingProcess: AnyObject {
    /// Sessions now.
    var sessionsCount: Int { get }
    /// When the oldest session was accepted, as of `findOldestSession`; `nil` for not known.
    var oldestSession: Instant? { get }
    /// No listener is open, and everything that was accepted or asked before has been dealt with.
    var isQuiet: Bool { get }
    /// The cluster's lease; `nil` without gossip.
    var drainLease: (any DrainLease)? { get }
    /// Tells load balancers and the master that the node drains. Returns how long load balancers may take to notice it.
    func announceDrain() -> Duration
    /// No new sessions from here on.
    func stopListening()
    /// Closes so many sessions.
    func close(sessions count: Int)
    /// Lets the threads look for the oldest session.
    func findOldestSession()
    /// The sessions that are left close with the process: tells it.
    func tellHardStop()
    /// Ends the process.
    func end()
}

/// Stopping without a failed connect: `Draining` decides, this carries it out; the lease keeps two nodes from draining at once.
///
///     `drain`                                  the lease is asked for, the drain begins when every live peer knows of it; refused when another node has it
///     SIGUSR1, `drain force`, `drain-on-term`  the drain begins at once: whoever stops a service cannot be refused. The lease is taken if nobody has it
final class DrainControl {
    private let settings: GlobalSettings
    private let reactor: Reactor
    private let log: any EventLog
    private unowned let process: any DrainingProcess
    private var draining: Draining?
    /// An operator wants it, and the peers have been asked.
    private var isAsking = false
    /// The node is to stop, not only this process to end after its last session.
    private(set) var isWanted = false

    /// Drains `process` when it is asked to.
    init(_ settings: GlobalSettings, reactor: Reactor, log: any EventLog, process: any DrainingProcess) {
        (self.settings, self.reactor, self.log, self.process) = (settings, reactor, log, process)
    }

    /// The process ends, at the latest with its last session.
    var isUnderWay: Bool { draining != nil }
    /// No frontend accepts any more.
    var hasClosedListeners: Bool { draining?.hasClosedListeners ?? false }

    // MARK: Operators

    /// SIGUSR1, and SIGTERM with `drain-on-term`.
    func softStop() {
        isWanted = true
        guard !isUnderWay else { return }
        if let other = otherDrainingNode { log.write(.warning, "Draining although \(other) is draining, too: no node may be left for new sessions.") }
        begin()
        process.drainLease?.acquire()
    }

    /// The runtime command `drain`. What it answers is the state it has found or made.
    func drain(_ force: DrainForce) throws(RuntimeTargetError) -> String {
        if !isUnderWay { try ask(force) }
        return progress ?? DrainText.asking
    }

    /// The runtime command `drain cancel`: the peers' answer no longer counts. A drain that has begun goes on, and the command's answer reports that.
    func cancel() -> String {
        if let progress { return progress }
        if isAsking { process.drainLease?.release() }
        isAsking = false
        return DrainText.cancelled
    }

    private var progress: String? {
        draining.map { DrainText.progress($0, sessions: process.sessionsCount, now: reactor.now) + "\n" }
    }

    private func ask(_ force: DrainForce) throws(RuntimeTargetError) {
        guard force == .careful, let lease = process.drainLease else { return softStop() }
        if let other = otherDrainingNode { throw .refused(DrainText.refusal(other)) }
        guard !isAsking else { return }
        // Left by an earlier run that did not say goodbye: nobody else has it, and nobody would be asked.
        guard lease.holder == nil else { return begin() }
        guard lease.canBeAskedFor else { throw .refused("\(GossipControl.clockUnusable) 'drain force' asks no other node.") }
        isAsking = true
        lease.acquire()
    }

    private var otherDrainingNode: String? { if case .other(let name)? = process.drainLease?.holder { name } else { nil } }

    // MARK: The lease

    /// Every live peer knows that this node drains.
    func leaseGranted() { if isAsking { begin() } }

    /// Another node holds the lease, or none any more.
    func leaseChanged(to holder: DrainLeaseHolder?) {
        guard let lease = process.drainLease, holder != .thisNode else { return }
        guard case .other(let name)? = holder else {
            // One that drains without the lease takes it as soon as it is free.
            if isUnderWay { lease.acquire() }
            return
        }
        let subject = LogSubject(kind: "drain", about: name)
        log.write(.notice, gossip: lease.cluster, "\(name) is draining", about: subject)
        if isUnderWay { log.write(.warning, "\(name) is draining, too: no node may be left for new sessions.", about: subject) }
        if isAsking { log.write(.warning, "Not draining: \(name) has asked first.", about: subject) }
        isAsking = false
    }

    // MARK: The drain

    private func begin() {
        isWanted = true
        let announcement = process.announceDrain()
        finish(announcing: announcement)
        if announcement > .zero { tellProgress() }
    }

    /// The node stops with this process's last session, and nobody is told before: its listeners close now.
    func leave() {
        isWanted = true
        if !hasClosedListeners { finish() }
    }

    /// From here on this process ends: after `announcement` its listeners close, and it goes with its last session.
    func finish(announcing announcement: Duration = .zero) {
        let plan = DrainPlan(announcement: announcement, hardStopAfter: settings.hardStopAfter, closeSpread: settings.closeSpreadTime)
        draining = Draining(plan, now: reactor.now)
        isAsking = false
        look()
    }

    private func look() {
        guard var draining else { return }
        let outputs = draining.look(sessions: process.sessionsCount, listenersAreClosed: process.isQuiet, now: reactor.now)
        self.draining = draining
        for output in outputs { carryOut(output) }
        guard draining.state != .over else { return }
        reactor.setTimer(at: draining.nextDeadline(now: reactor.now)) { [unowned self] in look() }
    }

    private func carryOut(_ output: Draining.Output) {
        switch output {
        case .closeListeners: process.stopListening()
        case .close(let count): process.close(sessions: count)
        case .report:
            // The threads look first.
            process.findOldestSession()
            reactor.setTimer(at: reactor.now.advanced(by: Draining.look)) { [unowned self] in tellProgress() }
        case .hardStop: process.tellHardStop()
        case .end: process.end()
        }
    }

    private func tellProgress() {
        guard let draining else { return }
        log.write(.notice, DrainText.progress(draining, sessions: process.sessionsCount, oldest: process.oldestSession, now: reactor.now))
    }
}
