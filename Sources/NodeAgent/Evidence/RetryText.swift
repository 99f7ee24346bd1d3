import Proxy
import Wire

/// Texts about sessions that have left servers.
enum RetryText {
    private static let columns: [RetryReason] = [.refused, .unreachable, .silent, .closed, .garbage, .overBudget, .hedged]

    /// The log's sentence for `count` sessions that have left a server for one reason; `nil` for a reason that is not logged.
    static func sentence(_ reason: RetryReason, count: UInt64, _ backend: Backend) -> String? {
        guard let cause = cause(reason, backend) else { return nil }
        let who = count == 1 ? "1 session" : "\(count) sessions"
        let did = reason == .overBudget ? "stayed with it" : reason == .silent ? "asked a second server" : "left it"
        return "\(who) \(did): \(cause)"
    }

    /// `nil` for reasons of plain TCP, for which HAProxy has no line either.
    private static func cause(_ reason: RetryReason, _ backend: Backend) -> String? {
        if let error = reason.error { return "error \(error)" }
        switch reason {
        case .silent: return "no greeting within \(backend.greetingTimeout.wholeMilliseconds)ms"
        case .closed: return "closed without a greeting"
        case .garbage: return "not a MySQL greeting"
        case .overBudget: return "retry-budget \(backend.retryBudgetPercent)% is used up"
        default: return nil
        }
    }

    /// The names of the columns of `show retries`, separated by spaces.
    static let columnNames = "server refused unreachable silent closed garbage over_budget hedged errors"

    /// A server's row of `show retries`.
    ///
    /// - Parameter count: the number of sessions that have left the server for a reason.
    static func tableRow(_ server: String, _ count: (RetryReason) -> UInt64) -> [String] {
        let counts = columns.map { "\(count($0))" }
        let errors = RetryReason.all.compactMap { reason in
            reason.error.flatMap { number in
                let count = count(reason)
                return count > 0 ? "\(number):\(count)" : nil
            }
        }
        return [server] + counts + [errors.isEmpty ? "-" : errors.joined(separator: ",")]
    }
}
