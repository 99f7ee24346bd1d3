import Gossip
import LinuxIO
import Proxy
import Wire

/// The I/O around a `GossipNode`, on the control thread's reactor: its socket, timer and store.
///
/// The socket is drained before the timer's work. The core's outputs are performed in order, and a change that must outlive the process is on disk before
/// any datagram that depends on it is sent.
final class GossipRunner {
    /// Requests to the owner. All are called on the reactor's thread and may feed the runner.
    struct Handlers {
        /// Requests an immediate check of this server.
        var requestCheck: (ServerID) -> Void
        /// The verdict on a server has changed.
        var verdictChanged: (ServerID, ServerVerdict) -> Void
        /// The state and weight that an operator requests for a server cluster-wide.
        var administered: (ServerID, Gossip.AdministrativeState?, _ weight: Int?, _ author: String) -> Void
        /// The holder of a lease has changed; `nil` if the lease is free.
        var leaseChanged: (UInt64, NodeID?) -> Void = { _, _ in }
        /// A peer's state or ballot has changed.
        var ballotsChanged: () -> Void = {}
        /// Every live peer knows that this node holds the lease.
        var leaseGranted: (UInt64) -> Void = { _ in }
        /// Logs a sentence.
        var log: (GossipSentence) -> Void
    }

    /// Resources that start-up has opened and read.
    struct Resources {
        /// The section in the core's form.
        var plan: GossipPlan
        /// The cryptographic functions.
        var seal: any Seal
        /// The bound socket.
        var socket: DatagramSocket
        /// The keys of the key file.
        var ring: KeyRing
        /// The stored state; empty if there is none.
        var memory: GossipMemory
        /// Stores the state; `nil` without a state directory.
        var store: StateStore<GossipMemory>?
        /// The peers whose names are resolved repeatedly.
        var named: [GossipPlan.NamedPeer] = []
        /// The machine's nameservers, which resolve `named`.
        var resolver: ResolverSettings?
    }

    /// The most batches received in one round of the loop, each of `DatagramSocket.batchMax` datagrams. The rest waits for the next round, after other work.
    private static let batchesMax = 8
    /// The pause after a failure to receive.
    private static let failurePause = Duration.seconds(1)
    /// The delay before changes from peers are written, together; peers have them as well. Also the delay after a failed write.
    private static let saveDelay = Duration.seconds(1)
    /// The time after which peers without a datagram to this node are logged.
    private static let unknownReportDelay = Duration.seconds(10)
    /// The interval at which wall time is read again, because it may be stepped.
    private static let wallInterval = Duration.seconds(10)

    /// The section in the core's form.
    let plan: GossipPlan
    /// The core, which makes all decisions.
    private(set) var core: GossipNode
    /// The number of sends that the kernel refused.
    private(set) var sendFailures = 0
    /// The socket, for its counters.
    let socket: DatagramSocket

    private let reactor: Reactor
    private let seal: any Seal
    private let store: StateStore<GossipMemory>?
    private let handlers: Handlers
    private var outputs = GossipOutputs()
    private var isCarryingOut = false
    /// False before `start`, after `stop`, and during the pause after a failure to receive.
    private var isListening = false
    private var isStopped = false
    private var timer: (token: TimerToken, at: Instant)?
    /// The state that outlives the process.
    private(set) var memory: GossipMemory
    private var isMemoryDirty = false
    /// Whether an unsaved change comes from this node: it must be on disk before anything is sent.
    private var mustSaveBeforeSending = false
    private var isSaveScheduled = false

    /// Starts the core. Nothing is received before `start`, and the reactor's loop must not run before it.
    init(_ resources: Resources, random: any RandomNumberGenerator, reactor: Reactor, handlers: Handlers) {
        (plan, socket, store, memory) = (resources.plan, resources.socket, resources.store, resources.memory)
        seal = resources.seal
        (self.reactor, self.handlers) = (reactor, handlers)
        core = GossipNode(
            plan.settings, ring: resources.ring, memory: memory, seal: seal, random: random, wallMilliseconds: WallTime.now().unixMilliseconds,
            now: reactor.now, into: &outputs)
        _ = memory.forgetFarAhead(wall: WallTime.now().unixMilliseconds)
        core.local(.configured(servers: plan.servers, configuration: plan.settings.configuration), now: reactor.now, into: &outputs)
    }

    /// Starts to receive and send.
    func start() throws(SystemError) {
        try listen()
        carryOut()
        readWallClock()
        reactor.setTimer(at: reactor.now.advanced(by: Self.unknownReportDelay)) { [weak self] in self?.logUnknownPeers() }
    }

    /// Sends a goodbye and stops. The goodbye is sent three times because datagrams get lost and an ending process does not wait for an answer.
    func stop() {
        var now = reactor.now
        core.local(.leave, now: now, into: &outputs)
        for _ in 0..<2 {
            now = now.advanced(by: .milliseconds(50))
            core.tick(now: now, into: &outputs)
        }
        endTransmission()
    }

    /// Stops without a goodbye, and returns the state for the successor, which continues on the same socket.
    func handOver() -> GossipMemory {
        endTransmission()
        return memory
    }

    private func endTransmission() {
        guard !isStopped else { return }
        carryOut()
        save()
        isStopped = true
        if let timer { reactor.cancel(timer.token) }
        timer = nil
        ignore()
    }

    /// Feeds an event of this node to the core; without effect after `stop`.
    func feed(_ event: GossipEvent) {
        guard !isStopped else { return }
        core.local(event, now: reactor.now, into: &outputs)
        carryOut()
    }

    /// Runs an operator's command; `body` may refuse it.
    func operate<Refusal: Error>(_ body: (inout GossipNode, Instant, inout GossipOutputs) throws(Refusal) -> Void) throws(Refusal) {
        try body(&core, reactor.now, &outputs)
        core.tick(now: reactor.now, into: &outputs)
        carryOut()
    }

    /// The reactor's time, for queries to the core.
    var now: Instant { reactor.now }

    /// The key of `secret`, with its identifier.
    func key(_ secret: Bytes32) throws(SealError) -> KeyRing.Key { try KeyRing.key(secret, seal) }

    private func listen() throws(SystemError) {
        try reactor.watch(socket.raw, for: .read) { [weak self] _ in
            self?.receive()
            self?.carryOut()
        }
        isListening = true
    }

    private func ignore() {
        isListening = false
        reactor.unwatch(socket.raw)
    }

    /// Receives pending datagrams, up to a limit. A socket that fails stays unwatched for a while, because it would be ready all the time.
    private func receive() {
        guard isListening else { return }
        do throws(SystemError) {
            for _ in 0..<Self.batchesMax {
                let count = try socket.receive { datagram, source in core.receive(datagram, from: source, now: reactor.now, into: &outputs) }
                guard count == DatagramSocket.batchMax else { break }
            }
        } catch {
            pause(error)
        }
    }

    private func pause(_ error: SystemError) {
        handlers.log(GossipSentence(.error, "socket", "cannot receive: \(error)"))
        ignore()
        reactor.setTimer(at: reactor.now.advanced(by: Self.failurePause)) { [weak self] in self?.listenAgain() }
    }

    private func listenAgain() {
        guard !isStopped else { return }
        do throws(SystemError) { try listen() } catch { pause(error) }
    }

    private func timerFired() {
        timer = nil
        receive()
        core.tick(now: reactor.now, into: &outputs)
        carryOut()
    }

    /// Logs peers from which no datagram has arrived, because they usually mean a mistake in the set-up.
    private func logUnknownPeers() {
        guard !isStopped else { return }
        for peer in core.peerReports(now: reactor.now) where peer.state == .unknown {
            let place = peer.address?.description ?? "an unknown address"
            let causes = "check that it runs, that its section names this node, that both have the same key, and that UDP is open both ways"
            let text = "peer \(peer.name) at \(place) has not been heard since the start: \(causes)"
            handlers.log(GossipSentence(.warning, "unheard", about: peer.name, text))
        }
    }

    private func readWallClock() {
        guard !isStopped else { return }
        feed(.wallClock(milliseconds: WallTime.now().unixMilliseconds))
        reactor.setTimer(at: reactor.now.advanced(by: Self.wallInterval)) { [weak self] in self?.readWallClock() }
    }

    // MARK: Outputs of the core

    /// Performs the core's outputs. A call from within a handler only adds outputs, which the outer call performs.
    private func carryOut() {
        guard !isCarryingOut else { return }
        isCarryingOut = true
        var index = 0
        while index < outputs.list.count {
            perform(outputs.list[index])
            index += 1
            // Save before the list is cleared: a log line about the save may feed the core and add outputs.
            if index == outputs.list.count { scheduleSave() }
        }
        outputs.removeAll()
        isCarryingOut = false
        arm()
    }

    private func perform(_ output: GossipOutput) {
        switch output {
        case .send(let range, let address):
            if mustSaveBeforeSending { save() }
            if case .failed = socket.send(outputs.bytes[range], to: address) { sendFailures += 1 }
        case .requestCheck(let server): handlers.requestCheck(server)
        case .verdictChanged(let server, let verdict): handlers.verdictChanged(server, verdict)
        case .administrativeChanged(let server, let state, let weight):
            handlers.administered(server, state, weight.map(Int.init), author(of: server))
        case .peerChanged(let peer, let state, let silence):
            if let sentence = GossipSentence(plan.name(of: peer), state, silence: silence) { handlers.log(sentence) }
            handlers.ballotsChanged()
        case .ballotChanged: handlers.ballotsChanged()
        case .leaseChanged(let name, let holder): handlers.leaseChanged(name, holder)
        case .leaseGranted(let name): handlers.leaseGranted(name)
        case .persist(let change):
            memory.record(change)
            isMemoryDirty = true
            if case .administrative(let row) = change, row.origin != plan.settings.node { break }
            mustSaveBeforeSending = true
        case .alert(let alert): handlers.log(GossipSentence(alert))
        }
    }

    /// The author of the cluster-wide command in effect for a server, in words.
    private func author(of server: ServerID) -> String {
        guard let command = core.command(of: server, now: reactor.now) else { return "a cluster command" }
        return "\(command.isOver ? "an expired" : "a") cluster command from \(plan.name(of: command.origin))"
    }

    private func scheduleSave() {
        if mustSaveBeforeSending { save() }
        guard isMemoryDirty, store != nil, !isSaveScheduled, !isStopped else { return }
        isSaveScheduled = true
        reactor.setTimer(at: reactor.now.advanced(by: Self.saveDelay)) { [weak self] in
            guard let self, !isStopped else { return }
            isSaveScheduled = false
            save()
            scheduleSave()
        }
    }

    private func save() {
        guard isMemoryDirty else { return }
        (isMemoryDirty, mustSaveBeforeSending) = (false, false)
        guard let store else { return }
        if !store.save(memory, log: { handlers.log(GossipSentence($0, "store", $1)) }) { isMemoryDirty = true }
    }

    private func arm() {
        let deadline = core.nextDeadline
        if let timer {
            guard timer.at != deadline else { return }
            reactor.cancel(timer.token)
        }
        timer = (reactor.setTimer(at: deadline) { [weak self] in self?.timerFired() }, deadline)
    }
}
