import Wire

/// An upper bound of the time that an event has waited before the event loop handles it.
///
///     wait returns .. handlers .. wait sleeps, returns .. handlers .. the event's handler
///                     |------|                          |---------|
///
/// A wait that returns fewer events than its limit has returned every ready event. An event of a later wait has therefore arrived since, and has waited at most
/// for the time that the thread has spent on other work. Time asleep in a wait does not count, except beyond the wait's limit: the thread or the machine was
/// stopped then.
package struct LoopDelay: Sendable {
    /// When the last wait returned.
    private var returned: Instant
    /// The time before `returned` during which an event of the last wait may already have waited.
    private var before = Duration.zero
    private var isBatchFull = false

    /// Creates the state of a loop that starts at `now`.
    package init(now: Instant) { returned = now }

    /// Records the return of a wait.
    ///
    /// - Parameters:
    ///   - begin: the start of the wait.
    ///   - limit: the timeout of the wait.
    ///   - isBatchFull: true when the wait has returned its maximum of events, so that others may be ready.
    package mutating func waited(from begin: Instant, atMost limit: Duration, until end: Instant, isBatchFull: Bool) {
        let overslept = max(.zero, begin.advanced(by: limit).duration(to: end))
        before = (self.isBatchFull ? before : .zero) + returned.duration(to: begin) + overslept
        (returned, self.isBatchFull) = (end, isBatchFull)
    }

    /// Returns the longest time for which an event of the last wait may have waited at `now`.
    package func bound(now: Instant) -> Duration { before + returned.duration(to: now) }
}
