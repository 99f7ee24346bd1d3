import Wire

/// How long a peer may be silent.
package struct DetectorSettings: Equatable, Sendable {
    /// Between heartbeats: with the longest burst of loss to be borne, 0.9 s, it leaves 20 ms of the 1.1 s after which the dead are known.
    package var heartbeatInterval = Duration.milliseconds(180)
    /// Silence after which people are told.
    package var suspectAfter = Duration.milliseconds(500)
    /// Silence after which the last burst begins; grows with loss.
    package var deadAfter = Duration.seconds(1)
    /// Between pings of a peer whose heartbeat is late, and how late it is when the first one goes.
    package var pingInterval = Duration.milliseconds(10)
    /// Pings of the last burst.
    package var burstPings = 10

    /// The design's.
    package init() {}
}

/// What this node's own ears say of a peer.
///
///     unheard --heard--> alive --silence--> suspect --silence--> dying --last burst over--> dead
///                          ^                   |                   |                          |
///                          +------ heard ------+------- heard -----+---------- heard ---------+
///     alive, suspect, dying, dead --goodbye--> left --a new session, proven--> alive
///
/// Silence is this node's own running time: `credit` takes out of it what the node itself did not live through.
struct FailureDetector: Sendable {
    enum Phase: Equatable, Sendable {
        case unheard
        case alive
        case suspect
        /// The last burst: pings still to be sent.
        case dying(pingsLeft: Int)
        case dead
        case left
    }

    /// What a step asks of the caller.
    enum Step: Equatable, Sendable {
        case nothing
        case ping
        case died
    }

    let settings: DetectorSettings
    private(set) var phase = Phase.unheard
    private(set) var heard: Instant
    private var nextPing: Instant
    /// Per cent of loss, the worse direction: what the timeouts grow by.
    var loss = 0

    init(settings: DetectorSettings, now: Instant) {
        self.settings = settings
        heard = now
        nextPing = now
    }

    /// Per cent of the timeout. Pings go so often that a living peer is heard before or after the longest burst, however much is lost
    /// besides: at 30 % half of the pings fail, and some forty in a row do not. It grows by half at most.
    private var scale: Int { 100 + min(loss, 40) * 5 / 4 }
    private var suspectAt: Instant { heard.advanced(by: settings.suspectAfter) }
    private var latePingAt: Instant { max(heard.advanced(by: settings.heartbeatInterval + settings.pingInterval), nextPing) }
    private var dyingAt: Instant { heard.advanced(by: settings.deadAfter * scale / 100) }

    /// When `step` has something to do; `nil` for never.
    var nextDeadline: Instant? {
        switch phase {
        case .unheard, .dead, .left: nil
        case .alive: min(latePingAt, suspectAt)
        case .suspect: min(nextPing, dyingAt)
        case .dying: nextPing
        }
    }

    /// A verified datagram has come. True when that changes what is said of the peer.
    mutating func hear(now: Instant) -> Bool {
        guard phase != .left else { return false }
        heard = max(heard, now)
        defer { phase = .alive }
        return phase != .alive
    }

    mutating func leave() { phase = .left }

    /// A new run of the peer has been proven: what was said of the old one is void.
    mutating func restart() { phase = .unheard }

    /// Another's word: used only where the own-ears rule is switched off.
    mutating func convict() { phase = .dead }

    /// This node did not run for `gap`: its silence is not the peer's.
    mutating func credit(_ gap: Duration) {
        heard = heard.advanced(by: gap)
        nextPing = nextPing.advanced(by: gap)
    }

    /// Moves on by one step; to be called again until `.nothing`, but at most one ping falls due per call and instant.
    mutating func step(now: Instant) -> Step {
        switch phase {
        case .unheard, .dead, .left:
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
