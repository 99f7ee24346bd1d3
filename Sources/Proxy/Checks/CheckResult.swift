import Wire

/// How a check ended, by HAProxy's names; the raw value is the number in `show servers state`.
package enum CheckStatus: Int, CaseIterable, Sendable {
    /// No check has ended yet.
    case initializing = 1
    /// No check: sessions have failed to connect, `error-limit` times in a row.
    case healthAnalysis = 4
    /// The check could not be made, or the connection broke in its midst.
    case socketError = 5
    /// Connected, and nothing more was asked.
    case layer4OK = 6
    /// The connect took too long.
    case layer4Timeout = 7
    /// The connect failed.
    case layer4ConnectionProblem = 8
    /// Connected, but the answer took too long.
    case layer7Timeout = 12
    /// The answer is not of the protocol.
    case layer7InvalidResponse = 13
    /// The answer is good.
    case layer7OK = 15
    /// The answer is a refusal.
    case layer7WrongStatus = 17

    /// What `show stat` says in check_status: "L7OK".
    package var name: String {
        switch self {
        case .initializing: "INI"
        case .healthAnalysis: "HANA"
        case .socketError: "SOCKERR"
        case .layer4OK: "L4OK"
        case .layer4Timeout: "L4TOUT"
        case .layer4ConnectionProblem: "L4CON"
        case .layer7Timeout: "L7TOUT"
        case .layer7InvalidResponse: "L7RSP"
        case .layer7OK: "L7OK"
        case .layer7WrongStatus: "L7STS"
        }
    }

    /// What log lines and check_desc say: "Layer7 check passed".
    package var text: String {
        switch self {
        case .initializing: "Initializing"
        case .healthAnalysis: "Health analyze"
        case .socketError: "Socket error"
        case .layer4OK: "Layer4 check passed"
        case .layer4Timeout: "Layer4 timeout"
        case .layer4ConnectionProblem: "Layer4 connection problem"
        case .layer7Timeout: "Layer7 timeout"
        case .layer7InvalidResponse: "Layer7 invalid response"
        case .layer7OK: "Layer7 check passed"
        case .layer7WrongStatus: "Layer7 wrong status"
        }
    }

    /// True when the server is fine.
    package var isPass: Bool { self == .layer4OK || self == .layer7OK }

    /// srv_check_result of `show servers state`: 0 unknown, 2 failed, 3 passed.
    package var resultNumber: Int { self == .initializing ? 0 : isPass ? 3 : 2 }

    /// False for what no check has found.
    package var hasDuration: Bool { self != .healthAnalysis }

    /// True when an answer was understood, so that its code is shown.
    package var hasCode: Bool { self == .layer7OK || self == .layer7WrongStatus }
}

/// Whose fault a failed check shows.
package enum CheckFault: Equatable, Sendable {
    /// The server, or its host, spoke: it refused, reset or answered wrongly.
    case server
    /// Nobody answered.
    case silence
    /// This machine could not ask: no port, no memory.
    case node
}

/// What a server's refusal means beyond a failed check, whatever its protocol. Only the check knows how its protocol says it.
package enum CheckRefusal: Equatable, Sendable {
    /// It has no room; it is well otherwise.
    case full
    /// It refuses this host, not others.
    case hostRefused
    /// It refuses the check's user, which says nothing of the server.
    case userRefused
}

/// What one check found.
package struct CheckResult: Equatable, Sendable {
    /// Longer texts are cut here, in bytes, as in HAProxy.
    package static let infoBytesMax = 127

    /// How it ended.
    package let status: CheckStatus
    /// The server's error number in the check's protocol, 0 for a pass; shown where `status.hasCode`. What it means is in `refusal`.
    package let code: Int
    /// The server's version or error text, unescaped, or the kernel's error; may be empty.
    package let info: String
    /// Why the server refused, where the check's protocol tells; `nil` for any other result.
    package let refusal: CheckRefusal?
    /// From the start of the connect to the verdict.
    package let duration: Duration
    /// Whose fault it is; means nothing for a pass.
    package let fault: CheckFault
    /// From the start of the connect to the server's greeting; `nil` where none was read.
    package let greetedAfter: Duration?

    /// A result from its parts; `info` is cut at `infoBytesMax`.
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

    /// What stands in log lines: `, reason: Layer7 wrong status, code: 1045, info: "...", check duration: 0ms`.
    package var explanation: String { ", reason: \(cause)" }

    /// The same without the words in front of it.
    var cause: String {
        var text = status.text
        if status.hasCode { text += ", code: \(code)" }
        if !info.isEmpty { text += ", info: \"\(info.shownInQuotes)\"" }
        return status.hasDuration ? text + ", check duration: \(duration.wholeMilliseconds)ms" : text
    }

    /// The most useful short text for people: "Layer4 connection problem: ECONNREFUSED returned by OS (Connection refused)".
    package var summary: String { info.isEmpty ? status.text : "\(status.text): \(info.shown)" }
}
