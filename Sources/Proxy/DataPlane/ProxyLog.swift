import LinuxIO

/// Where a proxy's lines go: what a thread needs to write one.
package struct ProxyLog: Sendable {
    /// Indexes into the destinations.
    package var targets: [Int]
    /// The tag's bytes.
    package var tag: [UInt8]
    /// What is said of sessions.
    package var sessions: SessionLog
    /// `option dontlognull`.
    package var hidesEmptySessions: Bool

    /// A proxy's log.
    package init(targets: [Int], tag: [UInt8], sessions: SessionLog, hidesEmptySessions: Bool) {
        self.targets = targets
        self.tag = tag
        self.sessions = sessions
        self.hidesEmptySessions = hidesEmptySessions
    }
}

/// A frontend's log in the form that the path of a session reads.
struct FrontendLog: BitwiseCopyable, Sendable {
    /// Its targets in the table of all frontends' targets.
    let firstTarget: Int
    let targetCount: Int
    let sessions: SessionLog
    let hidesEmptySessions: Bool
}

/// The frontends' logs as forwarding threads read them.
struct FrozenLogs: Sendable {
    /// By frontend.
    let frontends: FrozenTable<FrontendLog>
    let tags: FrozenTexts
    /// Indexes into the destinations, of one frontend after the other.
    let targets: FrozenTable<Int>

    init(_ logs: [ProxyLog]) {
        var first = 0
        frontends = FrozenTable(
            logs.map { log in
                defer { first += log.targets.count }
                return FrontendLog(
                    firstTarget: first, targetCount: log.targets.count, sessions: log.sessions, hidesEmptySessions: log.hidesEmptySessions)
            })
        tags = FrozenTexts(logs.map(\.tag))
        targets = FrozenTable(logs.flatMap(\.targets))
    }
}
