import LinuxIO
import Wire

/// Runs a `resolvers` section on the control thread's reactor: the sockets and the timer around a `Resolver`.
package final class ResolverRunner {
    /// What a runner's owner does for it. All are called on the reactor's thread and may call the runner.
    package struct Handlers {
        /// The server has this address from now on; the text is what log lines name as the source.
        package var address: (ServerReference, ResolvedAddress, _ source: String) -> Void
        /// The server has no address from now on.
        package var lost: (ServerReference, AddressLoss) -> Void
        /// Try this address as the server's checks would; call back with whether it works, now or later, once.
        package var check: (ServerReference, ResolvedAddress, _ answer: @escaping (Bool) -> Void) -> Void
        /// The server's service record has this priority: lower ones are used first.
        package var priority: (ServerReference, Int) -> Void = { _, _ in }
        /// The server's service record has this weight, 1 to 256; `nil` for the configuration's.
        package var weight: (ServerReference, Int?) -> Void = { _, _ in }
        /// Tell the operator: a sentence, and whether it is bad news.
        package var log: (_ sentence: String, _ isAlarm: Bool) -> Void

        /// The handlers that every owner has.
        package init(
            address: @escaping (ServerReference, ResolvedAddress, String) -> Void, lost: @escaping (ServerReference, AddressLoss) -> Void,
            check: @escaping (ServerReference, ResolvedAddress, @escaping (Bool) -> Void) -> Void, log: @escaping (String, Bool) -> Void
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

    /// A section with its servers; nothing is asked before `start`.
    ///
    /// - Parameter remembered: what an earlier process knew, not too long ago.
    package init(
        settings: ResolverSettings, servers: [ResolvedServer], remembered: [DNSName: [KnownName.Entry]] = [:], reactor: Reactor,
        random: any RandomNumberGenerator,
        handlers: Handlers
    ) {
        self.reactor = reactor
        self.handlers = handlers
        resolver = Resolver(settings: settings, servers: servers, remembered: remembered, random: random, now: reactor.now)
    }

    /// Per nameserver, in the order of the section.
    package var counters: [NameserverCounters] { resolver.counters }

    /// What nameservers have said of the names of servers.
    package var knownNames: [KnownName] { resolver.knownNames }

    /// Asks for every name.
    package func start() {
        sockets = QuestionSockets(reactor: reactor) { [weak self] number, event in self?.take(event, of: number) }
        resolver.deadlinePassed(now: reactor.now)
        drain()
    }

    /// Closes all sockets and asks no more.
    package func stop() {
        resolver.stop()
        drain()
    }

    /// A connect to the server, or a check of it, has failed.
    package func askSoon(_ server: ServerReference) {
        resolver.askSoon(server, now: reactor.now)
        drain()
    }

    /// The server's checks pass, or do not any more. Until this is called they count as not passing.
    package func checksChanged(_ server: ServerReference, isPassing: Bool) {
        resolver.checksChanged(server, isPassing: isPassing, now: reactor.now)
        drain()
    }

    /// An operator takes the server out of use, or brings it back.
    package func reserve(_ server: ServerReference, _ isReserved: Bool) { resolver.reserve(server, isReserved) }

    /// A database, as log lines name it, has listed its replicas.
    package func listed(_ list: ReplicaList, by database: String) {
        resolver.listed(list, by: database, now: reactor.now)
        drain()
    }

    private func take(_ event: QuestionSockets.Event, of number: UInt64) {
        switch event {
        case .message(let message): resolver.receive(message, for: number, now: reactor.now)
        case .failed: resolver.questionFailed(number, now: reactor.now)
        }
        drain()
    }

    /// Does what the core wants. A handler that calls back in only adds to what the outer call drains.
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
                sockets?.takeWaiting()
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
        case .alarm(let sentence): handlers.log(sentence, true)
        case .notice(let sentence): handlers.log(sentence, false)
        }
    }
}
