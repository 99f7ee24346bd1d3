import Proxy
import Wire

/// A server's checks.
struct CheckStatistics: Equatable, Sendable {
    /// `check_status`: how the last check ended.
    var status = CheckStatus.initializing
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
    /// The address that is checked when it is not the server's own.
    var address: IPAddress?

    /// Checks that have not begun.
    init() {}
}
