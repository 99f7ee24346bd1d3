import Wire

/// The part of a server's state that a server with `track` copies.
struct TrackedState: Equatable, Sendable {
    /// False while the tracked server is down or in maintenance.
    let isRunning: Bool
    /// True while it is stopping.
    let isStopping: Bool
    /// True when its checks have had a result.
    let hasVerdict: Bool
    /// True in maintenance of any kind.
    let isMaintenance: Bool
    /// True in a drain of any kind.
    let isDrain: Bool

    /// The state of a tracked server.
    init(_ status: ServerStatus) {
        (isRunning, isStopping, hasVerdict) = (status.isRunning, status.isStopping, status.hasVerdict)
        (isMaintenance, isDrain) = (status.flags.isMaintenance, status.flags.isDrain)
    }
}

extension ServerStatus {
    /// Copies the tracked server's state at the start, without a log line.
    fileprivate mutating func beginTracking(_ state: TrackedState) {
        (tracked, hasVerdict) = (state, state.hasVerdict)
        if state.isMaintenance { flags.insert(.inheritedMaintenance) }
        if state.isDrain { flags.insert(.inheritedDrain) }
        settle()
    }
}

extension ServerRegistry {
    /// The servers that track each server, the last one of the file first, which is the order of HAProxy's log lines.
    static func trackers(in backends: [Backend]) -> [ServerReference: [ServerReference]] {
        var trackers: [ServerReference: [ServerReference]] = [:]
        for (index, backend) in backends.enumerated().reversed() {
            for (place, server) in backend.servers.enumerated().reversed() {
                guard let tracked = server.tracked else { continue }
                trackers[tracked, default: []].append(ServerReference(backend: index, server: place))
            }
        }
        return trackers
    }

    /// Copies the states of all tracked servers at the start, each before those of its own trackers.
    mutating func beginTracking() {
        var pending = trackers.keys.filter { configuration(of: $0).tracked == nil }
        while let server = pending.popLast() {
            for tracker in trackers[server] ?? [] {
                servers[tracker.backend][tracker.server].beginTracking(TrackedState(status(of: server)))
                pending.append(tracker)
            }
        }
    }

    /// The server whose checks and agent decide about a server: itself, or the end of its chain of tracked servers, which has no loop.
    package func source(of server: ServerReference) -> ServerReference {
        var source = server
        while let tracked = configuration(of: source).tracked { source = tracked }
        return source
    }

    /// " via mysql/db1", the end of a log line's first part for a server that tracks another one; empty for any other.
    func via(_ server: ServerReference) -> String { configuration(of: server).tracked.map { " via \(name(of: $0))" } ?? "" }

    /// Copies the state of the tracked server: first its administration, then whether it runs.
    mutating func copyTracked(_ change: inout Change) {
        guard let reference = configuration(of: change.server).tracked else { return }
        let state = TrackedState(status(of: reference))
        var next = status(of: change.server)
        (next.tracked, next.hasVerdict) = (state, state.hasVerdict)
        store(next, &change)
        // In the order in which an administrative state sets its flags, for HAProxy's log lines.
        if state.isDrain { set(.inheritedDrain, &change) }
        if state.isMaintenance { set(.inheritedMaintenance, &change) }
        if !state.isDrain { clear(.inheritedDrain, &change) }
        if !state.isMaintenance { clear(.inheritedMaintenance, &change) }
        let before = status(of: change.server)
        next = before
        next.settle()
        store(next, &change)
        logOperation(from: before, because: nil, &change)
    }
}
