import Wire

/// The known records of a service's name.
struct ServiceBook: Equatable, Sendable {
    /// The most addresses per host that are considered for its record. Further ones are ignored.
    private static let choicesMax = 8

    /// The records in the answers.
    var records = LastSeenRecords<DNSService>()

    /// The hosts in its records, without duplicates.
    var targets: [DNSName] {
        var seen: Set<DNSName> = []
        return records.entries.map(\.record.target).filter { seen.insert($0).inserted }
    }

    /// True when a record and its host resolve to `address`.
    func resolves(to address: ResolvedAddress, books: [DNSName: AddressBook]) -> Bool {
        records.entries.contains { $0.record.port == address.port && books[$0.record.target]?.contains(address.host) ?? false }
    }

    /// A record of the service whose host has an address.
    struct Place: Equatable, Sendable {
        let entry: KnownName.Entry
        /// The identity of the record; `nil` for an address from an earlier process.
        let origin: Origin?
        let isCurrent: Bool
    }

    /// The parts of a record that do not change with its host's address.
    struct Origin: Hashable, Sendable {
        let target: DNSName
        let port: UInt16
    }

    /// The places to choose from, by priority, then those in use, then in the order of the answer. Each record gets a different address, as far as there are
    /// enough. A record without an address has no place.
    ///
    /// - Parameters:
    ///   - preference: the addresses of hosts that are preferred.
    ///   - present: the current addresses of its servers, which stay in use.
    ///   - books: the addresses of hosts. They are looked up by name and never searched, because this runs for each answer of each host of a service.
    func places(preferring preference: AddressPreference, present: [ResolvedAddress], books: [DNSName: AddressBook]) -> [Place] {
        let entries = records.entries
        let weights = ServiceShare.weights(of: entries.map(\.record))
        let used = Set(present)
        let choices = entries.map { entry -> [ResolvedAddress] in
            guard let book = books[entry.record.target] else { return [] }
            let inUse = present.filter { $0.port == entry.record.port && book.allows($0.host, preferring: preference.family) }
            let others = book.choices(preferring: preference.family).map { ResolvedAddress($0, port: entry.record.port) }.filter { !used.contains($0) }
            return Array(preference.ordered(inUse + others, by: \.host).prefix(Self.choicesMax))
        }
        // The order of the answer is not used because it rotates.
        let order = entries.indices.sorted { Self.precedes(entries[$0].record, entries[$1].record) }
        let addresses = DistinctChoice.addresses(for: choices, order: order)
        var places: [Place] = []
        for (index, entry) in entries.enumerated() {
            guard let address = addresses[index] else { continue }
            let share = ServiceShare(priority: entry.record.priority, weight: weights[index])
            let origin = Origin(target: entry.record.target, port: entry.record.port)
            places.append(Place(entry: KnownName.Entry(address, share: share), origin: origin, isCurrent: entry.isCurrent))
        }
        // Answers rotate: the places in use come first so that they stay in use. `sorted` keeps the order of equal ones.
        func rank(_ place: Place) -> (UInt16, Int) { (place.entry.share.priority, present.contains(place.entry.address) ? 0 : 1) }
        return places.sorted { rank($0) < rank($1) }
    }

    private static func precedes(_ left: DNSService, _ right: DNSService) -> Bool {
        guard (left.priority, left.port) == (right.priority, right.port) else { return (left.priority, left.port) < (right.priority, right.port) }
        return left.target.bytes.lexicographicallyPrecedes(right.target.bytes)
    }
}

/// Assigns a different address to each of several owners: a matching, found by augmenting paths.
struct DistinctChoice {
    private let choices: [[ResolvedAddress]]
    private var owners: [ResolvedAddress: Int] = [:]
    /// Addresses visited without success since an owner last got one.
    private var visited: Set<ResolvedAddress> = []

    /// An address from each owner's `choices`, for as many owners as possible. An owner takes its first free choice; owners choose in the order of `order`.
    static func addresses(for choices: [[ResolvedAddress]], order: [Int]) -> [ResolvedAddress?] {
        var choice = DistinctChoice(choices: choices)
        var waiting: [Int] = []
        for owner in order {
            if let free = choices[owner].first(where: { choice.owners[$0] == nil }) { choice.owners[free] = owner } else { waiting.append(owner) }
        }
        for owner in waiting where choice.assign(owner) { choice.visited = [] }
        var addresses = [ResolvedAddress?](repeating: nil, count: choices.count)
        for (address, owner) in choice.owners { addresses[owner] = address }
        return addresses
    }

    private init(choices: [[ResolvedAddress]]) { self.choices = choices }

    /// Finds an address for `owner`. If another owner has the address, that owner takes another one. An address that is in use stays in use.
    private mutating func assign(_ owner: Int) -> Bool {
        for address in choices[owner] where visited.insert(address).inserted {
            if let other = owners[address], !assign(other) { continue }
            owners[address] = owner
            return true
        }
        return false
    }
}
