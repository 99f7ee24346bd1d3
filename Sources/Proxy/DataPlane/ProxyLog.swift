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
