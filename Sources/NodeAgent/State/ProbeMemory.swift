import Wire

/// What a process leaves to its successor of a `probe` section.
struct ProbeMemory: Equatable, Sendable {
    /// What it answers.
    var isPassing: Bool
    /// Since when, by the machine's monotonic clock.
    var since: Instant
}
