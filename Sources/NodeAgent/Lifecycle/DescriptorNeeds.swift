import Proxy

extension Limits {
    /// Descriptors that something opens as it goes, beside sessions.
    struct Demand: Equatable, Sendable {
        /// As many as it opens when there is room.
        var wanted: Int
        /// What it has to have.
        var least: Int

        /// At least `least` of `wanted`, or as many as are wanted.
        init(_ wanted: Int = 0, least: Int = 0) { (self.wanted, self.least) = (wanted, min(least, wanted)) }

        /// Its part when `spare` descriptors are shared out over what `all` want beyond their least.
        func share(of spare: Int, all: Int) -> Int { all <= spare ? wanted : least + (wanted - least) * spare / all }
    }

    /// What a process needs descriptors for, beside sessions and their pipes.
    struct Needs: Equatable, Sendable {
        /// The standard streams, files that are read and written now and then, the channels to a master, a predecessor, a successor.
        static let filesMax = 20
        /// Of each thread: its poller and its wake-up, with one to spare.
        static let perThread = 3
        /// Threads that are no worker: control, probe, watchdog.
        static let otherThreads = 3
        /// A database's session beside its check, handed-over runtime connections: what passes.
        static let passing = 8
        /// Connections of one server whose clients have left and that are logged in on, at least: one that hangs collects no more.
        static let handshakesMin = 8
        /// The same of all servers together.
        static let handshakesLeast = 64
        /// Of sessions so many leave before the greeting at once.
        static let sessionsPerHandshake = 4
        /// Questions of a section at once, at least.
        static let questionsMin = 16
        /// Trials of new addresses at once, at least.
        private static let trialsMin = 8

        /// What is open all the time, or may be at any time.
        var fixed = filesMax
        /// A hundred sessions: two sockets each, and a third one of those that ask a second server.
        var perHundredSessions = 200
        /// Checks, and trials of new addresses.
        var checks = Demand()
        /// Questions to nameservers.
        var questions = Demand()
        /// Connections of load balancers.
        var probes = Demand()
        /// Handshakes that are finished for clients who have left.
        var handshakes = Demand()
        /// Sections that ask nameservers.
        var resolvers = 0
        /// Servers whose handshakes are finished.
        var handshakeServers = 0

        /// Everything that opens descriptors as it goes.
        var demands: [Demand] { [checks, questions, probes, handshakes] }
        /// As many as there may be of everything.
        var most: Int { fixed + demands.reduce(0) { $0 + $1.wanted } }
        /// Without these it does not work.
        var least: Int { fixed + demands.reduce(0) { $0 + $1.least } }

        /// Nothing but the files.
        init() {}

        /// Those of `configuration` with so many threads that serve, and so many sessions.
        init(_ configuration: AgentConfiguration, threads: Int, sessions: Int) {
            let servers = configuration.backends.filter { !$0.isDisabled }.flatMap { backend in backend.servers.map { (backend, $0) } }
            let global = configuration.global
            let ports = configuration.probes.flatMap(\.binds).count + global.statsSockets.count + (configuration.gossip == nil ? 0 : 1)
            let listeners = threads * configuration.frontends.filter { !$0.isDisabled }.flatMap(\.binds).count
            let logs = (threads + 1) * Set(configuration.logTargets.map(\.endpoint)).count
            fixed += (threads + Self.otherThreads) * Self.perThread + listeners + ports + logs + global.statsConnectionsMax + Self.passing
            if servers.contains(where: { $0.0.hedgesGreetings }) { perHundredSessions += Backend.hedgePercentMax }
            let checked = servers.count { $0.1.check != nil }
            let followed = servers.count { $0.1.check != nil && ($0.1.resolvers != nil || $0.1.isDiscovered) }
            let watched = servers.count { $0.0.database != nil }
            checks = Demand(checked + min(followed, CheckRunner.trialsMax), least: watched + Self.trialsMin)
            resolvers = configuration.resolvers.count { section in servers.contains { $0.1.resolvers == section.name } } + (configuration.gossip == nil ? 0 : 1)
            // Each name is asked for both families, of all nameservers at once.
            let questionsMin = max(Self.questionsMin, 2 * (configuration.resolvers.map(\.nameservers.count).max() ?? 0))
            questions = Demand(resolvers * ResolverSettings.questionsStandard, least: resolvers * questionsMin)
            if !configuration.probes.isEmpty { probes = Demand(ProbeLimits.connectionsStandard, least: ProbeLimits.connectionsMin) }
            handshakeServers = servers.count { $0.0.finishesHandshakes(of: $0.1) }
            let handshakesMost = min(handshakeServers * ForwardingState.handshakesPerServerMax, max(sessions / Self.sessionsPerHandshake, Self.handshakesMin))
            handshakes = Demand(handshakesMost, least: min(handshakeServers * Self.handshakesMin, Self.handshakesLeast))
        }
    }
}
