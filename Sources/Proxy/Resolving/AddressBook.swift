import Wire

/// The addresses that one name has, as far as is known.
struct AddressBook: Equatable, Sendable {
    private var v4 = Sightings<IPAddress>()
    private var v6 = Sightings<IPAddress>()

    private subscript(family: AddressFamily) -> Sightings<IPAddress> {
        get { family == .v4 ? v4 : v6 }
        set { if family == .v4 { v4 = newValue } else { v6 = newValue } }
    }

    /// True when nothing is known.
    var isEmpty: Bool { v4.entries.isEmpty && v6.entries.isEmpty }

    /// True when `address` is the name's, or was until less than `hold obsolete` ago.
    func contains(_ address: IPAddress) -> Bool { self[address.family].contains(address) }

    /// The addresses of the latest answers, IPv4 first.
    var current: [IPAddress] { v4.current + v6.current }

    /// The addresses to choose from: those of `family`, or of the other one when there are none.
    func choices(preferring family: AddressFamily) -> [IPAddress] {
        let preferred = self[family].current
        return preferred.isEmpty ? self[family == .v4 ? .v6 : .v4].current : preferred
    }

    /// True when a server may stay at `address`: the name has it, and it is of `family` unless the name has no address of `family`.
    func allows(_ address: IPAddress, preferring family: AddressFamily) -> Bool {
        contains(address) && (address.family == family || self[family].current.isEmpty)
    }

    /// `addresses` are all of `family`; others are removed once they have been missing for `holdObsolete`.
    mutating func replace(_ family: AddressFamily, with addresses: [IPAddress], holdObsolete: Duration, now: Instant) {
        self[family].replace(with: addresses, holdObsolete: holdObsolete, now: now)
    }

    /// `addresses` are some of `family`: no `used` one is removed.
    mutating func merge(_ family: AddressFamily, with addresses: [IPAddress], used: Set<IPAddress> = [], now: Instant) {
        self[family].merge(with: addresses, used: used.contains, now: now)
    }

    /// The addresses of the latest answers count as seen until `now`, even if no answer has come for long.
    mutating func renew(now: Instant) {
        v4.renew(now: now)
        v6.renew(now: now)
    }

    /// Forgets everything.
    mutating func removeAll() { self = AddressBook() }
}

/// Which server gets which address of a name.
enum AddressAssignment {
    /// A server that waits for an address of the name.
    struct Slot: Equatable, Sendable {
        /// Its present address.
        var address: ResolvedAddress?
        /// `resolve-prefer`.
        var preferredFamily: AddressFamily
        /// An address that it has tried in vain: others are tried before that one.
        var doubted: ResolvedAddress?
        /// Its address, or its last one.
        var last: ResolvedAddress?
        /// An operator keeps it from taking sessions. That applies to its present or last host, and to no other.
        var isReserved = false
    }

    /// What happens to a server.
    enum Decision: Equatable, Sendable {
        /// Nothing.
        case keep
        /// It takes this address, for it has none or a different one.
        case move(ResolvedAddress)
        /// It loses its address: there is none left for it.
        case empty
    }

    /// For the plain servers of one name in one backend. Each keeps its address while the name has it and it is of the preferred family, or the name has no
    /// address of that family. Otherwise it takes the first address that no other of them uses; if there is none, the first of all.
    static func decide(servers: [Slot], from book: AddressBook) -> [Decision] {
        var used = servers.compactMap { $0.address?.host }.filter(book.contains)
        return servers.map { server in
            if let address = server.address, book.allows(address.host, preferring: server.preferredFamily) { return .keep }
            let choices = book.choices(preferring: server.preferredFamily)
            guard let choice = choices.first(where: { !used.contains($0) }) ?? choices.first else { return .keep }
            used.append(choice)
            return .move(ResolvedAddress(choice))
        }
    }

    /// For the slots of one name in one backend: each address goes to one slot. A slot keeps its address while the name has it. A new address
    /// returns to the slot that had it last. Others fill the empty slots in order, then those whose address has gone, and reserved ones only when there
    /// is no other. Slots that still have an obsolete address are emptied.
    ///
    /// - Parameters:
    ///   - offered: the addresses of the name, those first that count most. Without any nothing changes.
    ///   - isKept: whether a slot may keep its address although it is not offered.
    static func decide(slots: [Slot], offered: [ResolvedAddress], isKept: (ResolvedAddress) -> Bool) -> [Decision] {
        guard !offered.isEmpty else { return slots.map { _ in .keep } }
        var decisions = slots.map { $0.address == nil ? Decision.keep : .empty }
        var used: Set<ResolvedAddress> = []
        var open: [Int] = []
        let candidates = Set(offered)
        for (index, slot) in slots.enumerated() {
            if let address = slot.address, candidates.contains(address) || isKept(address), used.insert(address).inserted {
                decisions[index] = .keep
            } else {
                open.append(index)
            }
        }
        let doubted = Set(slots.compactMap(\.doubted))
        let fresh = offered.filter { !used.contains($0) }
        var free = fresh.filter { !doubted.contains($0) } + fresh.filter(doubted.contains)
        var waiting: [Int] = []
        for index in open {
            let slot = slots[index]
            // A slot does not wait for an address that does not work, unless it is reserved for it.
            if let last = slot.last, slot.isReserved || slot.doubted != last, let place = free.firstIndex(of: last) {
                decisions[index] = .move(free.remove(at: place))
            } else {
                waiting.append(index)
            }
        }
        func rank(_ index: Int) -> (Int, Int) { (slots[index].isReserved ? 1 : 0, slots[index].address == nil ? 0 : 1) }
        for (index, address) in zip(waiting.sorted { rank($0) < rank($1) }, free) { decisions[index] = .move(address) }
        return decisions
    }
}
