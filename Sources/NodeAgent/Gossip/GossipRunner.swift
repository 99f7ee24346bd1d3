import Gossip
import LinuxIO
import Proxy
import Wire

/// The I/O around a `GossipNode`, on the control thread's reactor: its socket, its one timer, its store.
///
/// The socket is drained before the timer's work, and what the core wants done is done in its order: what must outlive the process is on disk
/// before anything is sent that rests on it.
final class GossipRunner {
    /// What a runner's owner does for it. All are called on the reactor's thread and may feed the runner.
    struct Handlers {
        /// This server is to be checked now.
        var requestCheck: (ServerID) -> Void
        /// What to do with a server has changed.
        var verdictChanged: (ServerID, ServerVerdict) -> Void
        /// What an operator wants of a server, cluster-wide.
        var administered: (ServerID, Gossip.AdministrativeState?, _ weight: Int?, _ author: String) -> Void
        /// Who holds a lease has changed; `nil` for nobody.
        var leaseChanged: (UInt64, NodeID?) -> Void = { _, _ in }
        /// A peer has come, gone, or follows somebody else in some matter.
        var ballotsChanged: () -> Void = {}
        /// Every live peer knows that this node holds the lease.
        var leaseGranted: (UInt64) -> Void = { _ in }
        /// A sentence to log.
        var log: (GossipSentence) -> Void
    }

    /// What start-up has opened and read.
    struct Resources {
        /// The section in the core's terms.
        var plan: GossipPlan
        /// Its cryptography.
        var seal: any Seal
        /// Bound.
        var socket: DatagramSocket
        /// The keys of the file.
        var ring: KeyRing
        /// What was stored; empty for nothing.
        var memory: GossipMemory
        /// Where to store it; `nil` for nowhere.
        var store: StateStore<GossipMemory>?
        /// The peers whose names are to be resolved again and again, and by whom.
        var named: [GossipPlan.NamedPeer] = []
        /// This machine's nameservers.
        var resolver: ResolverSettings?
    }

    /// Datagrams taken in one round of the loop: `DatagramSocket.batchMax` times this. The rest waits for the next round, behind everybody else.
    private static let batchesMax = 8
    /// After a failure to receive.
    private static let failurePause = Duration.seconds(1)
    /// What peers say is written this much later, all together: they have it, too. The same after a failure to write.
    private static let saveDelay = Duration.seconds(1)
    /// A peer that has not been heard at all for so long is told of.
    private static let unheardAfter = Duration.seconds(10)
    /// Wall time is read again this often: it may be stepped.
    private static let wallInterval = Duration.seconds(10)

    /// The section in the core's terms.
    let plan: GossipPlan
    /// Decides everything.
    private(set) var core: GossipNode
    /// Sends that the kernel refused.
    private(set) var sendFailures = 0
    /// The socket, for its counters.
    let socket: DatagramSocket

    private let reactor: Reactor
    private let seal: any Seal
    private let store: StateStore<GossipMemory>?
    private let handlers: Handlers
    private var outputs = GossipOutputs()
    private var isCarryingOut = false
    /// False before `start`, after `stop`, and for a while after a failure to receive.
    private var isListening = false
    private var isStopped = false
    private var timer: (token: TimerToken, at: Instant)?
    /// What outlives the process.
    private(set) var memory: GossipMemory
    private var isMemoryDirty = false
    /// What has changed is this node's own: it is on disk before anything is sent.
    private var isSaveUrgent = false
    private var isSavePlanned = false

    /// Starts the core. Nothing is received before `start`; the reactor's loop must not run before it either.
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

    /// Receives and sends from here on.
    func start() throws(SystemError) {
        try listen()
        carryOut()
        readWallClock()
        reactor.setTimer(at: reactor.now.advanced(by: Self.unheardAfter)) { [weak self] in self?.tellUnheard() }
    }

    /// Says goodbye and is silent. The goodbye goes out three times, for what gets lost: a process that ends does not wait.
    func stop() {
        var now = reactor.now
        core.local(.leave, now: now, into: &outputs)
        for _ in 0..<2 {
            now = now.advanced(by: .milliseconds(50))
            core.tick(now: now, into: &outputs)
        }
        fallSilent()
    }

    /// Is silent from here on, without a goodbye: a successor on the same socket says the next word, and remembers this.
    func handOver() -> GossipMemory {
        fallSilent()
        return memory
    }

    private func fallSilent() {
        guard !isStopped else { return }
        carryOut()
        save()
        isStopped = true
        if let timer { reactor.cancel(timer.token) }
        timer = nil
        ignore()
    }

    /// Something has happened on this node. Means nothing after `stop`.
    func feed(_ event: GossipEvent) {
        guard !isStopped else { return }
        core.local(event, now: reactor.now, into: &outputs)
        carryOut()
    }

    /// An operator's command; `body` may refuse it.
    func operate<Refusal: Error>(_ body: (inout GossipNode, Instant, inout GossipOutputs) throws(Refusal) -> Void) throws(Refusal) {
        try body(&core, reactor.now, &outputs)
        core.tick(now: reactor.now, into: &outputs)
        carryOut()
    }

    /// The time by which the core is asked.
    var now: Instant { reactor.now }

    /// A key with its id.
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

    /// Takes what waits, up to a limit. A socket that fails is left alone for a while: it would be ready all the time.
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

    /// A mistake of the first set-up must not be silent.
    private func tellUnheard() {
        guard !isStopped else { return }
        for peer in core.peerReports(now: reactor.now) where peer.state == .unknown {
            let place = peer.address?.description ?? "an address not known yet"
            let causes = "see that it runs, that its section names this node, that a key is held by both, and that UDP is open both ways"
            let text = "peer \(peer.name) at \(place) has not been heard since the start: \(causes)"
            handlers.log(GossipSentence(.warning, "unheard", about: peer.name, text))
        }
    }

    private func readWallClock() {
        guard !isStopped else { return }
        feed(.wallClock(milliseconds: WallTime.now().unixMilliseconds))
        reactor.setTimer(at: reactor.now.advanced(by: Self.wallInterval)) { [weak self] in self?.readWallClock() }
    }

    // MARK: What the core wants

    /// Does what the core wants. A handler that feeds it only adds to what the outer call carries out.
    private func carryOut() {
        guard !isCarryingOut else { return }
        isCarryingOut = true
        var index = 0
        while index < outputs.list.count {
            perform(outputs.list[index])
            index += 1
            // Before the list is given up: what is logged of it may feed the core, too.
            if index == outputs.list.count { saveInTime() }
        }
        outputs.removeAll()
        isCarryingOut = false
        arm()
    }

    private func perform(_ output: GossipOutput) {
        switch output {
        case .send(let range, let address):
            if isSaveUrgent { save() }
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
            isSaveUrgent = true
        case .alert(let alert): handlers.log(GossipSentence(alert))
        }
    }

    /// Whose command counts for a server in the cluster, in words.
    private func author(of server: ServerID) -> String {
        guard let word = core.word(of: server, now: reactor.now) else { return "an operator, for the cluster" }
        let name = "the operator of \(plan.name(of: word.origin)), for the cluster"
        return word.isOver ? "\(name), whose time is over" : name
    }

    private func saveInTime() {
        if isSaveUrgent { save() }
        guard isMemoryDirty, store != nil, !isSavePlanned, !isStopped else { return }
        isSavePlanned = true
        reactor.setTimer(at: reactor.now.advanced(by: Self.saveDelay)) { [weak self] in
            guard let self, !isStopped else { return }
            isSavePlanned = false
            save()
            saveInTime()
        }
    }

    private func save() {
        guard isMemoryDirty else { return }
        (isMemoryDirty, isSaveUrgent) = (false, false)
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
