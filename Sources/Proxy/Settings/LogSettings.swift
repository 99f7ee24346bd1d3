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

/// The framing of a log line.
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
    /// Less severe lines are dropped.
    package var leastSevere = LogLevel.debug
    /// More severe lines are sent with this level.
    package var mostSevere = LogLevel.emergency
    /// `len`: the maximum length of a line in bytes, without the newline. As in HAProxy, longer lines are cut.
    package var lengthMax = 1024
    /// `format`.
    package var format = LogFormat.rfc3164
    /// The position of the line.
    package var location: ConfigurationLocation

    /// Creates a target without a filter.
    package init(endpoint: Endpoint, facility: Int, location: ConfigurationLocation) {
        self.endpoint = endpoint
        self.facility = facility
        self.location = location
    }
}

/// The kind of line that sessions write.
package enum SessionLog: BitwiseCopyable, Equatable, Sendable {
    /// HAProxy's default: one `Connect from` line at accept.
    case connect
    /// `option tcplog`: one line at the session's end.
    case tcp
}

/// Options about the lines of sessions.
package struct SessionLogOptions: OptionSet, BitwiseCopyable, Sendable {
    /// The bits.
    package let rawValue: UInt8
    /// Creates a set from its bits.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `option logasap`: the line is written at the connect, with `+` before the time and the bytes.
    package static let early = SessionLogOptions(rawValue: 1)
    /// `option log-separate-errors`: lines of sessions with an error, a retry or a redispatch have level err.
    package static let raisesErrors = SessionLogOptions(rawValue: 2)
    /// `option dontlog-normal`: only sessions with an error, a retry or a redispatch are logged.
    package static let hidesNormal = SessionLogOptions(rawValue: 4)
}

/// A proxy's log settings.
package struct LogSettings: Equatable, Sendable {
    /// The log targets.
    package var targets: [LogTarget] = []
    /// `log-tag`; `nil` for the global tag.
    package var tag: String?
    /// The kind of line that sessions write.
    package var sessions = SessionLog.connect
    /// `option dontlognull`: sessions without a byte from the client and without an error are not logged.
    package var hidesEmptySessions = false
    /// Options about `option tcplog`'s lines.
    package var options: SessionLogOptions = []

    /// Creates the defaults: no target, and the default line.
    package init() {}
}
