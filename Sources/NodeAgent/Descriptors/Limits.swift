import Glibc
import LinuxIO
import Proxy

/// The process's descriptor limit, and what follows from it.
enum Limits {
    /// With fewer sessions than these the node is hardly useful.
    static let sessionsAdvised = 50
    /// Sessions where nothing else limits them: a limit that is "unlimited" must not become a table of that size.
    static let sessionsMax = 1_000_000
    /// Listening sockets take at most one in this many descriptors, unless one socket at each address already takes more.
    static let listenersShare = 4

    /// What the descriptors are for.
    struct Plan: Equatable, Sendable {
        /// The descriptor limit.
        var descriptors: Int
        /// Sessions at once: two sockets each, and a third for some.
        var sessionsMax: Int
        /// Pipes for splicing at once: two ends each.
        var pipesMax: Int
        /// The most questions that each `resolvers` section may have open.
        var questionsPerSection = ResolverSettings.questionsStandard
        /// The most connections of load balancers at once.
        var probeConnectionsMax = ProbeLimits.connectionsStandard
        /// The most handshakes of one server at once that are finished for clients who have left.
        var handshakesPerServer = ForwardingState.handshakesPerServerMax
        /// Listening sockets at each address: one for each thread, or fewer, which threads share.
        var socketsPerBind: Int
        /// Listening sockets in all.
        var listeners: Int
        /// Descriptors for neither sessions nor pipes.
        var reserve: Int

        /// Divides `descriptors`. Listening sockets come first: at most a quarter, fewer if that makes room for `wanted` sessions, and at least one at each address.
        /// Of the rest, at most an eighth is for pipes; at most a quarter for everything else, unless that requires more; the remainder, up to `wanted`, for
        /// sessions.
        init(descriptors: Int, wanted: Int, pipesWanted: Int, needs: Needs) {
            let quarter = (descriptors / Limits.listenersShare - needs.singleBinds) / max(1, needs.groupBinds)
            let most = max(1, min(needs.threads, quarter))
            func plan(_ sockets: Int) -> Plan {
                Plan(descriptors: descriptors, wanted: wanted, pipesWanted: pipesWanted, needs: needs, socketsPerBind: sockets)
            }
            // A `maxconn` that does not fit gets as near as it can; without one the process keeps its sockets.
            let fitting = (1...most).last { plan($0).sessionsMax == wanted }
            self = plan(fitting ?? (wanted < Limits.sessionsMax ? 1 : most))
        }

        private init(descriptors: Int, wanted: Int, pipesWanted: Int, needs: Needs, socketsPerBind: Int) {
            (self.descriptors, self.socketsPerBind) = (descriptors, socketsPerBind)
            listeners = needs.listeners(each: socketsPerBind)
            let free = max(0, descriptors - listeners)
            pipesMax = max(0, min(pipesWanted, free / 16))
            let (spare, all) = (max(0, free / 4 - needs.least), needs.most - needs.least)
            let (questions, handshakes) = (needs.questions.share(of: spare, all: all), needs.handshakes.share(of: spare, all: all))
            if needs.resolvers > 0 { questionsPerSection = questions / needs.resolvers }
            if needs.probes.wanted > 0 { probeConnectionsMax = needs.probes.share(of: spare, all: all) }
            if needs.handshakeServers > 0 { handshakesPerServer = max(1, handshakes / needs.handshakeServers) }
            let others = needs.fixed + needs.demands.reduce(0) { $0 + $1.share(of: spare, all: all) }
            reserve = listeners + others
            let left = free - min(others, free * 3 / 4) - 2 * pipesMax
            sessionsMax = max(1, min(wanted, left * 100 / needs.perHundredSessions))
        }
    }

    /// Raises the limit as far as `wanted` sessions need it (`nil`: as far as the hard limit goes, as in HAProxy) and shares it out.
    static func plan(wanted: Int?, pipesWanted: Int, needs: Needs) throws(SystemError) -> Plan {
        let sessions = min(wanted ?? sessionsMax, sessionsMax)
        let needed = max(
            listenersShare * needs.listeners(each: needs.threads),
            descriptorsNeeded(sessions: sessions, pipes: pipesWanted, needs: needs, socketsPerBind: needs.threads))
        let reached = try raiseDescriptors(to: wanted == nil ? min(needed, try descriptors().hard) : needed)
        return Plan(descriptors: reached, wanted: sessions, pipesWanted: pipesWanted, needs: needs)
    }

    /// The descriptors that this many sessions, pipes and listening sockets at each address need, with everything else.
    static func descriptorsNeeded(sessions: Int, pipes: Int, needs: Needs, socketsPerBind: Int) -> Int {
        // A plan gives at most a quarter to the parts that open more while they run.
        let reserve = needs.most
        let free = max((sessions * needs.perHundredSessions + 99) / 100 + 2 * pipes + reserve, 16 * pipes, 4 * reserve)
        return needs.listeners(each: socketsPerBind) + free
    }

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
