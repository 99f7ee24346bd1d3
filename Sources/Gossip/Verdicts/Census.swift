/// The properties of a view that the census counts.
struct CensusEntry: Equatable, Sendable {
    var isUsable: Bool
    var isOnlyFull: Bool
    var isHeldUp: Bool
    /// The result of the last check; `nil` before the first.
    var finding: Finding?
}

/// Counts over all views. Each change of a view updates them, so that an observation of one server needs no scan.
struct Census: Sendable {
    struct Proxy: Equatable, Sendable {
        var usable = 0
        /// Indices of the views that `min-up` keeps up, unordered.
        var heldUp: [Int] = []
    }

    private(set) var proxies: [Int: Proxy] = [:]
    /// The number of views whose server has been checked.
    private(set) var checkedCount = 0
    private(set) var failedWithoutResponse = 0
    private(set) var accessDenied = 0
    /// Proxies that have changed since the last `drainStale` and have servers that `min-up` keeps up.
    private var stale: Set<Int> = []

    init(_ views: [ServerView] = []) {
        for (place, view) in views.enumerated() { add(view.censusEntry, at: place, of: view.server.proxy) }
        stale = Set(proxies.filter { !$0.value.heldUp.isEmpty }.keys)
    }

    func usableCount(ofProxy proxy: Int) -> Int { proxies[proxy]?.usable ?? 0 }

    /// True when all servers are unreachable, or all refuse the check's user. The fault is then more likely this node's than the servers'.
    var suggestsIsolation: Bool { checkedCount >= 2 && (failedWithoutResponse == checkedCount || accessDenied == checkedCount) }

    /// Updates the counts after a change of the view at `place`.
    mutating func update(_ place: Int, of proxy: Int, from old: CensusEntry, to new: CensusEntry) {
        guard old != new else { return }
        remove(old, at: place, of: proxy)
        add(new, at: place, of: proxy)
        if proxies[proxy]?.heldUp.isEmpty == false { stale.insert(proxy) }
    }

    /// Returns the indices of the views that `min-up` keeps up, in proxies that have changed since the last call.
    mutating func drainStale() -> [Int] {
        guard !stale.isEmpty else { return [] }
        defer { stale.removeAll() }
        return stale.sorted().flatMap { proxies[$0]?.heldUp ?? [] }
    }

    private mutating func add(_ entry: CensusEntry, at place: Int, of proxy: Int) {
        count(entry, by: 1)
        if entry.isUsable { proxies[proxy, default: Proxy()].usable += 1 }
        if entry.isHeldUp { proxies[proxy, default: Proxy()].heldUp.append(place) }
    }

    private mutating func remove(_ entry: CensusEntry, at place: Int, of proxy: Int) {
        count(entry, by: -1)
        if entry.isUsable { proxies[proxy, default: Proxy()].usable -= 1 }
        if entry.isHeldUp { proxies[proxy, default: Proxy()].heldUp.removeAll { $0 == place } }
    }

    private mutating func count(_ entry: CensusEntry, by step: Int) {
        guard let finding = entry.finding else { return }
        checkedCount += step
        if finding == .failedWithoutResponse { failedWithoutResponse += step }
        if finding == .accessDenied { accessDenied += step }
    }
}
