// The rules of a Network Load Balancer, without I/O: the target of a flow, and the effect of a target's state on its flows.
// Inputs are the outcomes of probes and commands; outputs are directives.

import Support
import Wire

/// The treatment of flows in a target group, with AWS's names and defaults except for the times, which suit the tests.
struct GroupSettings: Equatable {
    var thresholds = HealthThresholds()
    /// `target_health_state.unhealthy.connection_termination.enabled`: flows of a target that becomes unhealthy are reset.
    var isTerminationOn = true
    /// `target_health_state.unhealthy.draining_interval_seconds`: with termination off, the time until flows are reset; `.zero` keeps them.
    var drainingInterval: Duration = .zero
    /// `deregistration_delay.timeout_seconds`.
    var deregistrationDelay: Duration = .seconds(300)
    /// `deregistration_delay.connection_termination.enabled`.
    var isDeregistrationTerminationOn = false
}

/// The addresses and ports that identify a flow.
struct FlowIdentity: Equatable {
    var source: SocketAddress
    var destination: SocketAddress

    /// FNV-1a of both addresses and ports, with its bits mixed, so that neighbouring ports get different targets.
    var hash: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(source) \(destination)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ hash >> 30) &* 0xbf58_476d_1ce4_e5b9
        return hash ^ hash >> 31
    }
}

/// The targets of one load balancer.
struct TargetGroup {
    /// The maximum number of targets; far more than any test has.
    static let targetsMax = 16

    enum Registration: Equatable {
        case registered
        /// No new flows; the present ones stay until this moment.
        case deregistering(until: Instant)
        case unused
    }

    /// An instruction for the I/O part.
    enum Directive: Equatable {
        /// Reset every open flow of the target, and log the event with their number.
        case resetFlows(target: Int, BalancerEvent)
        /// Log the event.
        case log(BalancerEvent)
    }

    struct Target {
        let name: String
        let address: SocketAddress
        var health: TargetHealth
        var registration: Registration = .registered
        var isPassing: Bool?
        /// The time at which an unhealthy target's flows are reset; nil to keep them.
        var drainsUntil: Instant?
    }

    var settings: GroupSettings
    private(set) var targets: [Target]
    private(set) var isFailOpen = false
    private var directives: [Directive] = []

    /// - Parameter targets: names and addresses; all are registered and initial.
    init(_ settings: GroupSettings, targets: [(name: String, address: SocketAddress)]) {
        precondition(targets.count <= Self.targetsMax, "more than \(Self.targetsMax) targets")
        self.settings = settings
        self.targets = targets.map { Target(name: $0.name, address: $0.address, health: TargetHealth(settings.thresholds)) }
    }

    /// A target's state with AWS's names.
    func state(of index: Int) -> String {
        let target = targets[index]
        switch (target.registration, target.health.state) {
        case (.unused, _): return "unused"
        case (.deregistering, _): return "draining"
        case (.registered, .initial): return "initial"
        case (.registered, .healthy): return "healthy"
        case (.registered, .unhealthy): return target.drainsUntil == nil ? "unhealthy" : "unhealthy.draining"
        }
    }

    /// The target of a new flow: a healthy one; any registered one when none is healthy (fail open); nil when none is registered.
    func choose(for flow: FlowIdentity) -> Int? {
        let registered = targets.indices.filter { targets[$0].registration == .registered }
        let healthy = registered.filter { targets[$0].health.isHealthy }
        let candidates = healthy.isEmpty ? registered : healthy
        guard !candidates.isEmpty else { return nil }
        return candidates[Int(flow.hash % UInt64(candidates.count))]
    }

    /// Applies the outcome of a probe.
    mutating func record(_ outcome: ProbeOutcome, target index: Int, now: Instant) {
        guard targets.indices.contains(index), targets[index].registration != .unused else { return }
        let reason = if case .failed(let reason) = outcome { reason } else { "" }
        if targets[index].isPassing != (outcome == .passed) {
            targets[index].isPassing = outcome == .passed
            log(index, outcome == .passed ? "passing" : "failing", reason, now)
        }
        guard targets[index].health.record(outcome) else { return }
        let wasFailOpen = isFailOpen
        isFailOpen = !targets.contains { $0.registration == .registered && $0.health.isHealthy }
        targets[index].drainsUntil = nil
        if targets[index].health.isHealthy || targets[index].registration != .registered {
            log(index, state(of: index), reason, now)
        } else {
            turnedUnhealthy(index, reason, now)
        }
        if isFailOpen != wasFailOpen {
            directives.append(.log(BalancerEvent(at: now.nanoseconds, target: "", state: isFailOpen ? "fail-open" : "fail-closed", reason: "")))
        }
    }

    /// Resets the flows unless termination is off, or this target's verdict makes the load balancer fail open.
    private mutating func turnedUnhealthy(_ index: Int, _ reason: String, _ now: Instant) {
        if settings.isTerminationOn, !isFailOpen {
            reset(index, reason, now)
        } else {
            if !settings.isTerminationOn, settings.drainingInterval > .zero { targets[index].drainsUntil = now.advanced(by: settings.drainingInterval) }
            log(index, state(of: index), reason, now)
        }
    }

    /// Deregisters a target by an operator's command.
    /// - Returns: true if a registered target with this name existed.
    mutating func deregister(_ name: String, now: Instant) -> Bool {
        guard let index = targets.firstIndex(where: { $0.name == name }), targets[index].registration == .registered else { return false }
        targets[index].registration = .deregistering(until: now.advanced(by: settings.deregistrationDelay))
        log(index, "draining", "deregistered", now)
        return true
    }

    /// Registers a target again, as a new one.
    /// - Returns: true if a deregistered target with this name existed.
    mutating func register(_ name: String, now: Instant) -> Bool {
        guard let index = targets.firstIndex(where: { $0.name == name }), targets[index].registration != .registered else { return false }
        targets[index].registration = .registered
        targets[index].health = TargetHealth(settings.thresholds)
        targets[index].isPassing = nil
        log(index, "initial", "registered", now)
        return true
    }

    /// The time at which `deadlinePassed` must be called.
    var nextDeadline: Instant? {
        targets.flatMap { target -> [Instant] in
            let deregistered: Instant? = if case .deregistering(let until) = target.registration { until } else { nil }
            return [deregistered, target.drainsUntil].compactMap { $0 }
        }.min()
    }

    /// Ends deregistration delays and draining intervals that have passed.
    mutating func deadlinePassed(now: Instant) {
        for index in targets.indices {
            if case .deregistering(let until) = targets[index].registration, until <= now {
                targets[index].registration = .unused
                if settings.isDeregistrationTerminationOn {
                    reset(index, "deregistration delay", now)
                } else {
                    log(index, "unused", "deregistration delay", now)
                }
            }
            if let until = targets[index].drainsUntil, until <= now {
                targets[index].drainsUntil = nil
                reset(index, "draining interval", now)
            }
        }
    }

    /// The next directive; nil when none is left.
    mutating func nextDirective() -> Directive? { directives.isEmpty ? nil : directives.removeFirst() }

    private mutating func log(_ index: Int, _ state: String, _ reason: String, _ now: Instant) {
        directives.append(.log(BalancerEvent(at: now.nanoseconds, target: targets[index].name, state: state, reason: reason)))
    }

    private mutating func reset(_ index: Int, _ reason: String, _ now: Instant) {
        let event = BalancerEvent(at: now.nanoseconds, target: targets[index].name, state: state(of: index), reason: reason)
        directives.append(.resetFlows(target: index, event))
    }
}
