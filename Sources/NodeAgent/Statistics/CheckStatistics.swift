import Proxy
import Wire

/// Statistics of a server's checks.
struct CheckStatistics: Equatable, Sendable {
    /// `check_status`: the result of the last check.
    var status = CheckStatus.initializing
    /// Whether a check is running: the status is then shown with a leading `* `.
    var isRunning = false
    /// `check_code`: the code of a layer 7 check.
    var code: Int?
    /// `check_duration`; `nil` before the first check has ended.
    var duration: Duration?
    /// `last_chk`: the last check's message.
    var text: String?
    /// `chkfail`: checks that failed while the server was up.
    var failures = 0
    /// `check_rise`.
    var rise = 2
    /// `check_fall`.
    var fall = 3
    /// `check_health`: 0 ..< rise while down, rise ..< rise + fall while up.
    var health = 0
    /// The port that is checked if it differs from the server's, else 0.
    var port: UInt16 = 0
    /// The address that is checked if it differs from the server's.
    var address: IPAddress?

    /// The state before the first check.
    init() {}
}
