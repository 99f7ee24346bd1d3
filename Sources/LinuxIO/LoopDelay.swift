import Wire

/// An upper bound of how long an event has waited before an event loop handles it.
///
///     wait returns .. handlers .. wait sleeps, returns .. handlers .. the event's handler
///                     |------|                          |---------|
///
/// A wait that returns fewer events than it may has returned all that were ready. So an event that a later wait returns has come since, and it has waited at most
/// for as long as the thread has done other things. The time that the thread slept in a wait does not count, except what it slept too long: then the thread, or
/// the machine, was stopped.
package struct LoopDelay: Sendable {
    /// When the last wait returned.
    private var returned: Instant
    /// What the thread did before that since an event of the last wait can have come.
    private var before = Duration.zero
    private var isBatchFull = false

    /// A loop that begins now.
    package init(now: Instant) { returned = now }

    /// A wait has returned.
    ///
    /// - Parameters:
    ///   - begin: when it was begun.
    ///   - limit: how long it was to last at most.
    ///   - isBatchFull: it has returned as many events as it may, so that others may be ready.
    package mutating func waited(from begin: Instant, atMost limit: Duration, until end: Instant, isBatchFull: Bool) {
        let overslept = max(.zero, begin.advanced(by: limit).duration(to: end))
        before = (self.isBatchFull ? before : .zero) + returned.duration(to: begin) + overslept
        (returned, self.isBatchFull) = (end, isBatchFull)
    }

    /// How long an event of the last wait may have waited at `now`.
    package func bound(now: Instant) -> Duration { before + returned.duration(to: now) }
}
