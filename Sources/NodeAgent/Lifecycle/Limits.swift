import Glibc
import LinuxIO

/// The process's descriptor limit, and what follows from it.
enum Limits {
    /// Descriptors that are no session's: listeners, epoll, logs, checks, runtime connections.
    static let descriptorsReserved = 100
    /// A session has two sockets; splicing borrows two pipe ends more, for a quarter of the sessions at most.
    static let descriptorsPerSession = 2

    /// With fewer than these hardly anybody is served.
    static let descriptorsAdvised = 2 * descriptorsReserved

    /// The soft and the hard limit.
    struct Descriptors: Equatable, Sendable {
        /// What holds.
        var soft: Int
        /// What it can be raised to without privileges.
        var hard: Int
    }

    /// The limits as they are.
    static func descriptors() throws(SystemError) -> Descriptors {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw .last("getrlimit") }
        return Descriptors(soft: Int(clamping: limit.rlim_cur), hard: Int(clamping: limit.rlim_max))
    }

    /// Raises the soft limit to `wanted`, the hard one too where that is allowed. Returns the soft limit that holds then, which may be lower.
    static func raiseDescriptors(to wanted: Int) throws(SystemError) -> Int {
        let now = try descriptors()
        guard now.soft < wanted else { return now.soft }
        for (soft, hard) in [(wanted, max(wanted, now.hard)), (min(wanted, now.hard), now.hard)] {
            var limit = rlimit(rlim_cur: rlim_t(soft), rlim_max: rlim_t(hard))
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 { return soft }
        }
        return now.soft
    }

    /// Descriptors that `connectionsMax` sessions need.
    static func descriptorsNeeded(connectionsMax: Int) -> Int {
        let (product, overflow) = connectionsMax.multipliedReportingOverflow(by: descriptorsPerSession)
        let (sum, overflowed) = product.addingReportingOverflow(descriptorsReserved)
        return overflow || overflowed ? .max : sum
    }

    /// `maxconn` where the configuration has none: what `descriptors` allow, at least 1, at most a million (a limit that is
    /// "unlimited" must not become a table of that size).
    static func connectionsMax(descriptors: Int) -> Int {
        min(1_000_000, max(1, (descriptors - descriptorsReserved) / descriptorsPerSession))
    }
}
