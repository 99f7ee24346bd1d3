import Wire

/// The state of a `probe` section that a process passes to its successor.
struct ProbeMemory: Equatable, Sendable {
    /// Whether the answer is pass.
    var isPassing: Bool
    /// Since when, by the machine's monotonic clock.
    var since: Instant
}
