import LinuxIO
import Proxy
import Wire

/// The last good addresses of names, with the time of each, for a start without DNS. The state file is `addresses-NODE.state`:
///
///     name dbserver01 1790000600 172.20.0.21
///     name _mysql._tcp.db 1790000600 10.0.0.1,3306,10,5 10.0.0.2,3306,20,-
///
/// An address of a service includes port, priority and weight. Names are sorted, and each appears once.
struct AddressMemory: Equatable, Sendable {
    /// The addresses of one name.
    struct Known: Equatable, Sendable {
        /// The name of a host or a service.
        let name: DNSName
        /// When a nameserver last reported the addresses, in seconds since 1970.
        var time: Int64
        /// The addresses, at least one.
        var entries: [KnownName.Entry]
    }

    /// The most names in a file; further ones are left out.
    static let namesMax = 1_024
    /// The most addresses of one name; further ones are left out.
    static let entriesMax = 256
    /// The age in seconds beyond which addresses are not used.
    static let ageMax: Int64 = 24 * 3_600
    /// The number of seconds by which the clock may have been set back since the addresses were stored.
    static let futureMax: Int64 = 300
    /// An upper limit of valid times, in seconds since 1970.
    private static let timeMax: Int64 = 1 << 40

    /// Sorted by description.
    private(set) var names: [Known] = []

    /// The addresses of `name` if they are not older than `ageMax`; empty otherwise.
    func entries(of name: DNSName, now: Int64) -> [KnownName.Entry] {
        guard let known = names.first(where: { $0.name == name }), (-Self.futureMax...Self.ageMax).contains(now - known.time) else { return [] }
        return known.entries
    }

    /// Replaces the addresses of a name. An earlier time is no reason to reject them, because clocks may be set back.
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

    /// Removes the names that are not in `wanted`.
    mutating func keep(_ wanted: Set<DNSName>) { names.removeAll { !wanted.contains($0.name) } }

    /// An empty memory.
    init() {}
}

extension AddressMemory: StateContent {
    static let kind = "addresses"
    static let linesMax = namesMax
    static let loss = "without DNS no earlier address can be used"
    static let recovery = "Addresses can be written to state-dir again."

    static func failure(_ error: SystemError) -> String {
        "Addresses cannot be written to state-dir: \(error); a start without DNS would use older ones."
    }

    /// Omits names beyond `StateText.contentBytesMax`.
    func write(to text: inout FieldText) {
        for known in names {
            var line = FieldText()
            line.append("name")
            line.field(known.name.description)
            line.field(known.time)
            for entry in known.entries { line.field(Self.word(entry)) }
            line.endLine()
            guard text.bytes.count + line.bytes.count < StateText.contentBytesMax else { break }
            text.append(line.bytes)
        }
    }

    init?(_ lines: ArraySlice<Substring>) {
        for line in lines {
            guard let known = Self.known(line), names.last.map({ $0.name.description < known.name.description }) ?? true else { return nil }
            names.append(known)
        }
    }

    private static func word(_ entry: KnownName.Entry) -> String {
        guard let port = entry.address.port else { return entry.address.host.description }
        return "\(entry.address.host),\(port),\(entry.share.priority),\(entry.share.weight.map { "\($0)" } ?? "-")"
    }

    private static func known(_ text: Substring) -> Known? {
        var line = StateLine(text)
        guard line.skip("name"), let word = line.word(), let name = DNSName(word), name.description == word else { return nil }
        guard let time = line.number(in: 0...timeMax - 1) else { return nil }
        var entries: [KnownName.Entry] = []
        while let word = line.word() {
            guard let entry = entry(word, ofService: name.isOfService), entries.count < entriesMax else { return nil }
            entries.append(entry)
        }
        return entries.isEmpty ? nil : Known(name: name, time: time, entries: entries)
    }

    private static func entry(_ word: Substring, ofService isOfService: Bool) -> KnownName.Entry? {
        var fields = StateLine(word, separator: UInt8(ascii: ","))
        guard let host = fields.word().flatMap({ IPAddress($0) }), !host.isUnspecified else { return nil }
        guard isOfService else { return fields.isAtEnd ? KnownName.Entry(ResolvedAddress(host)) : nil }
        guard let port: UInt16 = fields.number(in: 1...UInt16.max), let priority: UInt16 = fields.number(),
            let weight: Int? = fields.numberOrDash(in: 1...256), fields.isAtEnd
        else { return nil }
        return KnownName.Entry(ResolvedAddress(host, port: port), share: ServiceShare(priority: priority, weight: weight))
    }
}
