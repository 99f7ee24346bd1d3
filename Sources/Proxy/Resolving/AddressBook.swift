import Wire

/// The addresses that one name has, as far as is known.
struct AddressBook: Equatable, Sendable {
    /// One address of the name.
    struct Entry: Equatable, Sendable {
        let address: IPAddress
        /// When an answer last had it.
        var lastSeen: Instant
        /// False while an answer lacks it and `hold obsolete` keeps it.
        var isCurrent: Bool
    }

    /// Addresses kept of each family: the latest answer's before others.
    static let addressesMax = DNSAnswer.addressesMax

    private var v4: [Entry] = []
    private var v6: [Entry] = []

    private subscript(family: AddressFamily) -> [Entry] {
        get { family == .v4 ? v4 : v6 }
        set { if family == .v4 { v4 = newValue } else { v6 = newValue } }
    }

    /// True when nothing is known.
    var isEmpty: Bool { v4.isEmpty && v6.isEmpty }

    /// True when `address` is the name's, or was until less than `hold obsolete` ago.
    func contains(_ address: IPAddress) -> Bool { self[address.family].contains { $0.address == address } }

    /// The addresses of the latest answers, IPv4 first.
    var current: [IPAddress] { (v4 + v6).filter(\.isCurrent).map(\.address) }

    /// The addresses to choose from: those of `family`, or of the other one when there are none.
    func choices(preferring family: AddressFamily) -> [IPAddress] {
        let preferred = self[family].filter(\.isCurrent)
        let entries = preferred.isEmpty ? self[family == .v4 ? .v6 : .v4].filter(\.isCurrent) : preferred
        return entries.map(\.address)
    }

    /// `addresses` are all of `family`; others go once they have been missing for `holdObsolete`.
    mutating func replace(_ family: AddressFamily, with addresses: [IPAddress], holdObsolete: Duration, now: Instant) {
        let kept = self[family].filter { !addresses.contains($0.address) && now < $0.lastSeen.advanced(by: holdObsolete) }
        take(addresses, of: family, before: kept.map { Entry(address: $0.address, lastSeen: $0.lastSeen, isCurrent: false) }, now: now)
    }

    /// `addresses` are some of `family`: none goes.
    mutating func merge(_ family: AddressFamily, with addresses: [IPAddress], now: Instant) {
        take(addresses, of: family, before: self[family].filter { !addresses.contains($0.address) }, now: now)
    }

    private mutating func take(_ addresses: [IPAddress], of family: AddressFamily, before others: [Entry], now: Instant) {
        let latest = addresses.map { Entry(address: $0, lastSeen: now, isCurrent: true) }
        self[family] = Array((latest + others).prefix(Self.addressesMax))
    }

    /// The present addresses count as seen until `now`, however long nobody has told of them.
    mutating func renew(now: Instant) {
        for index in v4.indices where v4[index].isCurrent { v4[index].lastSeen = now }
        for index in v6.indices where v6[index].isCurrent { v6[index].lastSeen = now }
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

    /// For the plain servers of one name in one backend: each keeps its address while the name has it; else it takes the first one that no
    /// other server of them uses, or simply the first.
    static func decide(servers: [Slot], from book: AddressBook) -> [Decision] {
        var used = servers.compactMap { $0.address?.host }.filter(book.contains)
        return servers.map { server in
            if let address = server.address, book.contains(address.host) { return .keep }
            let choices = book.choices(preferring: server.preferredFamily)
            guard let choice = choices.first(where: { !used.contains($0) }) ?? choices.first else { return .keep }
            used.append(choice)
            return .move(ResolvedAddress(choice))
        }
    }

    /// For the slots of one name in one backend: each address goes to one slot. A slot keeps its address while the name has it; new
    /// addresses fill the empty slots in order, then those whose address is gone; what remains of these is emptied.
    ///
    /// - Parameters:
    ///   - offered: the addresses of the name, those first that count most. Without any nothing changes.
    ///   - isKept: whether a slot may keep its address although it is not offered.
    static func decide(slots: [Slot], offered: [ResolvedAddress], isKept: (ResolvedAddress) -> Bool) -> [Decision] {
        guard !offered.isEmpty else { return slots.map { _ in .keep } }
        var decisions = slots.map { $0.address == nil ? Decision.keep : .empty }
        var used: [ResolvedAddress] = []
        for (index, slot) in slots.enumerated() {
            guard let address = slot.address, offered.contains(address) || isKept(address), !used.contains(address) else { continue }
            used.append(address)
            decisions[index] = .keep
        }
        let doubted = slots.compactMap(\.doubted)
        let fresh = offered.filter { !used.contains($0) }
        var free = (fresh.filter { !doubted.contains($0) } + fresh.filter(doubted.contains))[...]
        for (index, slot) in slots.enumerated() where slot.address == nil {
            guard let address = free.popFirst() else { break }
            decisions[index] = .move(address)
        }
        for index in slots.indices where decisions[index] == .empty {
            guard let address = free.popFirst() else { break }
            decisions[index] = .move(address)
        }
        return decisions
    }
}
