import Wire

/// An upper bound of how long an event has waited before an event loop handles it.
///
///     wait returns .. handlers .. wait sleeps, returns .. handlers .. the event's handler
///                     |------|                          |---------|
///
/// A wait that returns fewer events than its limit has returned every event that was ready. An event that a later wait returns has arrived since then, so it has
/// waited no longer than the thread has spent on other work. Time asleep in a wait does not count, except the part beyond the wait's limit: during that part the
/// thread, or the machine, was stopped.
package struct LoopDelay: Sendable {
    /// When the last wait returned.
    private var returned: Instant
    /// The time before `returned` during which an event of the last wait may already have waited.
    private var before = Duration.zero
    private var isBatchFull = false

    /// A loop that begins now.
    package init(now: Instant) { returned = now }

    /// A wait has returned.
    ///
    /// - Parameters:
    ///   - begin: when the wait began.
    ///   - limit: the longest time that it was allowed to last.
    ///   - isBatchFull: the wait has returned as many events as it can at once, so others may be ready.
    package mutating func waited(from begin: Instant, atMost limit: Duration, until end: Instant, isBatchFull: Bool) {
        let overslept = max(.zero, begin.advanced(by: limit).duration(to: end))
        before = (self.isBatchFull ? before : .zero) + returned.duration(to: begin) + overslept
        (returned, self.isBatchFull) = (end, isBatchFull)
    }

    /// How long an event of the last wait may have waited at `now`.
    package func bound(now: Instant) -> Duration { before + returned.duration(to: now) }
}
