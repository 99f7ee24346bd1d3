import Proxy

extension Limits {
    /// The descriptors that a part of the process opens while it runs, beside sessions.
    struct Demand: Equatable, Sendable {
        /// As many as it opens when there are enough.
        var wanted: Int
        /// The number that it requires.
        var least: Int

        /// At least `least` of `wanted`, or as many as are wanted.
        init(_ wanted: Int = 0, least: Int = 0) { (self.wanted, self.least) = (wanted, min(least, wanted)) }

        /// Its part when `spare` descriptors are shared out over the `all` that are wanted beyond the least.
        func share(of spare: Int, all: Int) -> Int { all <= spare ? wanted : least + (wanted - least) * spare / all }
    }

    /// The descriptors that a process needs beside sessions and their pipes.
    struct Needs: Equatable, Sendable {
        /// The standard streams, files that are read and written now and then, the channels to a master, a predecessor, a successor.
        static let filesMax = 20
        /// For each thread: its poller and its wake-up, with one to spare.
        static let perThread = 3
        /// Threads that do not forward: control, probe, watchdog.
        static let otherThreads = 3
        /// Short-lived ones: a database's session beside its check, runtime connections that are being handed over.
        static let passing = 8
        /// The least number of connections of one server that finish a login for departed clients. A server that hangs collects no more.
        static let handshakesMin = 8
        /// The same for all servers together.
        static let handshakesLeast = 64
        /// One in this many sessions may leave before the greeting at the same time.
        static let sessionsPerHandshake = 4
        /// The least number of questions of a section at once.
        static let questionsMin = 16
        /// The least number of trials of new addresses at once.
        private static let trialsMin = 8

        /// Threads that accept connections.
        var threads = 1
        /// Addresses at which each thread wants a listening socket of its own.
        var groupBinds = 0
        /// Binds with one socket, whatever the number of threads: paths, `fd@N`.
        var singleBinds = 0
        /// Listening sockets of earlier processes: the size of a group never changes.
        var inheritedListeners = 0
        /// Descriptors that are always open, or may be at any time, without listening sockets.
        var fixed = filesMax
        /// A hundred sessions: two sockets each, and a third for those that ask a second server.
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

        /// Every part that opens descriptors while it runs.
        var demands: [Demand] { [checks, questions, probes, handshakes] }
        /// The number that all parts together want, without listening sockets.
        var most: Int { fixed + demands.reduce(0) { $0 + $1.wanted } }
        /// The number that all parts together require, without listening sockets.
        var least: Int { fixed + demands.reduce(0) { $0 + $1.least } }

        /// The number of listening sockets, with this many at each address of `groupBinds`.
        func listeners(each sockets: Int) -> Int { max(singleBinds + groupBinds * sockets, inheritedListeners) }

        /// Nothing but the files.
        init() {}

        /// The needs of `configuration` with this many serving threads and sessions.
        ///
        /// - Parameter inherited: the listening sockets of earlier processes.
        init(_ configuration: AgentConfiguration, threads: Int, sessions: Int, inherited: Int = 0) {
            let servers = configuration.backends.filter { !$0.isDisabled }.flatMap { backend in backend.servers.map { (backend, $0) } }
            let global = configuration.global
            let ports = configuration.probes.flatMap(\.binds).count + global.statsSockets.count + (configuration.gossip == nil ? 0 : 1)
            let binds = configuration.frontends.filter { !$0.isDisabled }.flatMap(\.binds)
            self.threads = threads
            groupBinds = binds.count { bind in
                switch bind.endpoint {
                case .ip, .name: true
                case .unix, .inherited: false
                }
            }
            (singleBinds, inheritedListeners) = (binds.count - groupBinds, inherited)
            let logs = (threads + 1) * Set(configuration.logTargets.map(\.endpoint)).count
            fixed += (threads + Self.otherThreads) * Self.perThread + ports + logs + global.statsConnectionsMax + Self.passing
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
