import Wire

/// The assignment of a name's addresses to servers.
enum AddressAssignment {
    /// A server of the name.
    struct Slot: Equatable, Sendable {
        /// Its current address.
        var address: ResolvedAddress?
        /// `resolve-prefer` and `resolve-net`.
        var preference: AddressPreference
        /// `resolve-opts`: whether it may have the address of another server.
        var sharing = ResolveOptions.Sharing.whenNecessary
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
        /// It loses its address at once, because another server has it.
        case duplicate
    }

    /// Decides for the plain servers of a name in one backend. A server keeps its address while the name has it and the family is the preferred one, or the
    /// name has no address of the preferred family. Otherwise it takes the first address that no other server uses; if there is none, the first one, unless
    /// it must not share. A free address of a preferred network replaces one outside.
    static func decide(servers: [Slot], from book: AddressBook) -> [Decision] {
        var used = Set(servers.compactMap { $0.address?.host }.filter(book.contains))
        var assigned: Set<IPAddress> = []
        var (preference, choices): (AddressPreference?, [IPAddress]) = (nil, [])
        return servers.map { server in
            // Servers of a name nearly always have the same preference.
            if preference != server.preference {
                (preference, choices) = (server.preference, server.preference.ordered(book.choices(preferring: server.preference.family), by: \.self))
            }
            let decision = decide(server, from: book, choices, used: used, assigned: assigned)
            switch decision {
            case .keep: if let host = server.address?.host { assigned.insert(host) }
            case .move(let address):
                used.insert(address.host)
                assigned.insert(address.host)
            case .empty, .duplicate: break
            }
            return decision
        }
    }

    /// - Parameter choices: the addresses to choose from, those of a preferred network first.
    private static func decide(
        _ server: Slot, from book: AddressBook, _ choices: [IPAddress], used: Set<IPAddress>, assigned: Set<IPAddress>
    ) -> Decision {
        let preference = server.preference
        let free = choices.first { !used.contains($0) }
        // An address of a preferred network, even that of another server if sharing is allowed.
        let best = [free, server.sharing == .allowed ? choices.first : nil].compactMap(\.self).first(where: preference.isPreferred)
        var isDuplicate = false
        if let host = server.address?.host, book.allows(host, preferring: preference.family) {
            isDuplicate = server.sharing == .prevented && assigned.contains(host)
            if !isDuplicate, best == nil || preference.isPreferred(host) { return .keep }
        }
        if let choice = best ?? free { return .move(ResolvedAddress(choice)) }
        guard let first = choices.first else { return .keep }
        guard server.sharing == .prevented else { return .move(ResolvedAddress(first)) }
        return isDuplicate ? .duplicate : server.address == nil ? .keep : .empty
    }

    /// Decides for the slots of a name in one backend. Each address is assigned to one slot. A slot keeps its address while the name has it. A new address
    /// returns to the slot that had it last. Others fill the empty slots in order, then those whose address is gone; reserved slots come last. Slots that still
    /// have an obsolete address are emptied. With `allow-dup-ip` the remaining slots share the addresses in turn.
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
        let order = waiting.sorted { rank($0) < rank($1) }
        for (index, address) in zip(order, free) { decisions[index] = .move(address) }
        for (turn, index) in order.dropFirst(free.count).enumerated() where slots[index].sharing == .allowed {
            let isValid = slots[index].address.map { candidates.contains($0) || isKept($0) } ?? false
            decisions[index] = isValid ? .keep : .move(offered[turn % offered.count])
        }
        return decisions
    }
}
