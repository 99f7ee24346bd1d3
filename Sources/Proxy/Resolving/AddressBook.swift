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

    private var v4: [Entry] = []
    private var v6: [Entry] = []

    private subscript(family: AddressFamily) -> [Entry] {
        get { family == .v4 ? v4 : v6 }
        set { if family == .v4 { v4 = newValue } else { v6 = newValue } }
    }

    /// True when nothing is known.
    var isEmpty: Bool { v4.isEmpty && v6.isEmpty }

    /// True when `address` is the name's, or was until less than `hold obsolete` ago.
    func contains(_ address: IPAddress) -> Bool { self[address.isV6 ? .v6 : .v4].contains { $0.address == address } }

    /// The addresses to choose from: those of `family`, or of the other one when there are none.
    func choices(preferring family: AddressFamily) -> [IPAddress] {
        let preferred = self[family].filter(\.isCurrent)
        let entries = preferred.isEmpty ? self[family == .v4 ? .v6 : .v4].filter(\.isCurrent) : preferred
        return entries.map(\.address)
    }

    /// `addresses` are all of `family`; others go once they have been missing for `holdObsolete`.
    mutating func replace(_ family: AddressFamily, with addresses: [IPAddress], holdObsolete: Duration, now: Instant) {
        let kept = self[family].filter { !addresses.contains($0.address) && now < $0.lastSeen.advanced(by: holdObsolete) }
        self[family] =
            addresses.map { Entry(address: $0, lastSeen: now, isCurrent: true) }
            + kept.map { Entry(address: $0.address, lastSeen: $0.lastSeen, isCurrent: false) }
    }

    /// `addresses` are some of `family`: none goes.
    mutating func merge(_ family: AddressFamily, with addresses: [IPAddress], now: Instant) {
        let rest = self[family].filter { !addresses.contains($0.address) }
        self[family] = addresses.map { Entry(address: $0, lastSeen: now, isCurrent: true) } + rest
    }

    /// Forgets everything.
    mutating func removeAll() { self = AddressBook() }
}

/// Which server gets which address of a name.
enum AddressAssignment {
    /// A server that waits for an address of the name.
    struct Slot: Equatable, Sendable {
        /// Its present address.
        var address: IPAddress?
        /// `resolve-prefer`.
        var preferredFamily: AddressFamily
    }

    /// What happens to a server.
    enum Decision: Equatable, Sendable {
        /// Nothing.
        case keep
        /// It takes this address, for it has none or a different one.
        case move(IPAddress)
        /// It loses its address: there is none left for it.
        case empty
    }

    /// For the plain servers of one name in one backend: each keeps its address while the name has it; else it takes the first one that no
    /// other server of them uses, or simply the first.
    static func decide(servers: [Slot], from book: AddressBook) -> [Decision] {
        var used = servers.compactMap(\.address).filter(book.contains)
        return servers.map { server in
            if let address = server.address, book.contains(address) { return .keep }
            let choices = book.choices(preferring: server.preferredFamily)
            guard let choice = choices.first(where: { !used.contains($0) }) ?? choices.first else { return .keep }
            used.append(choice)
            return .move(choice)
        }
    }

    /// For the `server-template` slots of one name in one backend: each address goes to one slot. A slot keeps its address while the name has
    /// it; new addresses fill the empty slots in order, then those whose address is gone; what remains of these is emptied.
    static func decide(slots: [Slot], from book: AddressBook) -> [Decision] {
        guard let first = slots.first, !book.isEmpty else { return slots.map { _ in .keep } }
        var decisions = slots.map { $0.address == nil ? Decision.keep : .empty }
        var used: [IPAddress] = []
        for (index, slot) in slots.enumerated() {
            guard let address = slot.address, book.contains(address), !used.contains(address) else { continue }
            used.append(address)
            decisions[index] = .keep
        }
        var free = book.choices(preferring: first.preferredFamily).filter { !used.contains($0) }[...]
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
