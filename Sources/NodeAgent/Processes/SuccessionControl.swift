import Gossip
import LinuxIO
import Proxy
import Wire

/// The interface of the process that `SuccessionControl` needs.
protocol SucceedingProcess: AnyObject {
    /// Whether the process ends, so that it hands nothing over.
    var isEnding: Bool { get }
    /// Every bound socket; empty once this process stops.
    var exposedSockets: [OpenFile] { get }
    /// The state for a successor.
    func stateText() -> AnswerText
    /// Adds the counters of a predecessor.
    func addCounters(_ counters: [AgentState.CounterKey: [UInt64]])
    /// Uses the predecessor's knowledge of the cluster.
    func restoreGossip(of state: AgentState)
    /// Starts the gossip, unless it runs. No other process gossips for the node at this time.
    func startGossip()
    /// Leaves the sockets to a successor, which serves. `accepted` is called once this process accepts nothing further.
    func supersede(accepted: @escaping () -> Void)
    /// Closes all addresses and ends with the last session, because no process would restart this one.
    func abandon()
    /// Ends the process now.
    func end()
    /// Serves an additional connection of the runtime socket, with all rights.
    func serveRuntime(_ file: OpenFile)
}

/// Controls how this process takes over from another, and how others take over from it.
final class SuccessionControl {
    /// How long the predecessor may take to send its last state, before this process continues without it.
    private static let lastStateTimeout = Duration.seconds(1)

    let reactor: Reactor
    let log: any EventLog
    unowned let process: any SucceedingProcess
    private var successions: [Succession] = []
    /// The predecessor's first state, until its last one arrives or its time is over.
    private var inherited: AgentState?

    /// Prepares the successions of `process`.
    init(_ process: any SucceedingProcess, reactor: Reactor, log: any EventLog) { (self.process, self.reactor, self.log) = (process, reactor, log) }

    /// The number of processes at other ends.
    var count: Int { successions.count }

    /// Takes over from the predecessor or reports to the master. This process already serves sessions.
    func start(_ inheritance: Inheritance, isWorker: Bool) throws(SystemError) {
        if let channel = inheritance.channel {
            inherited = inheritance.state
            process.restoreGossip(of: inheritance.state)
            let succession = try Succession(channel, to: isWorker ? .master : .predecessor, of: self) { [unowned self] in
                if isWorker { handleMasterDeath() } else { inherit(nil) }
            }
            successions.append(succession)
            if isWorker {
                try succession.report()
            } else {
                try succession.takeOver()
            }
        }
        guard !inheritance.isOnlyProcess else { return inherit(nil) }
        reactor.setTimer(at: reactor.now.advanced(by: Self.lastStateTimeout)) { [unowned self] in inherit(nil) }
    }

    /// Takes over the predecessor's counters, and starts the gossip. Counters are taken only once.
    ///
    /// - Parameter last: the predecessor's last state; `nil` to use its first one.
    func inherit(_ last: AgentState?) {
        if let state = last ?? inherited, inherited != nil {
            inherited = nil
            process.addCounters(state.counters)
            process.restoreGossip(of: state)
        }
        process.startGossip()
        for succession in successions { succession.reportState() }
    }

    /// Hands a successor everything that it needs, and waits until it serves. Until then its connection counts towards `stats maxconn`.
    func handOver(to file: OpenFile, _ place: RuntimePlace, within timeout: Duration = Succession.takeoverTimeout) {
        let subject = LogSubject(kind: "hand-over", about: "")
        guard !process.isEnding else { return log.write(.warning, "Sockets not handed over: this process is draining.", about: subject) }
        do throws(SystemError) {
            let succession = try Succession(ProcessChannel(file), to: .successor, of: self) { [unowned self] in
                successions.removeAll { $0.isOver }
            }
            try succession.handOver(sockets: process.exposedSockets, place, within: timeout)
            successions.append(succession)
        } catch {
            log.write(.warning, "Sockets not handed over: \(error).", about: subject)
        }
    }

    /// Sends the master a sign of life, and the state if it is due. Call it each second.
    func secondPassed() { for succession in successions { succession.tick() } }

    /// Notifies the master that the node drains, so that it starts no other worker.
    func reportDraining() { for succession in successions { succession.reportDraining() } }

    /// Stops after the master's death, with the last session, because no process would restart this one. A supervisor starts another master, which needs
    /// the addresses.
    private func handleMasterDeath() {
        log.write(.alert, "The master process died: this process ends with its last session.")
        process.abandon()
    }
}
