import Wire

/// The records that one service's name has, as far as is known.
struct ServiceBook: Equatable, Sendable {
    /// One record.
    struct Entry: Equatable, Sendable {
        let record: DNSService
        /// When an answer last had it.
        var lastSeen: Instant
        /// False while an answer lacks it and `hold obsolete` keeps it.
        var isCurrent: Bool
    }

    /// Records kept: the latest answer's before others.
    static let recordsMax = DNSAnswer.servicesMax

    private(set) var entries: [Entry] = []

    /// The hosts that its records name, each once.
    var targets: [DNSName] {
        var names: [DNSName] = []
        for entry in entries where !names.contains(entry.record.target) { names.append(entry.record.target) }
        return names
    }

    /// `records` are all; others go once they have been missing for `holdObsolete`.
    mutating func replace(with records: [DNSService], holdObsolete: Duration, now: Instant) {
        let kept = entries.filter { !records.contains($0.record) && now < $0.lastSeen.advanced(by: holdObsolete) }
        take(records, before: kept.map { Entry(record: $0.record, lastSeen: $0.lastSeen, isCurrent: false) }, now: now)
    }

    /// `records` are some: none goes.
    mutating func merge(with records: [DNSService], now: Instant) {
        take(records, before: entries.filter { !records.contains($0.record) }, now: now)
    }

    private mutating func take(_ records: [DNSService], before others: [Entry], now: Instant) {
        let latest = records.map { Entry(record: $0, lastSeen: now, isCurrent: true) }
        entries = Array((latest + others).prefix(Self.recordsMax))
    }

    /// Forgets everything.
    mutating func removeAll() { entries = [] }

    /// One place of the service: a record whose host has an address.
    struct Place: Equatable, Sendable {
        var entry: KnownName.Entry
        var isCurrent: Bool
    }

    /// The places to choose from, by priority, those in use first, then in the order of the answer; each once. A record whose host has no known address has none.
    ///
    /// - Parameters:
    ///   - present: where its servers are now: a host keeps the address that it is used by.
    ///   - books: what is known of hosts. All is looked up, nothing searched for: this is done for each answer of each host of a service.
    func places(preferring family: AddressFamily, present: [ResolvedAddress], books: [DNSName: AddressBook]) -> [Place] {
        let weights = ServiceShare.weights(of: entries.map(\.record))
        var places: [Place] = []
        var taken: Set<ResolvedAddress> = []
        for (index, entry) in entries.enumerated() {
            guard let book = books[entry.record.target] else { continue }
            let choices = book.choices(preferring: family)
            let used = present.first { $0.port == entry.record.port && book.contains($0.host) }
            guard let host = used?.host ?? choices.first else { continue }
            let address = ResolvedAddress(host, port: entry.record.port)
            guard taken.insert(address).inserted else { continue }
            let share = ServiceShare(priority: entry.record.priority, weight: weights[index])
            places.append(Place(entry: KnownName.Entry(address, share: share), isCurrent: entry.isCurrent))
        }
        // Answers turn: what is in use stays in use. `sorted` keeps the order of equals.
        func rank(_ place: Place) -> (UInt16, Int) { (place.entry.share.priority, present.contains(place.entry.address) ? 0 : 1) }
        return places.sorted { rank($0) < rank($1) }
    }
}
