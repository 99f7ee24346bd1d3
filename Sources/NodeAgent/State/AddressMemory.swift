import LinuxIO
import Proxy
import Wire

/// The last good addresses of names, with the time of each: what a start without DNS goes by. A value; `AddressStore` reads and writes it.
///
///     tsukada-addresses 1                                  the format's version
///     node tsukada01                                       whose it is
///     name dbserver01 1790000600 172.20.0.21
///     name _mysql._tcp.db 1790000600 10.0.0.1,3306,10,5 10.0.0.2,3306,20,-
///     end 5f3a...                                          `StateSeal`
///
/// An address of a service has port, priority and weight behind it. Names stand in their order, each once. Anything else is no such file.
struct AddressMemory: Equatable, Sendable {
    /// What one name had.
    struct Known: Equatable, Sendable {
        /// A host's or a service's name.
        let name: DNSName
        /// When a nameserver last said so, in seconds since 1970.
        var time: Int64
        /// At least one.
        var entries: [KnownName.Entry]
    }

    /// Names of one file; of more the last ones are left out.
    static let namesMax = 1_024
    /// Addresses of one name; of more the last ones are left out.
    static let entriesMax = 256
    /// Bytes of the longest file; names beyond it are left out.
    static let bytesMax = 1 << 20
    /// Older ones are not used.
    static let ageMax: Int64 = 24 * 3_600
    /// How far clocks may have been set back meanwhile.
    static let futureMax: Int64 = 300
    private static let header = "tsukada-addresses 1"

    /// In the order of their descriptions.
    private(set) var names: [Known] = []

    /// What is known of `name` and not older than `ageMax`; none otherwise.
    func entries(of name: DNSName, now: Int64) -> [KnownName.Entry] {
        guard let known = names.first(where: { $0.name == name }), (-Self.futureMax...Self.ageMax).contains(now - known.time) else { return [] }
        return known.entries
    }

    /// Takes over what a nameserver has just said, in place of what it has: clocks may be set back.
    mutating func learn(_ known: Known) {
        let entries = Array(known.entries.prefix(Self.entriesMax))
        guard !entries.isEmpty else { return }
        let text = known.name.description
        let place = names.firstIndex { $0.name.description >= text } ?? names.endIndex
        if place < names.endIndex, names[place].name == known.name {
            names[place] = Known(name: known.name, time: known.time, entries: entries)
        } else if names.count < Self.namesMax {
            names.insert(Known(name: known.name, time: known.time, entries: entries), at: place)
        }
    }

    /// Forgets names that are not among `wanted`.
    mutating func keep(_ wanted: Set<DNSName>) { names.removeAll { !wanted.contains($0.name) } }

    // MARK: The file

    /// The file of `node`.
    func bytes(node: String) -> [UInt8] {
        var text = "\(Self.header)\nnode \(node)\n"
        for known in names {
            let line = "name \(known.name) \(known.time) \(known.entries.map(Self.word).joined(separator: " "))\n"
            guard text.utf8.count + line.utf8.count < Self.bytesMax - 64 else { break }
            text += line
        }
        return StateSeal.bytes(of: text)
    }

    /// What the file of `node` says; `nil` when it is damaged, of another node, or of another version.
    init?(_ bytes: [UInt8], node: String) {
        guard bytes.count <= Self.bytesMax, let lines = StateSeal.lines(of: bytes), lines.count >= 2, lines.count - 2 <= Self.namesMax else { return nil }
        guard lines[0] == Self.header, lines[1] == "node \(node)" else { return nil }
        for line in lines.dropFirst(2) {
            guard let known = Self.known(line), names.last.map({ $0.name.description < known.name.description }) ?? true else { return nil }
            names.append(known)
        }
    }

    /// Nothing known.
    init() {}

    private static func word(_ entry: KnownName.Entry) -> String {
        guard let port = entry.address.port else { return entry.address.host.description }
        return "\(entry.address.host),\(port),\(entry.share.priority),\(entry.share.weight.map { "\($0)" } ?? "-")"
    }

    private static func known(_ line: Substring) -> Known? {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        guard (4...(3 + entriesMax)).contains(words.count), words[0] == "name", let name = DNSName(words[1]), name.description == words[1] else { return nil }
        guard words[2].utf8.allSatisfy(ConfigurationValue.isDigit), let time = Int64(words[2]), time < 1 << 40 else { return nil }
        let entries = words.dropFirst(3).compactMap { entry($0, ofService: name.isOfService) }
        guard entries.count == words.count - 3 else { return nil }
        return Known(name: name, time: time, entries: entries)
    }

    private static func entry(_ word: Substring, ofService isOfService: Bool) -> KnownName.Entry? {
        let fields = word.split(separator: ",", omittingEmptySubsequences: false)
        guard let host = IPAddress(fields[0]), !host.isUnspecified, fields.count == (isOfService ? 4 : 1) else { return nil }
        guard isOfService else { return KnownName.Entry(ResolvedAddress(host)) }
        guard let port = UInt16(fields[1]), port > 0, let priority = UInt16(fields[2]) else { return nil }
        let weight = Int(fields[3])
        guard fields[3] == "-" || (1...256).contains(weight ?? 0) else { return nil }
        return KnownName.Entry(ResolvedAddress(host, port: port), share: ServiceShare(priority: priority, weight: weight))
    }
}

/// Where a node's addresses are remembered: `addresses-NODE.state` in the configuration's `state-dir`.
final class AddressStore: Sendable {
    private static let loss = "if DNS does not answer, no address is remembered"

    private let file: StateFile
    private let node: String

    /// Opens the folder at `path`.
    ///
    /// - Parameters:
    ///   - node: this node's name.
    ///   - owner: who saves later on, once privileges are gone.
    /// - Throws: when there is no such folder, or `owner` cannot write to it, or everybody can.
    init(path: String, node: String, owner: FileOwner) throws(StartError) {
        self.node = String(node.map { $0 == "/" || $0.isWhitespace ? "_" : $0 })
        file = try StateFile("addresses-\(self.node).state", in: path, owner: owner)
    }

    /// What was saved last, or nothing, with a sentence for the operator when something was there and could not be used.
    func load() -> (memory: AddressMemory, warning: String?) {
        let (memory, warning) = file.load(bytesMax: AddressMemory.bytesMax, loss: Self.loss) { AddressMemory($0, node: node) }
        return (memory ?? AddressMemory(), warning)
    }

    /// Writes everything to the disk. When it throws, what was saved before is still there, whole.
    func save(_ memory: AddressMemory) throws(SystemError) { try file.save(memory.bytes(node: node)) }
}
