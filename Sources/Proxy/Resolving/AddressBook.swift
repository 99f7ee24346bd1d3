import Wire

/// The known addresses of a name.
struct AddressBook: Equatable, Sendable {
    private var v4 = LastSeenRecords<IPAddress>()
    private var v6 = LastSeenRecords<IPAddress>()

    private subscript(family: AddressFamily) -> LastSeenRecords<IPAddress> {
        get { family == .v4 ? v4 : v6 }
        set { if family == .v4 { v4 = newValue } else { v6 = newValue } }
    }

    /// True when no address is known.
    var isEmpty: Bool { v4.entries.isEmpty && v6.entries.isEmpty }

    /// True when the name has `address`, or had it less than `hold obsolete` ago.
    func contains(_ address: IPAddress) -> Bool { self[address.family].contains(address) }

    /// The addresses of the latest answers, IPv4 first.
    var current: [IPAddress] { v4.current + v6.current }

    /// The addresses to choose from: those of `family`, or of the other family if there are none.
    func choices(preferring family: AddressFamily) -> [IPAddress] {
        let preferred = self[family].current
        return preferred.isEmpty ? self[family == .v4 ? .v6 : .v4].current : preferred
    }

    /// True when a server may keep `address`: the name has it, and it is of `family`, or the name has no address of `family`.
    func allows(_ address: IPAddress, preferring family: AddressFamily) -> Bool {
        contains(address) && (address.family == family || self[family].current.isEmpty)
    }

    /// Applies a complete list of the addresses of `family`. Others are removed after they have been missing for `holdObsolete`.
    mutating func replace(_ family: AddressFamily, with addresses: [IPAddress], holdObsolete: Duration, now: Instant) {
        self[family].replace(with: addresses, holdObsolete: holdObsolete, now: now)
    }

    /// Applies a partial list of the addresses of `family`. No `used` address is removed.
    mutating func merge(_ family: AddressFamily, with addresses: [IPAddress], used: Set<IPAddress> = [], now: Instant) {
        self[family].merge(with: addresses, used: used.contains, now: now)
    }

    /// Treats the addresses of the latest answers as seen at `now`, even if the last answer is old.
    mutating func renew(now: Instant) {
        v4.renew(now: now)
        v6.renew(now: now)
    }

    /// Removes all addresses.
    mutating func removeAll() { self = AddressBook() }
}

/// The assignment of a name's addresses to servers.
enum AddressAssignment {
    /// A server of the name.
    struct Slot: Equatable, Sendable {
        /// Its current address.
        var address: ResolvedAddress?
        /// `resolve-prefer`.
        var preferredFamily: AddressFamily
        /// An address that has failed its trial. Others are preferred.
        var doubted: ResolvedAddress?
        /// Its current or last address.
        var last: ResolvedAddress?
        /// An operator keeps sessions away from the server. That applies to its current or last host and to no other.
        var isReserved = false
    }

    /// The decision for a server.
    enum Decision: Equatable, Sendable {
        /// It keeps its state.
        case keep
        /// It takes this address, because it has none or a different one.
        case move(ResolvedAddress)
        /// It loses its address, because no address is left for it.
        case empty
    }

    /// Decides for the plain servers of a name in one backend. A server keeps its address while the name has it and the family is the preferred one, or the
    /// name has no address of the preferred family. Otherwise it takes the first address that no other server uses; if there is none, the first one.
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

    /// Decides for the slots of a name in one backend. Each address is assigned to one slot. A slot keeps its address while the name has it. A new address
    /// returns to the slot that had it last. Others fill the empty slots in order, then those whose address is gone; reserved slots come last. Slots that still
    /// have an obsolete address are emptied.
    ///
    /// - Parameters:
    ///   - offered: the addresses of the name in order of preference. If it is empty, nothing changes.
    ///   - isKept: whether a slot may keep an address that is not offered.
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
            // A slot does not wait for an address that does not work, unless it is reserved for that host.
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
