import Gossip
import Wire

/// What a gossip state file says.
///
///     tsukada-gossip 1                     the format's version
///     node tsukada01                       whose it is
///     session 117309440000012345
///     server 00112233445566aa stamp 1a origin 00000000000000bb state maint weight - expiry 1790000600000
///     end 5f3a...                          `StateSeal`: a checksum of all bytes above
///
/// Rows are in the order of their servers' ids. A file with anything else, even one byte less, is invalid. Any session and stamp is read: the core leaves
/// out those far ahead of its clock, and keeps the rest.
enum GossipStateText {
    /// Bytes of the longest file.
    static let bytesMax = 1 << 20
    private static let header = "tsukada-gossip 1"

    /// The file of `node`; rows beyond `GossipLimits.serversMax` are left out, the oldest ones.
    static func bytes(of memory: GossipMemory, node: String) -> [UInt8] {
        var kept = GossipMemory(session: memory.session)
        for row in memory.administrative { kept.record(.administrative(row)) }
        var text = "\(header)\nnode \(node)\nsession \(kept.session)\n"
        for row in kept.administrative { text += line(of: row) + "\n" }
        return StateSeal.bytes(of: text)
    }

    /// What the file of `node` says; `nil` when it is damaged, of another node, or of another version.
    static func memory(from bytes: [UInt8], node: String) -> GossipMemory? {
        guard bytes.count <= bytesMax, let lines = StateSeal.lines(of: bytes) else { return nil }
        guard lines.count >= 3, lines[0] == header, lines[1] == "node \(node)", let session = session(lines[2]) else { return nil }
        guard lines.count - 3 <= GossipLimits.serversMax else { return nil }
        var memory = GossipMemory(session: session)
        for line in lines.dropFirst(3) {
            guard let row = row(line), memory.administrative.last.map({ $0.server < row.server }) ?? true else { return nil }
            memory.administrative.append(row)
        }
        return memory
    }

    private static func line(of row: AdministrativeRow) -> String {
        let (weight, expiry) = (row.weight.map { "\($0)" } ?? "-", row.expiry.map { "\($0)" } ?? "-")
        return "server \(Hexadecimal.text(row.server.number, digits: 16)) stamp \(Hexadecimal.text(row.stamp.bits, digits: 16)) origin \(row.origin) "
            + "state \(name(of: row.state)) weight \(weight) expiry \(expiry)"
    }

    private static func session(_ line: Substring) -> UInt64? {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, words[0] == "session", let session = number(words[1]) else { return nil }
        return session
    }

    private static func row(_ line: Substring) -> AdministrativeRow? {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        let names = ["server", "stamp", "origin", "state", "weight", "expiry"]
        guard words.count == 2 * names.count, names.indices.allSatisfy({ words[2 * $0] == names[$0] }) else { return nil }
        guard let server = Hexadecimal.number(words[1], digits: 16), let stamp = Hexadecimal.number(words[3], digits: 16),
            let origin = Hexadecimal.number(words[5], digits: 16), let state = state(words[7])
        else { return nil }
        let (weight, expiry) = (number(words[9]), number(words[11]))
        guard weight != nil || words[9] == "-", expiry != nil || words[11] == "-", weight ?? 0 <= 256 else { return nil }
        return AdministrativeRow(
            server: ServerID(server), stamp: HybridTime(bits: stamp), origin: NodeID(origin), state: state,
            weight: weight.map { UInt16(truncatingIfNeeded: $0) },
            expiry: expiry)
    }

    private static func number(_ word: Substring) -> UInt64? {
        word.utf8.allSatisfy(ConfigurationValue.isDigit) ? UInt64(word) : nil
    }

    private static func name(of state: AdministrativeState) -> String {
        switch state {
        case .ready: "ready"
        case .drain: "drain"
        case .maint: "maint"
        }
    }

    private static func state(_ name: Substring) -> AdministrativeState? { AdministrativeState.allCases.first { Self.name(of: $0) == name } }
}

extension GossipMemory {
    /// Takes over what the core wants to outlive the process: a session that is higher, a row that is newer. Rows are kept in the order of their
    /// servers' ids, one for each; of more than `GossipLimits.serversMax` the one that was said first goes.
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
