/// The part of a view that the census counts.
struct Standing: Equatable, Sendable {
    var isUsable: Bool
    var isOnlyFull: Bool
    var isHeldUp: Bool
    /// How the last check ended; `nil` before the first.
    var finding: Finding?
}

/// Counts over all views. Each change of a view updates the counts, so that an observation of one server needs no scan of all views.
struct Census: Sendable {
    struct Proxy: Equatable, Sendable {
        var usable = 0
        /// The views that `min-up` holds up, by their places; in no order.
        var heldUp: [Int] = []
    }

    private(set) var proxies: [Int: Proxy] = [:]
    /// Views of servers that have been checked.
    private(set) var looked = 0
    private(set) var failedSilently = 0
    private(set) var accessDenied = 0
    /// Proxies with servers that are held up, in which a view has changed since the last `takeStale`.
    private var stale: Set<Int> = []

    init(_ views: [ServerView] = []) {
        for (place, view) in views.enumerated() { add(view.standing, at: place, of: view.server.proxy) }
        stale = Set(proxies.filter { !$0.value.heldUp.isEmpty }.keys)
    }

    func usableCount(ofProxy proxy: Int) -> Int { proxies[proxy]?.usable ?? 0 }

    /// All servers are unreachable, or all refuse the check's user: more likely this node's fault than theirs.
    var seesNothing: Bool { looked >= 2 && (failedSilently == looked || accessDenied == looked) }

    /// The view at `place` has changed.
    mutating func move(_ place: Int, of proxy: Int, from old: Standing, to new: Standing) {
        guard old != new else { return }
        remove(old, at: place, of: proxy)
        add(new, at: place, of: proxy)
        if proxies[proxy]?.heldUp.isEmpty == false { stale.insert(proxy) }
    }

    /// The places of the views that are held up in proxies in which a view has changed since the last call.
    mutating func takeStale() -> [Int] {
        guard !stale.isEmpty else { return [] }
        defer { stale.removeAll() }
        return stale.sorted().flatMap { proxies[$0]?.heldUp ?? [] }
    }

    private mutating func add(_ standing: Standing, at place: Int, of proxy: Int) {
        count(standing, by: 1)
        if standing.isUsable { proxies[proxy, default: Proxy()].usable += 1 }
        if standing.isHeldUp { proxies[proxy, default: Proxy()].heldUp.append(place) }
    }

    private mutating func remove(_ standing: Standing, at place: Int, of proxy: Int) {
        count(standing, by: -1)
        if standing.isUsable { proxies[proxy, default: Proxy()].usable -= 1 }
        if standing.isHeldUp { proxies[proxy, default: Proxy()].heldUp.removeAll { $0 == place } }
    }

    private mutating func count(_ standing: Standing, by step: Int) {
        guard let finding = standing.finding else { return }
        looked += step
        if finding == .failedSilently { failedSilently += step }
        if finding == .accessDenied { accessDenied += step }
    }
}
