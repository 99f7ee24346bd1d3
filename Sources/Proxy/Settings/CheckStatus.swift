/// The outcome of a check, by HAProxy's names. The raw value is the number in `show servers state`.
package enum CheckStatus: Int, CaseIterable, Sendable {
    /// No check has ended yet.
    case initializing = 1
    /// An agent has answered without a word about the server's state.
    case checked = 3
    /// Not a check: sessions have failed to connect `error-limit` times in a row.
    case healthAnalysis = 4
    /// The check could not start, or its connection broke.
    case socketError = 5
    /// Connected; the check asks nothing else.
    case layer4OK = 6
    /// The connect timed out.
    case layer4Timeout = 7
    /// The connect failed.
    case layer4ConnectionProblem = 8
    /// The TLS handshake was answered.
    case layer6OK = 9
    /// Connected, but the answer to the TLS handshake timed out.
    case layer6Timeout = 10
    /// The answer to the TLS handshake does not follow the protocol.
    case layer6InvalidResponse = 11
    /// Connected, but the answer timed out.
    case layer7Timeout = 12
    /// The answer does not follow the protocol.
    case layer7InvalidResponse = 13
    /// The answer is a pass.
    case layer7OK = 15
    /// The answer is a pass that asks for no new sessions: status 404 with `http-check disable-on-404`.
    case layer7ConditionalPass = 16
    /// The answer is a refusal.
    case layer7WrongStatus = 17
    /// The program of an external check failed.
    case processError = 18
    /// The program of an external check timed out.
    case processTimeout = 19
    /// The program of an external check passed.
    case processOK = 20

    /// The name in the check_status column of `show stat`: "L7OK".
    package var name: String {
        switch self {
        case .initializing: "INI"
        case .checked: "CHECKED"
        case .healthAnalysis: "HANA"
        case .socketError: "SOCKERR"
        case .layer4OK: "L4OK"
        case .layer4Timeout: "L4TOUT"
        case .layer4ConnectionProblem: "L4CON"
        case .layer6OK: "L6OK"
        case .layer6Timeout: "L6TOUT"
        case .layer6InvalidResponse: "L6RSP"
        case .layer7Timeout: "L7TOUT"
        case .layer7InvalidResponse: "L7RSP"
        case .layer7OK: "L7OK"
        case .layer7ConditionalPass: "L7OKC"
        case .layer7WrongStatus: "L7STS"
        case .processError: "PROCERR"
        case .processTimeout: "PROCTOUT"
        case .processOK: "PROCOK"
        }
    }

    /// The text in log lines and in check_desc: "Layer7 check passed".
    package var text: String {
        switch self {
        case .initializing: "Initializing"
        case .checked: "No status change"
        case .healthAnalysis: "Health analyze"
        case .socketError: "Socket error"
        case .layer4OK: "Layer4 check passed"
        case .layer4Timeout: "Layer4 timeout"
        case .layer4ConnectionProblem: "Layer4 connection problem"
        case .layer6OK: "Layer6 check passed"
        case .layer6Timeout: "Layer6 timeout"
        case .layer6InvalidResponse: "Layer6 invalid response"
        case .layer7Timeout: "Layer7 timeout"
        case .layer7InvalidResponse: "Layer7 invalid response"
        case .layer7OK: "Layer7 check passed"
        case .layer7ConditionalPass: "Layer7 check conditionally passed"
        case .layer7WrongStatus: "Layer7 wrong status"
        case .processError: "External check error"
        case .processTimeout: "External check timeout"
        case .processOK: "External check passed"
        }
    }

    /// The outcome in log lines: "succeeded", "conditionally succeeded", "failed".
    package var outcome: String { self == .layer7ConditionalPass ? "conditionally succeeded" : isPass ? "succeeded" : "failed" }

    /// True for a passed check.
    package var isPass: Bool {
        switch self {
        case .layer4OK, .layer6OK, .layer7OK, .layer7ConditionalPass, .processOK: true
        default: false
        }
    }

    /// srv_check_result of `show servers state`: 0 unknown, 1 neither, 2 failed, 3 passed, 4 passed conditionally.
    package var resultNumber: Int {
        switch self {
        case .initializing: 0
        case .checked: 1
        case .layer7ConditionalPass: 4
        default: isPass ? 3 : 2
        }
    }

    /// False when no check was made.
    package var hasDuration: Bool { self != .healthAnalysis }

    /// True when the answer was understood, or a program was run. The code is then shown.
    package var hasCode: Bool { rawValue >= Self.layer7OK.rawValue }
}
