import Gossip
import Simulation
import Support
import Wire

/// All checks of one run of one node.
struct NodeShadow {
    private let id: NodeID
    private let nodes: Int
    private var acceptance = AcceptanceShadow()
    private var tables: TableShadow
    private var verdicts: VerdictShadow
    private var isLeaving = false
    /// When each peer was last heard, in the node's running time, and after how many pauses.
    private var lastHeard: [NodeID: (at: Instant, pauses: Int)] = [:]

    /// The time that a node has run, without its pauses.
    struct RunningTime {
        var now: Instant
        var pauses: Int
    }

    init(id: NodeID, nodes: [NodeID], servers: [GossipServer], twin: GossipNode?) {
        self.id = id
        self.nodes = nodes.count
        tables = TableShadow(own: id, nodes: nodes)
        verdicts = VerdictShadow(twin: twin)
        verdicts.configure(servers)
    }

    mutating func begin(_ core: GossipNode, _ issued: inout IssuedRows) -> Violation? {
        tables.begin(core, issued) ?? tables.compare(core, &issued)
    }

    static func header(_ input: GossipWorld.Input) -> Header? {
        guard case .datagram(let datagram) = input else { return nil }
        return try? Header(datagram.bytes[...])
    }

    mutating func willHandle(_ input: GossipWorld.Input, _ core: GossipNode, now: Instant) {
        switch input {
        case .datagram:
            acceptance.willReceive(Self.header(input), core)
            verdicts.willHandle(nil, core, now: now)
        case .local(let event):
            if case .leave = event { isLeaving = true }
            verdicts.willHandle(event, core, now: now)
        case .start, .tick, .command:
            verdicts.willHandle(nil, core, now: now)
        }
    }

    mutating func didHandle(
        _ input: GossipWorld.Input, _ core: GossipNode, _ outputs: GossipOutputs, now: Instant, running: RunningTime, seal: NullSeal,
        _ issued: inout IssuedRows
    ) -> Violation? {
        if let violation = receive(input, core, now: now, running: running, seal: seal, issued) { return violation }
        return tables.compare(core, &issued) ?? verdicts.didHandle(input, core, outputs.list, now: now) ?? checkDeaths(outputs.list, running)
            ?? bounds(core, outputs, now: now)
    }

    private mutating func receive(
        _ input: GossipWorld.Input, _ core: GossipNode, now: Instant, running: RunningTime, seal: NullSeal, _ issued: IssuedRows
    ) -> Violation? {
        guard case .datagram(let datagram) = input else { return nil }
        let header = Self.header(input)
        if let violation = acceptance.hasReceived(header, from: datagram.source, core) { return violation }
        guard let header, acceptance.isAccepted(header, core) else { return nil }
        lastHeard[header.sender] = (running.now, running.pauses)
        var opened = Array(datagram.bytes.dropLast(SealFormat.tagBytes))
        seal.rewrite?(&opened)
        var reader = RecordReader(opened[Header.bytesCount...], now: now)
        var records: [Record] = []
        while let record = reader.next() { records.append(record) }
        return tables.receive(records, session: core.session, proven: (header.sender, header.senderSession), issued)
    }

    /// S10. A pause may count as silence for as long as the node could not notice it: up to its deadline and the tolerance after it.
    private func checkDeaths(_ list: [GossipOutput], _ running: RunningTime) -> Violation? {
        for output in list {
            guard case .peerChanged(let peer, .dead, _) = output else { continue }
            guard let lastHeard = lastHeard[peer] else { return Violation("S10", "\(peer) is DEAD, but no datagram has ever come from it") }
            let silence = lastHeard.at.duration(to: running.now)
            guard silence + .milliseconds(250) * (running.pauses - lastHeard.pauses) >= .milliseconds(999) else {
                return Violation("S10", "\(peer) is DEAD after \(silence.seconds) s of silence while the node ran")
            }
        }
        return nil
    }

    /// Checks S1 and S11.
    private func bounds(_ core: GossipNode, _ outputs: GossipOutputs, now: Instant) -> Violation? {
        guard isLeaving || core.ownRank == .alive else { return Violation("S1", "is not ALIVE in its own table") }
        guard core.openHandshakes.candidates <= 5 * (nodes - 1), core.openHandshakes.sources <= GossipLimits.helloSourcesMax else {
            return Violation("S11", "\(core.openHandshakes) handshakes")
        }
        guard core.nextDeadline <= now.advanced(by: .milliseconds(201)) else { return Violation("S11", "the next deadline is far away") }
        for case .send(let range, _) in outputs.list where range.count > GossipLimits.datagramBytesMax {
            return Violation("S11", "a datagram of \(range.count) bytes")
        }
        guard core.tables.changesCount <= 2 * core.tables.rowsCount + 64 else { return Violation("S11", "\(core.tables.changesCount) changes kept") }
        return nil
    }
}
