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
