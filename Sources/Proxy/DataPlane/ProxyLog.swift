import LinuxIO

/// A proxy's log: its targets, its tag and the lines it wants.
package struct ProxyLog: Sendable {
    /// Indexes into the log destinations.
    package var targets: [Int]
    /// The tag's bytes.
    package var tag: [UInt8]
    /// The kind of line that sessions write.
    package var sessions: SessionLog
    /// `option dontlognull`.
    package var hidesEmptySessions: Bool
    /// Options about `option tcplog`'s lines.
    package var options: SessionLogOptions

    /// Creates a proxy's log.
    package init(targets: [Int], tag: [UInt8], sessions: SessionLog, hidesEmptySessions: Bool, options: SessionLogOptions = []) {
        self.targets = targets
        self.tag = tag
        self.sessions = sessions
        self.hidesEmptySessions = hidesEmptySessions
        self.options = options
    }
}

/// A frontend's log as the session path reads it.
struct FrontendLog: BitwiseCopyable, Sendable {
    /// The index of its first target in the table of all frontends' targets.
    let firstTarget: Int
    let targetCount: Int
    let sessions: SessionLog
    let hidesEmptySessions: Bool
    let options: SessionLogOptions
}

/// The frontends' logs as forwarding threads read them.
struct FrozenLogs: Sendable {
    /// By frontend.
    let frontends: FrozenTable<FrontendLog>
    let tags: FrozenTexts
    /// Indexes into the log destinations, grouped by frontend.
    let targets: FrozenTable<Int>

    init(_ logs: [ProxyLog]) {
        var first = 0
        frontends = FrozenTable(
            logs.map { log in
                defer { first += log.targets.count }
                return FrontendLog(
                    firstTarget: first, targetCount: log.targets.count, sessions: log.sessions, hidesEmptySessions: log.hidesEmptySessions,
                    options: log.options)
            })
        tags = FrozenTexts(logs.map(\.tag))
        targets = FrozenTable(logs.flatMap(\.targets))
    }
}
