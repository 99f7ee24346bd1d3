import LinuxIO
import Testing
import Wire

@testable import NodeAgent

/// A process that does nothing, and records its requests.
private final class StubProcess: DrainingProcess {
    /// The cluster's lease.
    final class Lease: DrainLease {
        let cluster = "tsukada"
        var holder: DrainLeaseHolder?
        var canBeRequested = true
        private(set) var words: [String] = []

        func acquire() { words.append("acquire") }
        func release() { words.append("release") }
    }

    let lease: Lease?
    var sessionsCount = 0
    var hasNoPendingWork = false
    private(set) var steps: [String] = []

    init(lease: Lease?) { self.lease = lease }

    var oldestSession: Instant? { nil }
    var drainLease: (any DrainLease)? { lease }

    func announceDrain() -> Duration {
        steps.append("announce")
        return .seconds(30)
    }

    func stopListening() { steps.append("stop listening") }
    func close(sessions count: Int) { steps.append("close \(count)") }
    func findOldestSession() {}
    func reportHardStop() { steps.append("hard stop") }
    func end() { steps.append("end") }
}

@Suite("The control of a drain")
struct DrainControlTests {
    private let lease = StubProcess.Lease()
    private let process: StubProcess
    private let log = RecordedLog()
    private let control: DrainControl

    init() throws {
        process = StubProcess(lease: lease)
        control = DrainControl(GlobalSettings(), reactor: try Reactor(), log: log, process: process)
    }

    @Test("begins at once for a signal, and takes the lease if it is free")
    func softStop() {
        control.softStop()
        #expect(process.steps == ["announce"] && lease.words == ["acquire"])
        #expect(control.isWanted && control.isUnderWay)
        control.softStop()
        #expect(process.steps == ["announce"], "a second signal changes nothing")
    }

    @Test("begins for a command when every live peer has acknowledged it")
    func command() throws {
        #expect(try control.drain(.careful) == DrainText.asking)
        #expect(process.steps.isEmpty && lease.words == ["acquire"] && !control.isUnderWay)
        #expect(try control.drain(.careful) == DrainText.asking)
        #expect(lease.words == ["acquire"], "it asks once")
        control.leaseGranted()
        #expect(process.steps == ["announce"])
        #expect(try control.drain(.careful).hasPrefix(DrainText.progressBegins))
    }

    @Test("is refused while another node drains, unless it is forced")
    func refusal() throws {
        lease.holder = .other("tsukada02")
        #expect(throws: RuntimeTargetError.refused(DrainText.refusal("tsukada02"))) { try control.drain(.careful) }
        #expect(process.steps.isEmpty && !control.isWanted)
        _ = try control.drain(.forced)
        #expect(process.steps == ["announce"])
        #expect(log.lines.first == "warning: Draining although tsukada02 is draining as well: no node may remain for new sessions.")
    }

    @Test("does not ask peers without a usable clock, and names the command that drains anyway")
    func clock() throws {
        lease.canBeRequested = false
        #expect(throws: RuntimeTargetError.refused("\(GossipControl.clockUnusable) 'drain force' does not ask the other nodes.")) {
            try control.drain(.careful)
        }
        #expect(lease.words.isEmpty)
    }

    @Test("can be cancelled before it has begun, and not afterwards")
    func cancel() throws {
        _ = try control.drain(.careful)
        #expect(control.cancel() == DrainText.cancelled && lease.words == ["acquire", "release"])
        control.leaseGranted()
        #expect(process.steps.isEmpty, "the peers' answer no longer counts")
        control.softStop()
        #expect(control.cancel().hasPrefix(DrainText.progressBegins))
    }

    @Test("loses to a node that has asked first")
    func lost() throws {
        _ = try control.drain(.careful)
        control.leaseChanged(to: .other("tsukada02"))
        #expect(log.lines == ["drain|notice: Gossip tsukada: tsukada02 is draining.", "drain|warning: Not draining: tsukada02 asked first."])
        control.leaseGranted()
        #expect(process.steps.isEmpty)
    }

    @Test("takes the lease as soon as it is free, and ignores its own node's lease")
    func leaseIsFree() {
        control.leaseChanged(to: nil)
        #expect(lease.words.isEmpty, "this node does not drain")
        control.softStop()
        control.leaseChanged(to: .thisNode)
        #expect(lease.words == ["acquire"])
        control.leaseChanged(to: nil)
        #expect(lease.words == ["acquire", "acquire"])
    }

    @Test("closes the listeners at once when the process ends, also during an announcement")
    func leaves() {
        control.softStop()
        control.leave()
        #expect(process.steps == ["announce", "stop listening"])
        control.leave()
        #expect(process.steps == ["announce", "stop listening"], "they are closed already")
    }
}
