import Glibc
import LinuxIO

/// The process's descriptor limit, and what follows from it.
enum Limits {
    /// Descriptors that are no session's: listeners, epoll, logs, checks, probe, runtime connections.
    static let descriptorsReserved = 100
    /// With fewer than these hardly anybody is served.
    static let descriptorsAdvised = 2 * descriptorsReserved
    /// Sessions where nothing else limits them: a limit that is "unlimited" must not become a table of that size.
    static let sessionsMax = 1_000_000

    /// What the descriptors are for.
    struct Plan: Equatable, Sendable {
        /// The descriptor limit.
        var descriptors: Int
        /// Sessions at once: two sockets each.
        var sessionsMax: Int
        /// Pipes for splicing at once: two ends each.
        var pipesMax: Int

        /// Shares `descriptors` out: an eighth at most for pipes, a reserve for everything else, the rest for sessions, of which `wanted` would do.
        init(descriptors: Int, wanted: Int, pipesWanted: Int) {
            self.descriptors = descriptors
            pipesMax = max(0, min(pipesWanted, descriptors / 16))
            let reserve = min(descriptorsReserved, descriptors / 2)
            sessionsMax = max(1, min(wanted, (descriptors - reserve - 2 * pipesMax) / 2))
        }
    }

    /// Raises the limit as far as `wanted` sessions need it (`nil`: as far as the hard limit goes, as in HAProxy) and shares it out.
    static func plan(wanted: Int?, pipesWanted: Int) throws(SystemError) -> Plan {
        let sessions = min(wanted ?? sessionsMax, sessionsMax)
        let needed = descriptorsNeeded(sessions: sessions, pipes: pipesWanted)
        let reached = try raiseDescriptors(to: wanted == nil ? min(needed, try descriptors().hard) : needed)
        return Plan(descriptors: reached, wanted: sessions, pipesWanted: pipesWanted)
    }

    /// Descriptors that so many sessions and pipes need.
    static func descriptorsNeeded(sessions: Int, pipes: Int) -> Int { max(2 * sessions + 2 * pipes + descriptorsReserved, 16 * pipes) }

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
}
