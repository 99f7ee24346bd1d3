import Wire

/// The cause of a failed check.
package enum CheckFault: Equatable, Sendable {
    /// The server or its host responded: it refused, reset or answered wrongly.
    case server
    /// No response.
    case noResponse
    /// This machine could not make the check: no port or no memory.
    case node
}

/// The meaning of a server's refusal beyond the failed check, independent of the protocol. The check translates its protocol's errors.
package enum CheckRefusal: Equatable, Sendable {
    /// The server has no free connection, but works.
    case full
    /// It refuses this host, not others.
    case hostRefused
    /// It refuses the check's user, which is no evidence about the server.
    case userRefused
}

/// The result of one check.
package struct CheckResult: Equatable, Sendable {
    /// The maximum length of `info` in bytes, as in HAProxy. Longer texts are cut.
    package static let infoBytesMax = 127

    /// The outcome.
    package let status: CheckStatus
    /// The server's error number in the check's protocol, 0 for a pass; shown if `status.hasCode`. Its meaning is in `refusal`.
    package let code: Int
    /// The server's version or error text, unescaped, or the kernel's error; may be empty.
    package let info: String
    /// Why the server refused, if the protocol has a reason; `nil` for any other result.
    package let refusal: CheckRefusal?
    /// The time from the start of the connect to the verdict.
    package let duration: Duration
    /// The cause of a failure; meaningless for a pass.
    package let fault: CheckFault
    /// The time from the start of the connect to the server's greeting; `nil` if no greeting was read.
    package let greetedAfter: Duration?

    /// Creates a result. `info` is cut at `infoBytesMax`.
    package init(
        status: CheckStatus, code: Int = 0, info: String = "", refusal: CheckRefusal? = nil, duration: Duration, fault: CheckFault = .server,
        greetedAfter: Duration? = nil
    ) {
        self.status = status
        self.code = code
        self.info = info.utf8.count <= Self.infoBytesMax ? info : String(decoding: info.utf8.prefix(Self.infoBytesMax), as: UTF8.self)
        self.refusal = refusal
        self.duration = duration
        self.fault = fault
        self.greetedAfter = greetedAfter
    }

    /// The explanation in log lines: `, reason: Layer7 wrong status, code: 1045, info: "...", check duration: 0ms`.
    package var explanation: String { ", reason: \(cause)" }

    /// The explanation without the leading `, reason: `.
    var cause: String {
        var text = status.text
        if status.hasCode { text += ", code: \(code)" }
        if !info.isEmpty { text += ", info: \"\(info.shownInQuotes)\"" }
        return status.hasDuration ? text + ", check duration: \(duration.wholeMilliseconds)ms" : text
    }

    /// A short text for operators: "Layer4 connection problem: ECONNREFUSED returned by OS (Connection refused)".
    package var summary: String {
        let reason = info.drop { $0 == " " }
        return reason.isEmpty ? status.text : "\(status.text): \(reason.shown)"
    }
}
