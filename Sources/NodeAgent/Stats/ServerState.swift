/// A server's state as `show stat` and `show servers state` have it.
struct ServerState: Equatable, Sendable {
    /// Whether it takes sessions: `srv_op_state`.
    enum Operation: Int, Sendable {
        /// It is down.
        case stopped = 0
        /// It is up and warming.
        case starting = 1
        /// It is up.
        case running = 2
        /// It is up and takes no new sessions.
        case stopping = 3
    }

    /// What an operator, the file or the resolver has decided: `srv_admin_state`.
    struct Administration: OptionSet, Sendable {
        let rawValue: Int
        /// Maintenance, at run time.
        static let maintenance = Administration(rawValue: 0x01)
        /// Maintenance, in the configuration: `disabled`.
        static let configuredMaintenance = Administration(rawValue: 0x04)
        /// Drain, at run time.
        static let drain = Administration(rawValue: 0x08)
        /// Its name has no address.
        static let unresolved = Administration(rawValue: 0x20)

        /// Any reason for maintenance.
        static let anyMaintenance: Administration = [.maintenance, .configuredMaintenance, .unresolved]
    }

    /// Whether it takes sessions.
    var operation = Operation.running
    /// Whether it may.
    var administration: Administration = []

    /// Running, nothing decided.
    init() {}

    /// The `status` column.
    ///
    ///     MAINT, MAINT (resolution)   an operator's, the file's or the resolver's doing
    ///     no check                    nobody looks
    ///     UP 1/3                      up, and 3 - 1 of `fall` failures have been seen
    ///     DOWN 1/2                    down, and 1 of `rise` passes has been seen
    ///     DRAIN, NOLB                 up, without new sessions: an operator's, or a check's doing
    func text(check: CheckStatistics?) -> String {
        if !administration.isDisjoint(with: [.maintenance, .configuredMaintenance]) { return "MAINT" }
        if administration.contains(.unresolved) { return "MAINT (resolution)" }
        guard let check else { return administration.contains(.drain) ? "DRAIN" : "no check" }
        guard operation != .stopped else { return check.health > 0 ? "DOWN \(check.health)/\(check.rise)" : "DOWN" }
        let word = administration.contains(.drain) ? "DRAIN" : operation == .stopping ? "NOLB" : "UP"
        let full = check.rise + check.fall - 1
        return check.health < full && word != "DRAIN" ? "\(word) \(check.health - check.rise + 1)/\(check.fall)" : word
    }
}

/// A server's checks.
struct CheckStatistics: Equatable, Sendable {
    /// `check_status`: how the last check ended.
    var status = CheckStatus.initial
    /// True while a check runs: the status is shown with `* ` before it.
    var isRunning = false
    /// `check_code`: a layer 7 check's code.
    var code: Int?
    /// `check_duration`; `nil` before the first check has ended.
    var duration: Duration?
    /// `last_chk`: the last check's own text.
    var text: String?
    /// `chkfail`: checks that failed while the server was up.
    var failures = 0
    /// `check_rise`.
    var rise = 2
    /// `check_fall`.
    var fall = 3
    /// `check_health`: 0 ..< rise while down, rise ..< rise + fall while up.
    var health = 0
    /// The port that is checked when it is not the server's own, else 0.
    var port: UInt16 = 0

    /// Checks that have not begun.
    init() {}
}

/// How a check ended: HAProxy's number, word and sentence.
enum CheckStatus: Int, CaseIterable, Sendable {
    case unknown = 0
    case initial = 1
    case socketError = 5
    case layer4Passed = 6
    case layer4Timeout = 7
    case layer4Refused = 8
    case layer6Passed = 9
    case layer6Timeout = 10
    case layer6Invalid = 11
    case layer7Timeout = 12
    case layer7Invalid = 13
    case layer7Passed = 15
    case layer7PassedConditionally = 16
    case layer7Wrong = 17

    /// The `check_status` column: "L7OK".
    var word: String { texts.word }

    /// The `check_desc` column: "Layer7 check passed".
    var sentence: String { texts.sentence }

    /// `srv_check_result`: 0 unknown, 2 failed, 3 passed, 4 passed conditionally.
    var result: Int {
        switch self {
        case .unknown, .initial: 0
        case .layer4Passed, .layer6Passed, .layer7Passed: 3
        case .layer7PassedConditionally: 4
        case .socketError, .layer4Timeout, .layer4Refused, .layer6Timeout, .layer6Invalid, .layer7Timeout, .layer7Invalid, .layer7Wrong: 2
        }
    }

    private var texts: (word: String, sentence: String) {
        switch self {
        case .unknown: ("UNK", "Unknown")
        case .initial: ("INI", "Initializing")
        case .socketError: ("SOCKERR", "Socket error")
        case .layer4Passed: ("L4OK", "Layer4 check passed")
        case .layer4Timeout: ("L4TOUT", "Layer4 timeout")
        case .layer4Refused: ("L4CON", "Layer4 connection problem")
        case .layer6Passed: ("L6OK", "Layer6 check passed")
        case .layer6Timeout: ("L6TOUT", "Layer6 timeout")
        case .layer6Invalid: ("L6RSP", "Layer6 invalid response")
        case .layer7Timeout: ("L7TOUT", "Layer7 timeout")
        case .layer7Invalid: ("L7RSP", "Layer7 invalid response")
        case .layer7Passed: ("L7OK", "Layer7 check passed")
        case .layer7PassedConditionally: ("L7OKC", "Layer7 check conditionally passed")
        case .layer7Wrong: ("L7STS", "Layer7 wrong status")
        }
    }
}
