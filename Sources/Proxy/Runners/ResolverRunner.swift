import LinuxIO
import Wire

/// Runs a `resolvers` section on the control thread's reactor: the sockets and the timer around a `Resolver`.
package final class ResolverRunner {
    /// The owner's handlers. They are called on the reactor's thread and may call the runner.
    package struct Handlers {
        /// Sets the server's address. The text is the source in log lines.
        package var address: (ServerReference, ResolvedAddress, _ source: String) -> Void
        /// Removes the server's address.
        package var lost: (ServerReference, AddressLoss) -> Void
        /// Checks this address as the server's checks would, and calls back once, immediately or later, with the result.
        package var check: (ServerReference, ResolvedAddress, _ answer: @escaping (Bool) -> Void) -> Void
        /// Sets the priority of the server's service record. Lower values are used first.
        package var priority: (ServerReference, Int) -> Void = { _, _ in }
        /// Sets the weight of the server's service record, 1 to 256; `nil` for the configured weight.
        package var weight: (ServerReference, Int?) -> Void = { _, _ in }
        /// Logs a sentence about a name for the operator.
        package var log: (LogLevel, _ sentence: String, _ name: DNSName) -> Void

        /// Creates handlers. Priority and weight are ignored by default.
        package init(
            address: @escaping (ServerReference, ResolvedAddress, String) -> Void, lost: @escaping (ServerReference, AddressLoss) -> Void,
            check: @escaping (ServerReference, ResolvedAddress, @escaping (Bool) -> Void) -> Void, log: @escaping (LogLevel, String, DNSName) -> Void
        ) {
            self.address = address
            self.lost = lost
            self.check = check
            self.log = log
        }
    }

    private let reactor: Reactor
    private let handlers: Handlers
    private var resolver: Resolver
    private var sockets: QuestionSockets?
    private var timer: TimerToken?
    private var isDraining = false

    /// Creates the runner of a section with its servers. It asks nothing before `start`.
    ///
    /// - Parameter remembered: recent answers from an earlier process.
    package init(
        settings: ResolverSettings, servers: [ResolvedServer], remembered: [DNSName: [KnownName.Entry]] = [:], reactor: Reactor,
        random: any RandomNumberGenerator,
        handlers: Handlers
    ) {
        self.reactor = reactor
        self.handlers = handlers
        resolver = Resolver(settings: settings, servers: servers, remembered: remembered, random: random, now: reactor.now)
    }

    /// The counters of each nameserver, in the order of the section.
    package var counters: [NameserverCounters] { resolver.counters }

    /// The nameservers' answers for the names of servers.
    package var knownNames: [KnownName] { resolver.knownNames }

    /// Starts asking for every name.
    package func start() {
        sockets = QuestionSockets(reactor: reactor) { [weak self] number, event in self?.take(event, of: number) }
        resolver.deadlinePassed(now: reactor.now)
        drain()
    }

    /// Closes all sockets and stops asking.
    package func stop() {
        resolver.stop()
        drain()
    }

    /// Asks for a server's name soon, because a connect or a check has failed.
    package func resolveSoon(_ server: ServerReference) {
        resolver.resolveSoon(server, now: reactor.now)
        drain()
    }

    /// Records whether the server's checks pass. Until the first call they count as failing.
    package func checksChanged(_ server: ServerReference, isPassing: Bool) {
        resolver.checksChanged(server, isPassing: isPassing, now: reactor.now)
        drain()
    }

    /// Reserves the server, which an operator has taken out of use, or releases it.
    package func reserve(_ server: ServerReference, _ isReserved: Bool) { resolver.reserve(server, isReserved) }

    /// Applies the list of replicas from `database`, named as in log lines.
    package func applyList(_ list: ReplicaList, by database: String) {
        resolver.applyList(list, by: database, now: reactor.now)
        drain()
    }

    private func take(_ event: QuestionSockets.Event, of number: UInt64) {
        switch event {
        case .message(let message): resolver.receive(message, for: number, now: reactor.now)
        case .failed: resolver.questionFailed(number, now: reactor.now)
        }
        drain()
    }

    /// Carries out the resolver's outputs. A call from within a handler only adds outputs to the outer call.
    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        while let output = resolver.nextOutput() { perform(output) }
        isDraining = false
        if let timer { reactor.cancel(timer) }
        timer = resolver.nextDeadline.map { deadline in
            reactor.setTimer(at: deadline) { [weak self] in
                guard let self else { return }
                timer = nil
                sockets?.readWaiting()
                resolver.deadlinePassed(now: reactor.now)
                drain()
            }
        }
    }

    private func perform(_ output: ResolverOutput) {
        switch output {
        case .ask(let question):
            do throws(SystemError) {
                try sockets?.ask(question, of: resolver.settings.nameservers[question.nameserver].address)
            } catch {
                resolver.questionFailed(question.number, now: reactor.now)
            }
        case .forget(let number): sockets?.forget(number)
        case .address(let server, let address, let source): handlers.address(server, address, source)
        case .propose(let server, let address):
            handlers.check(server, address) { [weak self] works in
                guard let self else { return }
                if works { resolver.accept(server, address) } else { resolver.refuse(server, address) }
                drain()
            }
        case .priority(let server, let priority): handlers.priority(server, priority)
        case .weight(let server, let weight): handlers.weight(server, weight)
        case .lost(let server, let loss): handlers.lost(server, loss)
        case .log(let level, let sentence, let name): handlers.log(level, sentence, name)
        }
    }
}
