import Gossip
import LinuxIO
import Wire

/// The gossip's memory in its state file, `gossip-NODE.state`. Without it, only the peers know operators' commands after a restart.
///
///     session 117309440000012345
///     server 00112233445566aa stamp 1a origin 00000000000000bb state maint weight - expiry 1790000600000
///
/// Rows are sorted by server identifier. The file may contain any session and stamp: the core discards those that are far ahead of its clock.
extension GossipMemory: StateContent {
    static let kind = "gossip"
    static let linesMax = 1 + GossipLimits.serversMax
    static let loss = "operators' cluster commands are known only from the peers"
    static let recovery = "state-dir can be written again"

    static func failure(_ error: SystemError) -> String {
        "cannot write to state-dir: \(error); after a restart operators' cluster commands are known only from the peers"
    }

    /// Omits the oldest rows beyond `GossipLimits.serversMax`.
    func write(to text: inout FieldText) {
        var kept = GossipMemory(session: session)
        for row in administrative { kept.record(.administrative(row)) }
        text.append("session \(kept.session)\n")
        for row in kept.administrative { row.write(to: &text) }
    }

    init?(_ lines: ArraySlice<Substring>) {
        guard var first = lines.first.map({ StateLine($0) }), first.skip("session"), let session: UInt64 = first.number(), first.isAtEnd else { return nil }
        self.init(session: session)
        for line in lines.dropFirst() {
            guard let row = AdministrativeRow(line), administrative.last.map({ $0.server < row.server }) ?? true else { return nil }
            administrative.append(row)
        }
    }

    /// Records a change that must outlive the process: a higher session, or a newer row. Rows are sorted by server identifier, one per server. Beyond
    /// `GossipLimits.serversMax` rows the oldest one is removed.
    mutating func record(_ change: GossipPersistence) {
        switch change {
        case .session(let number): session = max(session, number)
        case .administrative(let row):
            var (low, high) = (0, administrative.count)
            while low < high {
                let middle = (low + high) / 2
                if administrative[middle].server < row.server { low = middle + 1 } else { high = middle }
            }
            if low < administrative.count, administrative[low].server == row.server {
                if row.isNewer(than: administrative[low]) { administrative[low] = row }
                return
            }
            administrative.insert(row, at: low)
            guard administrative.count > GossipLimits.serversMax else { return }
            let oldest = administrative.indices.min { administrative[$0].stamp < administrative[$1].stamp }
            if let oldest { administrative.remove(at: oldest) }
        }
    }
}

extension AdministrativeRow {
    fileprivate func write(to text: inout FieldText) {
        let fields = [
            ("server", Hexadecimal.text(server.number, digits: 16)), ("stamp", Hexadecimal.text(stamp.bits, digits: 16)), ("origin", origin.description),
            ("state", state.name), ("weight", weight.map { "\($0)" } ?? "-"), ("expiry", expiry.map { "\($0)" } ?? "-"),
        ]
        text.append(fields.map { "\($0) \($1)" }.joined(separator: " "))
        text.endLine()
    }

    fileprivate init?(_ text: Substring) {
        var line = StateLine(text)
        guard line.skip("server"), let server = line.hexadecimal(), line.skip("stamp"), let stamp = line.hexadecimal(),
            line.skip("origin"), let origin = line.hexadecimal(), line.skip("state"), let state = line.word().flatMap(AdministrativeState.init(name:)),
            line.skip("weight"), let weight: UInt16? = line.numberOrDash(in: 0...256), line.skip("expiry"), let expiry: UInt64? = line.numberOrDash(),
            line.isAtEnd
        else { return nil }
        self.init(
            server: ServerID(server), stamp: HybridTime(bits: stamp), origin: NodeID(origin), state: state, weight: weight, expiry: expiry)
    }
}

extension AdministrativeState {
    fileprivate var name: String {
        switch self {
        case .ready: "ready"
        case .drain: "drain"
        case .maint: "maint"
        }
    }

    fileprivate init?(name: Substring) {
        guard let state = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = state
    }
}
