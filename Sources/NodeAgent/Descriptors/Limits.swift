import Glibc
import LinuxIO
import Proxy

/// The process's descriptor limit, and its division.
enum Limits {
    /// The minimum number of sessions with which a node is useful.
    static let sessionsAdvised = 50
    /// The most sessions if nothing else limits them: an "unlimited" descriptor limit must not lead to a table of that size.
    static let sessionsMax = 1_000_000
    /// Listening sockets get at most one in this many descriptors, unless one socket per address already needs more.
    static let listenersShare = 4

    /// The division of the descriptors.
    struct Plan: Equatable, Sendable {
        /// The descriptor limit.
        var descriptors: Int
        /// The most concurrent sessions: two sockets each, and a third for some of them.
        var sessionsMax: Int
        /// The most concurrent pipes for splicing: two descriptors each.
        var pipesMax: Int
        /// The most open questions of each `resolvers` section.
        var questionsPerSection = ResolverSettings.questionsMaxDefault
        /// The most concurrent connections of load balancers.
        var probeConnectionsMax = ProbeLimits.connectionsStandard
        /// The most concurrent handshakes per server that are finished for departed clients.
        var handshakesPerServer = ForwardingState.handshakesPerServerMax
        /// Listening sockets per address: one for each thread, or fewer, which threads share.
        var socketsPerBind: Int
        /// Listening sockets in all.
        var listeners: Int
        /// Descriptors that are neither for sessions nor for pipes.
        var reserve: Int

        /// Divides `descriptors`. Listening sockets come first: at most a quarter, fewer if that makes room for `wanted` sessions, and at least one per
        /// address. Of the rest, at most an eighth is for pipes. At most a quarter is for everything else, unless that requires more. The remainder, up to
        /// `wanted`, is for sessions.
        init(descriptors: Int, wanted: Int, pipesWanted: Int, needs: Needs) {
            let quarter = (descriptors / Limits.listenersShare - needs.singleBinds) / max(1, needs.groupBinds)
            let most = max(1, min(needs.threads, quarter))
            func plan(_ sockets: Int) -> Plan {
                Plan(descriptors: descriptors, wanted: wanted, pipesWanted: pipesWanted, needs: needs, socketsPerBind: sockets)
            }
            // If `maxconn` does not fit even with one socket per address, sessions have precedence over listening sockets; without `maxconn` the process keeps its sockets.
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

    /// Raises the limit as far as `wanted` sessions need it (`nil`: as far as the hard limit allows, as in HAProxy), and divides it.
    ///
    /// - Parameters:
    ///   - least: `ulimit-n`: the limit is at least this, if the system permits it.
    ///   - most: `fd-hard-limit`: no more of the limit is used.
    static func plan(wanted: Int?, pipesWanted: Int, needs: Needs, least: Int = 0, most: Int? = nil) throws(SystemError) -> Plan {
        let sessions = min(wanted ?? sessionsMax, sessionsMax)
        let needed = max(
            listenersShare * needs.listeners(each: needs.threads),
            descriptorsNeeded(sessions: sessions, pipes: pipesWanted, needs: needs, socketsPerBind: needs.threads))
        let goal = max(least, min(wanted == nil ? min(needed, try descriptors().hard) : needed, most ?? .max))
        let reached = try raiseDescriptors(to: goal)
        return Plan(descriptors: min(reached, max(least, most ?? .max)), wanted: sessions, pipesWanted: pipesWanted, needs: needs)
    }

    /// The descriptors that a process needs in total, with this number of sessions, pipes, and listening sockets per address.
    static func descriptorsNeeded(sessions: Int, pipes: Int, needs: Needs, socketsPerBind: Int) -> Int {
        // A plan grants parts that open descriptors while they run at most a quarter.
        let reserve = needs.most
        let free = max((sessions * needs.perHundredSessions + 99) / 100 + 2 * pipes + reserve, 16 * pipes, 4 * reserve)
        return needs.listeners(each: socketsPerBind) + free
    }

    /// The soft and the hard limit.
    struct Descriptors: Equatable, Sendable {
        /// The limit in effect.
        var soft: Int
        /// The value to which an unprivileged process can raise `soft`.
        var hard: Int
    }

    /// The present limits.
    static func descriptors() throws(SystemError) -> Descriptors {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw .last("getrlimit") }
        return Descriptors(soft: Int(clamping: limit.rlim_cur), hard: Int(clamping: limit.rlim_max))
    }

    /// Raises the soft limit to `wanted`, and the hard one if that is permitted. Returns the resulting soft limit, which may be lower.
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
