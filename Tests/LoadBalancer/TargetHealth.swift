// The verdict on one target, from its probes only. No I/O, no clock.

/// The outcome of one probe.
enum ProbeOutcome: Equatable {
    /// The target accepted, or answered 200.
    case passed
    /// The probe failed, for this reason.
    case failed(reason: String)
}

/// The numbers of probes in a row that change a verdict.
struct HealthThresholds: Equatable {
    /// Passes that make an unhealthy target healthy.
    var healthy = 2
    /// Failures that make a target unhealthy.
    var unhealthy = 2
}

/// A target's health, counted as by a Network Load Balancer: a new target needs one pass, an unhealthy one `thresholds.healthy` in a row.
///
///               one pass                  unhealthy failures in a row
///     initial ------------> healthy ------------------------------------> unhealthy
///        |                         <------------------------------------     ^
///        |                              healthy passes in a row              |
///        +-------------------------------------------------------------------+
///                          unhealthy failures in a row
struct TargetHealth: Equatable {
    enum State: Equatable {
        case initial(failures: Int)
        case healthy(failures: Int)
        case unhealthy(passes: Int)
    }

    let thresholds: HealthThresholds
    private(set) var state: State = .initial(failures: 0)

    init(_ thresholds: HealthThresholds) { self.thresholds = thresholds }

    /// True when it gets new flows.
    var isHealthy: Bool {
        switch state {
        case .healthy: true
        case .initial, .unhealthy: false
        }
    }

    /// Applies one probe's outcome.
    /// - Returns: true when the verdict has changed.
    mutating func record(_ outcome: ProbeOutcome) -> Bool {
        switch (state, outcome) {
        case (.initial, .passed):
            state = .healthy(failures: 0)
            return true
        case (.initial(let failures), .failed):
            return fail(after: failures, else: { .initial(failures: $0) })
        case (.healthy, .passed):
            state = .healthy(failures: 0)
            return false
        case (.healthy(let failures), .failed):
            return fail(after: failures, else: { .healthy(failures: $0) })
        case (.unhealthy(let passes), .passed):
            let enough = passes + 1 >= thresholds.healthy
            state = enough ? .healthy(failures: 0) : .unhealthy(passes: passes + 1)
            return enough
        case (.unhealthy, .failed):
            state = .unhealthy(passes: 0)
            return false
        }
    }

    private mutating func fail(after failures: Int, else next: (Int) -> State) -> Bool {
        let enough = failures + 1 >= thresholds.unhealthy
        state = enough ? .unhealthy(passes: 0) : next(failures + 1)
        return enough
    }
}
