import Gossip
import LinuxIO
import Proxy
import Wire

/// How far the agent is with its end.
struct DrainState {
    /// The drain, once it has begun.
    var underWay: Draining?
    /// An operator wants it, and the peers have been asked.
    var isAsking = false
    /// The node is to stop, not only this process to end after its last session.
    var isWanted = false
}

/// Stopping without a failed connect: `Draining` decides, this carries it out; the lease keeps two nodes from draining at once.
///
///     `drain`                                  the lease is asked for, the drain begins when every live peer knows of it; refused when another node has it
///     SIGUSR1, `drain force`, `drain-on-term`  the drain begins at once: whoever stops a service cannot be refused. The lease is taken if nobody has it
extension Agent {
    /// SIGUSR1, and SIGTERM with `drain-on-term`.
    func softStop() {
        draining.isWanted = true
        guard draining.underWay == nil else { return }
        if let other = otherDrainingNode {
            log.write(.warning, "Draining although \(other) is draining, too: no node may be left for new sessions.")
        }
        begin()
        if let gossip { gossip.feed(.acquireLease(gossip.plan.drainLease)) }
    }

    /// The runtime command `drain`. What it answers is the state it has found or made.
    func drain(_ force: DrainForce) throws(RuntimeTargetError) -> String {
        if draining.underWay == nil { try ask(force) }
        guard let underWay = draining.underWay else { return DrainText.asking }
        return DrainText.progress(underWay, sessions: sessions, now: reactor.now) + "\n"
    }

    /// The runtime command `drain cancel`: the peers' answer no longer counts. A drain that has begun goes on, and the command's answer reports that.
    func cancelDrain() -> String {
        if let underWay = draining.underWay { return DrainText.progress(underWay, sessions: sessions, now: reactor.now) + "\n" }
        if draining.isAsking, let gossip { gossip.feed(.releaseLease(gossip.plan.drainLease)) }
        draining.isAsking = false
        return DrainText.cancelled
    }

    private func ask(_ force: DrainForce) throws(RuntimeTargetError) {
        guard force == .careful, let gossip else { return softStop() }
        if let other = otherDrainingNode { throw .refused(DrainText.refusal(other)) }
        guard !draining.isAsking else { return }
        // Left by an earlier run that did not say goodbye: nobody else has it, and nobody would be asked.
        guard drainLeaseHolder == nil else { return begin() }
        guard gossip.core.canStamp(now: reactor.now) else { throw .refused("\(Agent.clockUnusable) 'drain force' asks no other node.") }
        draining.isAsking = true
        gossip.feed(.acquireLease(gossip.plan.drainLease))
    }

    // MARK: The lease

    /// Every live peer knows that this node drains.
    func drainLeaseGranted(_ lease: UInt64) {
        guard lease == gossip?.plan.drainLease, draining.isAsking else { return }
        begin()
    }

    /// Another node drains, or none any more.
    func drainLeaseChanged(_ lease: UInt64, holder: NodeID?) {
        guard let gossip, lease == gossip.plan.drainLease, holder != gossip.plan.settings.node else { return }
        guard let holder else {
            // One that drains without the lease takes it as soon as it is free.
            if draining.underWay != nil { gossip.feed(.acquireLease(lease)) }
            return
        }
        let name = gossip.plan.name(of: holder)
        let subject = LogSubject(kind: "drain", about: name)
        log.write(.notice, gossip: gossip.plan.section.name, "\(name) is draining", about: subject)
        if draining.underWay != nil { log.write(.warning, "\(name) is draining, too: no node may be left for new sessions.", about: subject) }
        if draining.isAsking { log.write(.warning, "Not draining: \(name) has asked first.", about: subject) }
        draining.isAsking = false
    }

    private var drainLeaseHolder: NodeID? {
        guard let gossip else { return nil }
        return gossip.core.holder(ofLease: gossip.plan.drainLease, now: reactor.now)
    }

    private var otherDrainingNode: String? {
        guard let gossip, let holder = drainLeaseHolder, holder != gossip.plan.settings.node else { return nil }
        return gossip.plan.name(of: holder)
    }

    // MARK: The drain

    private var sessions: Int { state.process[0].pointee.sessions.value }

    private func begin() {
        draining.isWanted = true
        let announcement = probing?.drainTime ?? .zero
        probing?.drain()
        for succession in successions { succession.tellLeaving() }
        beginToEnd(announcing: announcement)
        if announcement > .zero { tellProgress() }
    }

    /// From here on this process ends: after `announcement` its listeners close, and it goes with its last session.
    func beginToEnd(announcing announcement: Duration) {
        let global = configuration.global
        let plan = DrainPlan(announcement: announcement, hardStopAfter: global.hardStopAfter, closeSpread: global.closeSpreadTime)
        draining.underWay = Draining(plan, now: reactor.now)
        draining.isAsking = false
        lookAtDrain()
    }

    private func lookAtDrain() {
        guard var underWay = draining.underWay else { return }
        let isQuiet = isStopping && forwarder.hasStoppedListening && handshakes?.isIdle != false && isAnswered
        let outputs = underWay.look(sessions: sessions, listenersAreClosed: isQuiet, now: reactor.now)
        draining.underWay = underWay
        for output in outputs { carryOut(output) }
        guard underWay.state != .over else { return }
        reactor.setTimer(at: underWay.nextDeadline(now: reactor.now)) { [unowned self] in lookAtDrain() }
    }

    private func carryOut(_ output: Draining.Output) {
        switch output {
        case .closeListeners: stopListening()
        case .close(let count): forwarder.close(sessions: count)
        case .report:
            // The threads look first.
            forwarder.findOldest()
            reactor.setTimer(at: reactor.now.advanced(by: Draining.look)) { [unowned self] in tellProgress() }
        case .hardStop: tellHardStop()
        case .end: reactor.stop()
        }
    }

    private func tellProgress() {
        guard let underWay = draining.underWay else { return }
        log.write(.notice, DrainText.progress(underWay, sessions: sessions, oldest: forwarder.oldestSession, now: reactor.now))
    }

    /// HAProxy's lines, which its log readers know.
    private func tellHardStop() {
        log.write(.warning, "soft-stop running for too long, performing a hard-stop.")
        for proxy in outlines.stoppingOrder {
            guard let frontend = proxy.frontend else { continue }
            let left = frontendStatistics(frontend).sessions.current
            guard left > 0 else { continue }
            log.write(.warning, "Proxy \(proxy.name) hard-stopped (\(left) remaining conns will be closed).", frontend: frontend)
        }
    }
}

/// What is said of a drain.
enum DrainText {
    /// The answer while the peers have not answered.
    static let asking = "Asking the other nodes: ask again for the outcome.\n"

    /// The answer when no drain has begun, and none will without another command.
    static let cancelled = "Not draining.\n"

    /// What every text about a drain under way begins with.
    static let progressBegins = "Draining: "

    /// The refusal.
    static func refusal(_ other: String) -> String { "\(other) is draining: wait until it is back, or say 'drain force'." }

    /// How far a drain has come.
    ///
    /// - Parameter oldest: when the oldest session was accepted; `nil` when that is not known.
    static func progress(_ drain: Draining, sessions: Int, oldest: Instant? = nil, now: Instant) -> String {
        let noun = sessions == 1 ? "session" : "sessions"
        let age = oldest.map { ", the oldest \(seconds($0, now)) old" } ?? ""
        switch drain.state {
        case .announced(let until): return progressBegins + "the probe fails, the ports close in \(seconds(now, until)), \(sessions) \(noun)\(age)."
        case .waiting(let hardStop):
            let rest = hardStop.map { ", which close in \(seconds(now, $0))" } ?? ""
            return progressBegins + "the ports are closed, \(sessions) \(noun) left\(sessions > 0 ? age + rest : "")."
        case .over: return progressBegins + "over, \(sessions) \(noun) left."
        }
    }

    /// Rounded up.
    private static func seconds(_ from: Instant, _ to: Instant) -> String { "\((max(0, from.duration(to: to).wholeMilliseconds) + 999) / 1_000)s" }
}
