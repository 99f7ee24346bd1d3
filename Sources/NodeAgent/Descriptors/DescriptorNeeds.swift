import Proxy

extension Limits {
    /// The descriptors that a part of the process opens while it runs, besides sessions.
    struct Demand: Equatable, Sendable {
        /// The number that it opens if there are enough descriptors.
        var wanted: Int
        /// The minimum, without which it does not work.
        var least: Int

        /// A demand for `wanted` descriptors and at least `least`, which is limited to `wanted`.
        init(_ wanted: Int = 0, least: Int = 0) { (self.wanted, self.least) = (wanted, min(least, wanted)) }

        /// This part's number when `spare` descriptors are divided among parts that together want `all` beyond their least.
        func share(of spare: Int, all: Int) -> Int { all <= spare ? wanted : least + (wanted - least) * spare / all }
    }

    /// The descriptors that a process needs besides sessions and their pipes.
    struct Needs: Equatable, Sendable {
        /// The standard streams, files that are opened briefly, and the channels to a master, a predecessor and a successor.
        static let filesMax = 20
        /// For each thread: its poller and its wake-up, and one to spare.
        static let perThread = 3
        /// Threads that do not forward: control, probe, watchdog.
        static let otherThreads = 3
        /// Short-lived descriptors: a database connection besides its check, runtime connections that are being handed over.
        static let passing = 8
        /// The minimum number of connections per server that finish a login for departed clients. A stalled server collects no more than that.
        static let handshakesMin = 8
        /// The minimum number of these connections for all servers together.
        static let handshakesTotalMin = 64
        /// One in this many sessions may leave before the greeting at the same time.
        static let sessionsPerHandshake = 4
        /// The minimum number of concurrent questions of a section.
        static let questionsMin = 16
        /// The minimum number of concurrent trials of new addresses.
        private static let trialsMin = 8

        /// Threads that accept connections.
        var threads = 1
        /// Addresses at which each thread wants its own listening socket.
        var groupBinds = 0
        /// Binds with one socket for all threads: paths and `fd@N`.
        var singleBinds = 0
        /// Inherited listening sockets: the size of an inherited group does not change.
        var inheritedListeners = 0
        /// Descriptors that are always open, or may be at any time, without listening sockets.
        var fixed = filesMax
        /// The descriptors of a hundred sessions: two sockets each, and a third for those that ask a second server.
        var perHundredSessions = 200
        /// Checks, and trials of new addresses.
        var checks = Demand()
        /// Questions to nameservers.
        var questions = Demand()
        /// Connections of load balancers.
        var probes = Demand()
        /// Handshakes that are finished for departed clients.
        var handshakes = Demand()
        /// Sections that ask nameservers.
        var resolvers = 0
        /// Servers with such handshakes.
        var handshakeServers = 0

        /// The demands of all parts that open descriptors while they run.
        var demands: [Demand] { [checks, questions, probes, handshakes] }
        /// The number that all parts together want, without listening sockets.
        var most: Int { fixed + demands.reduce(0) { $0 + $1.wanted } }
        /// The number that all parts together require, without listening sockets.
        var least: Int { fixed + demands.reduce(0) { $0 + $1.least } }

        /// The number of listening sockets, with this many at each address of `groupBinds`.
        func listeners(each sockets: Int) -> Int { max(singleBinds + groupBinds * sockets, inheritedListeners) }

        /// The needs of a process without a configuration.
        init() {}

        /// The needs of `configuration` with this number of forwarding threads and sessions.
        ///
        /// - Parameter inherited: the number of inherited listening sockets.
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
            let namespaces = Set(StartSockets.binds(of: configuration).compactMap(\.bind.namespace) + servers.compactMap(\.1.namespace)).count
            let logs = (threads + 1) * Set(configuration.logTargets.map(\.endpoint)).count
            fixed += (threads + Self.otherThreads) * Self.perThread + ports + logs + global.statsConnectionsMax + Self.passing
            if namespaces > 0 { fixed += namespaces + 1 }
            if servers.contains(where: { $0.0.hedgesGreetings }) { perHundredSessions += Backend.hedgePercentMax }
            let checked = servers.count { $0.1.check != nil } + servers.count { $0.1.agent != nil }
            let followed = servers.count { $0.1.check != nil && ($0.1.resolvers != nil || $0.1.isDiscovered) }
            let watched = servers.count { $0.0.database != nil }
            checks = Demand(checked + min(followed, CheckRunner.trialsMax), least: watched + Self.trialsMin)
            resolvers = configuration.resolvers.count { section in servers.contains { $0.1.resolvers == section.name } } + (configuration.gossip == nil ? 0 : 1)
            // Each name is resolved for both families, by all nameservers at once.
            let questionsMin = max(Self.questionsMin, 2 * (configuration.resolvers.map(\.nameservers.count).max() ?? 0))
            questions = Demand(resolvers * ResolverSettings.questionsMaxDefault, least: resolvers * questionsMin)
            if !configuration.probes.isEmpty { probes = Demand(ProbeLimits.connectionsStandard, least: ProbeLimits.connectionsMin) }
            handshakeServers = servers.count { $0.0.finishesHandshakes(of: $0.1) }
            let handshakesMost = min(handshakeServers * ForwardingState.handshakesPerServerMax, max(sessions / Self.sessionsPerHandshake, Self.handshakesMin))
            handshakes = Demand(handshakesMost, least: min(handshakeServers * Self.handshakesMin, Self.handshakesTotalMin))
        }
    }
}
