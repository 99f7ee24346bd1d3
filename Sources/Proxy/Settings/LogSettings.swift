/// A syslog severity, in the order of RFC 5424.
package enum LogLevel: Int, BitwiseCopyable, Comparable, CaseIterable, Sendable {
    case emergency, alert, critical, error, warning, notice, info, debug

    /// True when `left` is more severe than `right`.
    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

    /// HAProxy's keyword: "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug".
    package var keyword: String {
        switch self {
        case .emergency: "emerg"
        case .alert: "alert"
        case .critical: "crit"
        case .error: "err"
        case .warning: "warning"
        case .notice: "notice"
        case .info: "info"
        case .debug: "debug"
        }
    }
}

/// How a log line is framed.
package enum LogFormat: Equatable, Sendable {
    /// `<PRI>Mmm dd HH:MM:SS tag[pid]: text`.
    case rfc3164
    /// The text alone.
    case raw
}

/// One `log` line: a target with its filter.
package struct LogTarget: Equatable, Sendable {
    /// UDP, a UNIX datagram socket, or `inherited(1)` / `inherited(2)` for stdout and stderr.
    package var endpoint: Endpoint
    /// The syslog facility's number, 0 (kern) to 23 (local7).
    package var facility: Int
    /// Lines less severe than this are dropped.
    package var leastSevere = LogLevel.debug
    /// Lines more severe than this are sent as this.
    package var mostSevere = LogLevel.emergency
    /// `len`: longer lines are cut, in bytes without the newline, as in HAProxy.
    package var lengthMax = 1024
    /// `format`.
    package var format = LogFormat.rfc3164
    /// Where the line stands.
    package var location: ConfigurationLocation

    /// A target without filter.
    package init(endpoint: Endpoint, facility: Int, location: ConfigurationLocation) {
        self.endpoint = endpoint
        self.facility = facility
        self.location = location
    }
}

/// What a proxy logs of its sessions.
package enum SessionLog: BitwiseCopyable, Equatable, Sendable {
    /// HAProxy's default: one `Connect from` line at accept.
    case connect
    /// `option tcplog`: one line at the session's end.
    case tcp
}

/// A proxy's log settings.
package struct LogSettings: Equatable, Sendable {
    /// Where lines go; empty for nowhere.
    package var targets: [LogTarget] = []
    /// `log-tag`; `nil` for the global one.
    package var tag: String?
    /// What is said of sessions.
    package var sessions = SessionLog.connect
    /// `option dontlognull`: sessions without a byte from the client and without an error are not logged.
    package var hidesEmptySessions = false

    /// No target, the default line.
    package init() {}
}
