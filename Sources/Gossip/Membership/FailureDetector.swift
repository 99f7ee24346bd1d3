import Wire

/// Timeouts and intervals of the failure detector.
package struct DetectorSettings: Equatable, Sendable {
    /// The time between heartbeats. With 180 ms a peer that loses datagrams for 0.9 s is heard 20 ms before it would be declared dead, which takes 1.1 s:
    /// `deadAfter` and the final pings.
    package var heartbeatInterval = Duration.milliseconds(180)
    /// The silence after which the peer is reported as suspect.
    package var suspectAfter = Duration.milliseconds(500)
    /// The silence after which the final pings begin; loss extends it.
    package var deadAfter = Duration.seconds(1)
    /// The time between pings to a peer whose heartbeat is late, and how late the heartbeat is when the first ping is sent.
    package var pingInterval = Duration.milliseconds(10)
    /// The number of final pings.
    package var burstPings = 10

    /// The default settings.
    package init() {}
}

/// The state of a peer by this node's own observation.
///
///     unknown --datagram-> alive --silence--> suspect --silence--> dying --final pings over--> dead
///                          ^                   |                   |                           |
///                          +----- datagram ----+----- datagram ----+-------- datagram ---------+
///     alive, suspect, dying, dead --LEAVE--> left --a new session, proven--> alive
///
/// Silence counts only the time in which this node ran: `credit` subtracts the gaps in which it was not scheduled.
struct FailureDetector: Sendable {
    enum Phase: Equatable, Sendable {
        case unknown
        case alive
        case suspect
        /// The final pings are being sent.
        case dying(pingsLeft: Int)
        case dead
        case left
    }

    /// The action that the caller takes after a step.
    enum Step: Equatable, Sendable {
        case nothing
        case ping
        case died
    }

    let settings: DetectorSettings
    private(set) var phase = Phase.unknown
    private(set) var lastHeardAt: Instant
    private var nextPing: Instant
    /// The loss in per cent in the worse direction; it extends `deadAfter`.
    var loss = 0

    init(settings: DetectorSettings, now: Instant) {
        self.settings = settings
        lastHeardAt = now
        nextPing = now
    }

    /// The percentage applied to `deadAfter`: 100 to 150, depending on loss. Pings are so frequent that a living peer is heard before or after the longest
    /// burst even with random loss: at 30 % half of the pings get no answer, and forty in a row practically never fail.
    private var scale: Int { 100 + min(loss, 40) * 5 / 4 }
    private var suspectAt: Instant { lastHeardAt.advanced(by: settings.suspectAfter) }
    private var latePingAt: Instant { max(lastHeardAt.advanced(by: settings.heartbeatInterval + settings.pingInterval), nextPing) }
    private var dyingAt: Instant { lastHeardAt.advanced(by: settings.deadAfter * scale / 100) }

    /// The time of the next step; `nil` when no step will come.
    var nextDeadline: Instant? {
        switch phase {
        case .unknown, .dead, .left: nil
        case .alive: min(latePingAt, suspectAt)
        case .suspect: min(nextPing, dyingAt)
        case .dying: nextPing
        }
    }

    /// A datagram of the peer has been verified. Returns true when that changes the peer's state.
    mutating func recordSignOfLife(now: Instant) -> Bool {
        guard phase != .left else { return false }
        lastHeardAt = max(lastHeardAt, now)
        defer { phase = .alive }
        return phase != .alive
    }

    mutating func leave() { phase = .left }

    /// A new session of the peer has been proven: the old state does not apply to it.
    mutating func restart() { phase = .unknown }

    /// Declares the peer dead because another node claims it. Used only when the `ownObservation` rule is off.
    mutating func declareDead() { phase = .dead }

    /// This node did not run for `gap`, which therefore does not count as the peer's silence.
    mutating func credit(_ gap: Duration) {
        lastHeardAt = lastHeardAt.advanced(by: gap)
        nextPing = nextPing.advanced(by: gap)
    }

    /// Advances by one step. The caller repeats it until `.nothing`. At most one ping is due per call.
    mutating func step(now: Instant) -> Step {
        switch phase {
        case .unknown, .dead, .left:
            return .nothing
        case .alive:
            guard latePingAt <= now || suspectAt <= now else { return .nothing }
            if suspectAt <= now { phase = .suspect }
            nextPing = now.advanced(by: settings.pingInterval)
            return .ping
        case .suspect:
            if dyingAt <= now {
                phase = .dying(pingsLeft: settings.burstPings - 1)
                nextPing = now.advanced(by: settings.pingInterval)
                return .ping
            }
            guard nextPing <= now else { return .nothing }
            nextPing = now.advanced(by: settings.pingInterval)
            return .ping
        case .dying(let pingsLeft):
            guard nextPing <= now else { return .nothing }
            nextPing = now.advanced(by: settings.pingInterval)
            guard pingsLeft == 0 else {
                phase = .dying(pingsLeft: pingsLeft - 1)
                return .ping
            }
            phase = .dead
            return .died
        }
    }
}
