import Wire

/// How far a peer has this node's changes, and this node the peer's. Two numbers each: no queue to overflow.
struct Delivery: Sendable {
    /// DELTAs on the way at once.
    static let windowDatagrams = 8
    static let resendMin = Duration.milliseconds(20)
    static let resendMax = Duration.seconds(1)

    /// The peer has every change through here.
    private(set) var acknowledged: UInt64 = 0
    /// Changes through here are on the way.
    private(set) var sent: UInt64 = 0
    /// The peer's changes through here are merged.
    var receivedThrough: UInt64 = 0
    /// Changes after this that the peer told itself need not go back to it.
    private(set) var base: UInt64 = 0
    private(set) var inFlight = 0
    private var repeats = 0
    private(set) var resendAt: Instant?
    private(set) var flushedAt: Instant?
    /// Smoothed, of answers to pings and deltas.
    private var roundTrip = Duration.milliseconds(10)
    /// The datagram whose answer is timed.
    private var timed: (sequence: UInt64, at: Instant)?

    /// After a new run of either side: the peer may have nothing.
    mutating func restart(revision: UInt64) {
        let measured = roundTrip
        self = Delivery()
        roundTrip = measured
        base = revision
    }

    var hasRoom: Bool { inFlight < Delivery.windowDatagrams }

    /// A DELTA went out as `sequence`.
    mutating func sentDelta(through: UInt64, sequence: UInt64, now: Instant) {
        sent = max(sent, through)
        inFlight += 1
        flushedAt = now
        time(sequence, now: now)
        if resendAt == nil { resendAt = now.advanced(by: resendDelay) }
    }

    /// All changes through `revision` came from the peer itself.
    mutating func skip(through revision: UInt64) {
        guard acknowledged == sent else { return }
        sent = max(sent, revision)
        acknowledged = sent
    }

    mutating func time(_ sequence: UInt64, now: Instant) { if timed == nil { timed = (sequence, now) } }

    /// An answer to datagram `sequence` has come.
    mutating func answered(_ sequence: UInt64, now: Instant) {
        guard let timed else { return }
        if timed.sequence == sequence {
            roundTrip = (roundTrip * 7 + timed.at.duration(to: now)) / 8
            self.timed = nil
        } else if timed.at.advanced(by: .seconds(2)) < now {
            self.timed = nil
        }
    }

    /// The peer has everything through `revision`, which it cannot claim beyond what was sent.
    mutating func acknowledge(through revision: UInt64, now: Instant) {
        let reached = min(revision, sent)
        guard reached > acknowledged else { return }
        acknowledged = reached
        repeats = 0
        inFlight = acknowledged == sent ? 0 : max(0, inFlight - 1)
        resendAt = acknowledged == sent ? nil : now.advanced(by: resendDelay)
    }

    /// The peer's tables equal this node's at `revision`.
    mutating func isEqual(at revision: UInt64) {
        (acknowledged, sent, inFlight, repeats, resendAt) = (revision, revision, 0, 0, nil)
    }

    /// Nothing was acknowledged in time: everything since goes again.
    mutating func goBack() {
        sent = acknowledged
        inFlight = 0
        repeats += 1
        resendAt = nil
        timed = nil
    }

    /// The first two repeats come quickly, for what is lost at random; then ever later, for what is down.
    private var resendDelay: Duration {
        let quick = min(max(Delivery.resendMin, roundTrip * 3 / 2 + .milliseconds(5)), .milliseconds(200))
        return min(quick * (1 << max(0, min(repeats - 1, 8))), Delivery.resendMax)
    }
}
