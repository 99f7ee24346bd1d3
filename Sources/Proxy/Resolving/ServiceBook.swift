import Wire

/// The records that one service's name has, as far as is known.
struct ServiceBook: Equatable, Sendable {
    /// The most addresses of one host that are considered for its record; the last ones are left out.
    private static let choicesMax = 8

    /// The records of the answers.
    var records = Sightings<DNSService>()

    /// The hosts that its records name, each once.
    var targets: [DNSName] {
        var seen: Set<DNSName> = []
        return records.entries.map(\.record.target).filter { seen.insert($0).inserted }
    }

    /// True when a record and its host lead to `address`.
    func leads(to address: ResolvedAddress, books: [DNSName: AddressBook]) -> Bool {
        records.entries.contains { $0.record.port == address.port && books[$0.record.target]?.contains(address.host) ?? false }
    }

    /// One place of the service: a record whose host has an address.
    struct Place: Equatable, Sendable {
        let entry: KnownName.Entry
        /// The record's; `nil` for one that an earlier process remembers.
        let origin: Origin?
        let isCurrent: Bool
    }

    /// The parts of a record that do not change with its host's address.
    struct Origin: Hashable, Sendable {
        let target: DNSName
        let port: UInt16
    }

    /// The places to choose from, by priority, those in use first, then in the order of the answer. Each record has an address that no other record has, as
    /// far as there are enough; a record without an address has no place.
    ///
    /// - Parameters:
    ///   - present: where its servers are now: these addresses stay in use.
    ///   - books: what is known of hosts. All is looked up, nothing searched for: this is done for each answer of each host of a service.
    func places(preferring family: AddressFamily, present: [ResolvedAddress], books: [DNSName: AddressBook]) -> [Place] {
        let entries = records.entries
        let weights = ServiceShare.weights(of: entries.map(\.record))
        let used = Set(present)
        let choices = entries.map { entry -> [ResolvedAddress] in
            guard let book = books[entry.record.target] else { return [] }
            let inUse = present.filter { $0.port == entry.record.port && book.allows($0.host, preferring: family) }
            let others = book.choices(preferring: family).map { ResolvedAddress($0, port: entry.record.port) }.filter { !used.contains($0) }
            return Array((inUse + others).prefix(Self.choicesMax))
        }
        // Not in the order of the answer, which rotates.
        let order = entries.indices.sorted { Self.precedes(entries[$0].record, entries[$1].record) }
        let addresses = DistinctChoice.addresses(for: choices, order: order)
        var places: [Place] = []
        for (index, entry) in entries.enumerated() {
            guard let address = addresses[index] else { continue }
            let share = ServiceShare(priority: entry.record.priority, weight: weights[index])
            let origin = Origin(target: entry.record.target, port: entry.record.port)
            places.append(Place(entry: KnownName.Entry(address, share: share), origin: origin, isCurrent: entry.isCurrent))
        }
        // Answers turn: what is in use stays in use. `sorted` keeps the order of equals.
        func rank(_ place: Place) -> (UInt16, Int) { (place.entry.share.priority, present.contains(place.entry.address) ? 0 : 1) }
        return places.sorted { rank($0) < rank($1) }
    }

    private static func precedes(_ left: DNSService, _ right: DNSService) -> Bool {
        guard (left.priority, left.port) == (right.priority, right.port) else { return (left.priority, left.port) < (right.priority, right.port) }
        return left.target.bytes.lexicographicallyPrecedes(right.target.bytes)
    }
}

/// Gives each of several owners an address of its own: a matching, found by augmenting paths.
struct DistinctChoice {
    private let choices: [[ResolvedAddress]]
    private var owners: [ResolvedAddress: Int] = [:]
    /// Addresses tried in vain since an owner last got one.
    private var visited: Set<ResolvedAddress> = []

    /// An address among its `choices`, by owner, for as many as possible. An owner takes its first free choice; the first owner in `order` chooses first.
    static func addresses(for choices: [[ResolvedAddress]], order: [Int]) -> [ResolvedAddress?] {
        var choice = DistinctChoice(choices: choices)
        var waiting: [Int] = []
        for owner in order {
            if let free = choices[owner].first(where: { choice.owners[$0] == nil }) { choice.owners[free] = owner } else { waiting.append(owner) }
        }
        for owner in waiting where choice.give(owner) { choice.visited = [] }
        var addresses = [ResolvedAddress?](repeating: nil, count: choices.count)
        for (address, owner) in choice.owners { addresses[owner] = address }
        return addresses
    }

    private init(choices: [[ResolvedAddress]]) { self.choices = choices }

    /// Finds an address for `owner`; the present holder of that address takes another one. An address once taken stays taken.
    private mutating func give(_ owner: Int) -> Bool {
        for address in choices[owner] where visited.insert(address).inserted {
            if let other = owners[address], !give(other) { continue }
            owners[address] = owner
            return true
        }
        return false
    }
}
