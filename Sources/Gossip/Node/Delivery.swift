import Wire

/// The state of delivery between this node and a peer. Two revision numbers per direction replace a queue that could overflow.
struct Delivery: Sendable {
    /// The limit on DELTA datagrams without acknowledgement.
    static let windowDatagrams = 8
    static let resendMin = Duration.milliseconds(20)
    static let resendMax = Duration.seconds(1)

    /// The peer has every change up to this revision.
    private(set) var acknowledged: UInt64 = 0
    /// Changes up to this revision have been sent.
    private(set) var sent: UInt64 = 0
    /// The peer's changes up to this revision have been merged.
    var receivedThrough: UInt64 = 0
    /// Changes after this revision that came from the peer need not be sent back to it.
    private(set) var base: UInt64 = 0
    private(set) var inFlight = 0
    private var repeats = 0
    private(set) var resendAt: Instant?
    private(set) var flushedAt: Instant?
    /// The smoothed round-trip time of pings and deltas.
    private var roundTrip = Duration.milliseconds(10)
    /// The datagram whose round trip is being measured.
    private var timed: (sequence: UInt64, at: Instant)?

    /// Starts over after a new session of either side, because the peer may have lost everything.
    mutating func restart(revision: UInt64) {
        let measured = roundTrip
        self = Delivery()
        roundTrip = measured
        base = revision
    }

    var hasRoom: Bool { inFlight < Delivery.windowDatagrams }

    /// Records a DELTA that was sent as `sequence`.
    mutating func sentDelta(through: UInt64, sequence: UInt64, now: Instant) {
        sent = max(sent, through)
        inFlight += 1
        flushedAt = now
        time(sequence, now: now)
        if resendAt == nil { resendAt = now.advanced(by: resendDelay) }
    }

    /// Marks changes up to `revision` as delivered, because they came from the peer itself.
    mutating func skip(through revision: UInt64) {
        guard acknowledged == sent else { return }
        sent = max(sent, revision)
        acknowledged = sent
    }

    mutating func time(_ sequence: UInt64, now: Instant) { if timed == nil { timed = (sequence, now) } }

    /// Takes the round-trip time from an answer to datagram `sequence`.
    mutating func answered(_ sequence: UInt64, now: Instant) {
        guard let timed else { return }
        if timed.sequence == sequence {
            roundTrip = (roundTrip * 7 + timed.at.duration(to: now)) / 8
            self.timed = nil
        } else if timed.at.advanced(by: .seconds(2)) < now {
            self.timed = nil
        }
    }

    /// Takes in the peer's acknowledgement up to `revision`; a claim beyond what was sent is cut.
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

    /// No acknowledgement arrived in time: sends everything after the last one again.
    mutating func goBack() {
        sent = acknowledged
        inFlight = 0
        repeats += 1
        resendAt = nil
        timed = nil
    }

    /// The first two repeats follow quickly, in case of random loss; later pauses double, in case the peer is down.
    private var resendDelay: Duration {
        let quick = min(max(Delivery.resendMin, roundTrip * 3 / 2 + .milliseconds(5)), .milliseconds(200))
        return min(quick * (1 << max(0, min(repeats - 1, 8))), Delivery.resendMax)
    }
}
