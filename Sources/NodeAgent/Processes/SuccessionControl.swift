import Gossip
import LinuxIO
import Proxy
import Wire

/// The process that takes over or is taken over from, as far as `SuccessionControl` needs it.
protocol SucceedingProcess: AnyObject {
    /// The node stops: no process takes over.
    var isEnding: Bool { get }
    /// Every bound socket; none once this process stops.
    var exposedSockets: [OpenFile] { get }
    /// What a successor should know.
    func stateText() -> AnswerText
    /// Counts what an earlier process has counted.
    func count(_ counters: [AgentState.CounterKey: [UInt64]])
    /// Takes over what an earlier process knew of the cluster.
    func rememberGossip(of state: AgentState)
    /// No other process speaks for this node: its gossip starts, if it has not.
    func speakAlone()
    /// A successor serves on the same sockets. `accepted` is called once nothing more is accepted here.
    func supersede(accepted: @escaping () -> Void)
    /// No process would start this one again: it closes its addresses, and ends with its last session.
    func abandon()
    /// Ends the process now.
    func end()
    /// Serves one more connection of the runtime socket, with every right.
    func serveRuntime(_ file: OpenFile)
}

/// How a process takes over from another, and how another takes over from it.
final class SuccessionControl {
    /// How long the process before may take to say its last words; then this one speaks for itself.
    private static let lastStatePatience = Duration.seconds(1)

    let reactor: Reactor
    let log: any EventLog
    unowned let process: any SucceedingProcess
    private var successions: [Succession] = []
    /// What the process before this one knew, until it is silent.
    private var inherited: AgentState?

    /// The successions of `process`.
    init(_ process: any SucceedingProcess, reactor: Reactor, log: any EventLog) { (self.process, self.reactor, self.log) = (process, reactor, log) }

    /// The number of processes at the other ends.
    var count: Int { successions.count }

    /// Starts what the place of this process in a succession asks for. Sessions are served already.
    func start(_ inheritance: Inheritance, isWorker: Bool) throws(SystemError) {
        if let channel = inheritance.channel {
            inherited = inheritance.state
            process.rememberGossip(of: inheritance.state)
            let succession = try Succession(channel, to: isWorker ? .master : .predecessor, of: self) { [unowned self] in
                if isWorker { loseMaster() } else { inherit(nil) }
            }
            successions.append(succession)
            if isWorker {
                try succession.report()
            } else {
                try succession.takeOver()
            }
        }
        guard !inheritance.isAlone else { return inherit(nil) }
        reactor.setTimer(at: reactor.now.advanced(by: Self.lastStatePatience)) { [unowned self] in inherit(nil) }
    }

    /// The process before is silent: what it counted counts here, and this one speaks from now on. Only the first call means anything.
    ///
    /// - Parameter last: its last words; `nil` for what it said first.
    func inherit(_ last: AgentState?) {
        if let state = last ?? inherited, inherited != nil {
            inherited = nil
            process.count(state.counters)
            process.rememberGossip(of: state)
        }
        process.speakAlone()
        for succession in successions { succession.tellState() }
    }

    /// Gives another process everything that it needs to take over, and waits until it serves. Until then its connection counts under `stats maxconn`.
    func handOver(to file: OpenFile, _ place: RuntimePlace, within patience: Duration = Succession.takeoverPatience) {
        let subject = LogSubject(kind: "hand-over", about: "")
        guard !process.isEnding else { return log.write(.warning, "the sockets are not handed over: this process drains.", about: subject) }
        do throws(SystemError) {
            let succession = try Succession(ProcessChannel(file), to: .successor, of: self) { [unowned self] in
                successions.removeAll { $0.isOver }
            }
            try succession.handOver(sockets: process.exposedSockets, place, within: patience)
            successions.append(succession)
        } catch {
            log.write(.warning, "the sockets cannot be handed over: \(error)", about: subject)
        }
    }

    /// A second has passed: tells the master that this worker runs, and from time to time what it knows.
    func secondPassed() { for succession in successions { succession.comeRound() } }

    /// Tells the master that the node drains: nobody is to take this worker's place.
    func tellLeaving() { for succession in successions { succession.tellLeaving() } }

    /// The master has died: no process would restart this one, so it ends with its last session. A supervisor starts another master, which needs
    /// the addresses.
    private func loseMaster() {
        log.write(.alert, "the master process has gone: this one stops when its sessions have ended.")
        process.abandon()
    }
}
