import Wire

/// The result of choosing a server.
enum Choice: Equatable {
    /// The chosen server, at which a place is held.
    case server(UInt32)
    /// All candidates have reached `maxconn`. The value is the only server that the session can use; `nil` for any.
    case full(UInt32?)
    /// The only server that the session can use has reached `maxconn`, and its queue has reached `maxqueue`.
    case refused(UInt32)
    /// The session has tried every usable server.
    case allTried
    /// No server is usable.
    case none
}

/// A place at `server` for a queued session.
struct Grant: Equatable {
    let waiter: Waiter
    let server: UInt32
}

/// Decides which server of a backend takes a session, and which queued session gets a place that becomes free.
///
/// The control thread updates the servers (`update`); forwarding threads take and return places. A step costs O(log n) at n servers, with three exceptions: the
/// first session of `static-rr`, or of a hash with a map, after a change builds the map; a change of a server costs O(points) with a ring (`HashRing`); and a
/// session that takes a turn on a map or a ring, or is bound by `hash-balance-factor`, passes over the places of servers that it cannot use.
///
/// Servers are indexes into the flat table of all servers. `load` is the number of the backend's sessions, including those that wait; only dynamic limits
/// (`minconn`) depend on it.
struct BackendBalancer: Sendable {
    let algorithm: BalanceAlgorithm
    let hashing: HashSettings
    /// True for hashes with a ring.
    let usesRing: Bool
    /// `hash-balance-factor`.
    let bound: LoadBound
    let spillOver: Int
    /// `option allbackups`.
    private let backupsShare: Bool
    let firstServer: Int
    private let fullConnections: Int
    private let hasDynamicLimits: Bool
    var slots: [BalancedServer]
    /// Weights and turns. A server that takes no sessions has weight 0.
    var servers: WeightedTurns.Servers
    /// Tiers with servers, the preferred one first. The last tier stays when it becomes empty, so that turns continue when a server returns.
    var tiers: [ServerTier] = []
    private var waiters = WaitingQueue()
    /// The map of hashes. It is rebuilt when the first session needs it after a change.
    var map = SourceMap()
    /// `balance static-rr`: the same for the near and the far servers, with or without room.
    var turnMaps = (near: SourceMap(), far: SourceMap())
    /// True when the maps are older than the last change of the servers that take sessions.
    var isMapStale = true
    /// The weight of a place in the maps.
    let mapUnit: Int
    /// The number of held places at all servers.
    private(set) var placesHeld = 0
    private var random: SplitMix64
    private var load = 0
    private var thresholds: LoadThresholds
    /// True when the load has given room to a server while sessions wait. New sessions then leave the places to those that wait already (`wait`).
    private var hasRoomForWaiters = false
    private var redispatches = 0
    private var arrivals: UInt64 = 0

    /// Creates the balancer of `backend`.
    ///
    /// - Parameters:
    ///   - firstServer: the flat index of its first server.
    ///   - fullConnections: its `fullconn`, at least 1.
    ///   - seed: determines the draws of `balance random`.
    init(_ backend: Backend, routes: [ServerRoute], firstServer: Int, fullConnections: Int, seed: UInt64) {
        (algorithm, spillOver, backupsShare) = (backend.balance, backend.spillOver, backend.usesAllBackups)
        (hashing, bound) = (backend.hashing, LoadBound(factor: backend.hashing.balanceFactor))
        usesRing = backend.balance.isHashed && backend.hashing.method == .consistent
        (self.firstServer, self.fullConnections) = (firstServer, fullConnections)
        slots = backend.servers.map { BalancedServer($0) }
        hasDynamicLimits = slots.contains { $0.hasDynamicLimit }
        thresholds = LoadThresholds(count: hasDynamicLimits ? slots.count : 0)
        servers = WeightedTurns.Servers(count: slots.count)
        mapUnit = SourceMap.greatestUnit(of: backend.servers.map { ServerRoute.turnWeight(ofConfigured: $0.weight) })
        random = SplitMix64(seed: seed)
        for (index, route) in routes.enumerated() { place(index, route, atStart: true) }
        finishStart()
    }

    // MARK: Servers

    /// The number of queued sessions.
    var waitingCount: Int { waiters.count }

    /// True when `server` is in the tier that takes sessions.
    mutating func isServing(_ server: UInt32) -> Bool { isServing(Int(server) - firstServer) }

    mutating func isServing(_ index: Int) -> Bool { !tiers.isEmpty && slots[index].rank == tiers[0].rank }

    /// True when a session that uses `current` and has tried `tried` could use a better server: in the serving tier, and not skipped.
    mutating func hasOther(than current: UInt32, _ tried: TriedServers) -> Bool {
        guard !tiers.isEmpty, !tiers[0].rank.isSkipped else { return false }
        var tried = tried
        // A full list forgets its oldest server, which then counts as untried.
        tried.insert(current)
        return tiers[0].count > servingCount(tried)
    }

    mutating func servingCount(_ tried: TriedServers) -> Int { (0..<Int(tried.count)).count { isServing(tried[$0]) } }

    /// Applies a server's new route.
    ///
    /// - Returns: the places that queued sessions get because of the change.
    mutating func update(_ server: UInt32, _ route: ServerRoute) -> [Grant] {
        let index = Int(server) - firstServer
        place(index, route, atStart: false)
        return serveWaiters(preferring: index)
    }

    /// Moves a server to the tier of its route, or out of all tiers.
    private mutating func place(_ index: Int, _ route: ServerRoute, atStart: Bool) {
        slots[index].limit = route.connectionsMax ?? slots[index].configuredLimit
        updateRoom(index)
        let (isBackup, isFar) = (slots[index].isBackup, slots[index].isFar)
        let rank = route.takesSessions ? TierRank(route, isBackup: isBackup, isFar: isFar, index: index, backupsShare: backupsShare) : nil
        if let rank, rank == slots[index].rank { return change(index, route) }
        remove(index)
        if let rank { add(index, route, to: rank, atStart: atStart) }
    }

    private mutating func tierIndex(_ rank: TierRank) -> Int {
        var (low, high) = (0, tiers.count)
        while low < high {
            let middle = (low + high) / 2
            if tiers[middle].rank < rank { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func add(_ index: Int, _ route: ServerRoute, to rank: TierRank, atStart: Bool) {
        if let only = tiers.first, only.count == 0, only.rank != rank { tiers = [] }
        let tier = tierIndex(rank)
        if tier == tiers.count || tiers[tier].rank != rank { tiers.insert(ServerTier(rank: rank), at: tier) }
        (slots[index].rank, slots[index].share) = (rank, route.share)
        let isFar = slots[index].isFar
        tiers[tier][isFar: isFar].add(share: route.share)
        tiers[tier][isFar: isFar].turns.add(index, weight: route.turnWeight, atStart: atStart, &servers)
        setPoints(index, tier: tier, route, atStart: atStart)
        markMapsStale(tier: tier)
        if hasRoom(index) { list(index) } else { tiers[tier][isFar: isFar].turns.suspend(index, &servers) }
    }

    private mutating func remove(_ index: Int) {
        guard let rank = slots[index].rank else { return }
        unlist(index)
        let (tier, isFar) = (tierIndex(rank), slots[index].isFar)
        tiers[tier][isFar: isFar].turns.remove(index, &servers)
        setPoints(index, tier: tier, nil, atStart: false)
        tiers[tier][isFar: isFar].remove(share: slots[index].share)
        markMapsStale(tier: tier)
        if tiers[tier].count == 0, tiers.count > 1 { tiers.remove(at: tier) }
        slots[index].rank = nil
    }

    /// Applies a route that does not move the server to another tier.
    private mutating func change(_ index: Int, _ route: ServerRoute) {
        guard let rank = slots[index].rank else { return }
        let (tier, isFar) = (tierIndex(rank), slots[index].isFar)
        tiers[tier][isFar: isFar].remove(share: slots[index].share)
        tiers[tier][isFar: isFar].add(share: route.share)
        slots[index].share = route.share
        setPoints(index, tier: tier, route, atStart: false)
        if servers.weights[index] != route.turnWeight {
            tiers[tier][isFar: isFar].turns.setWeight(route.turnWeight, of: index, &servers)
            if case .random = algorithm, slots[index].isReady {
                tiers[tier][isFar: isFar].draws.set(route.turnWeight, at: Int(slots[index].readyPlace))
            }
            markMapsStale(tier: tier)
        }
        sessionsChanged(index)
    }

    private mutating func markMapsStale(tier: Int) { if tier == 0 { isMapStale = true } }
}

// MARK: - Room

extension BackendBalancer {
    mutating func hasRoom(_ index: Int) -> Bool { slots[index].roomAt <= load }

    /// Updates the server's room after a change of its sessions or its limit.
    private mutating func updateRoom(_ index: Int) {
        slots[index].updateRoom(fullConnections: fullConnections)
        if hasDynamicLimits { thresholds.record(index, roomAt: slots[index].roomAt, load: load) }
    }

    /// Updates the servers that get or lose room because the backend now has `load` sessions.
    private mutating func setLoad(_ load: Int) {
        guard hasDynamicLimits, load != self.load else { return }
        self.load = load
        while let index = thresholds.changedServer(load: load) {
            thresholds.record(index, roomAt: slots[index].roomAt, load: load)
            sessionsChanged(index)
            if hasRoom(index), waiters.count > 0 { hasRoomForWaiters = true }
        }
    }

    /// Makes the server available for selection.
    private mutating func list(_ index: Int) {
        guard let rank = slots[index].rank else { return }
        let (tier, isFar) = (tierIndex(rank), slots[index].isFar)
        slots[index].readyPlace = tiers[tier][isFar: isFar].appendReady(index)
        switch algorithm {
        case .roundRobin: tiers[tier][isFar: isFar].turns.resume(index, &servers)
        case .leastConnections, .first:
            tiers[tier][isFar: isFar].turns.suspend(index, &servers)
            tiers[tier][isFar: isFar].order.insert(orderEntry(index), &servers.places)
        case .random:
            tiers[tier][isFar: isFar].turns.suspend(index, &servers)
            tiers[tier][isFar: isFar].draws.append(servers.weights[index])
        case .staticRoundRobin, .source, .hash: tiers[tier][isFar: isFar].turns.suspend(index, &servers)
        }
    }

    /// Excludes the server from selection.
    private mutating func unlist(_ index: Int) {
        guard let rank = slots[index].rank, slots[index].isReady else { return }
        let (tier, isFar, place) = (tierIndex(rank), slots[index].isFar, Int(slots[index].readyPlace))
        slots[index].readyPlace = -1
        if let moved = tiers[tier][isFar: isFar].removeReady(at: place) { slots[moved].readyPlace = Int32(truncatingIfNeeded: place) }
        switch algorithm {
        case .roundRobin: tiers[tier][isFar: isFar].turns.suspend(index, &servers)
        case .leastConnections, .first: tiers[tier][isFar: isFar].order.remove(index, &servers.places)
        case .random: tiers[tier][isFar: isFar].draws.remove(at: place)
        case .staticRoundRobin, .source, .hash: break
        }
    }

    /// The server's key in `ServerGroup.order`. For `first` it is the identifier, for `leastconn` HAProxy's key: as in HAProxy, idle servers are equal regardless
    /// of weight. Of equal servers, the server whose load changed first comes first.
    private mutating func orderEntry(_ index: Int) -> IndexedHeap.Entry {
        if algorithm == .first { return IndexedHeap.Entry(index, key: slots[index].identifier, arrival: UInt64(index)) }
        let sessions = slots[index].sessions
        let key = sessions == 0 ? 0 : (sessions + 1) * WeightedTurns.weightMax / max(1, servers.weights[index])
        arrivals += 1
        return IndexedHeap.Entry(index, key: key, arrival: arrivals)
    }

    /// Updates heaps and lists after a change of the server's sessions, limit or weight.
    private mutating func sessionsChanged(_ index: Int) {
        guard let rank = slots[index].rank else { return }
        guard hasRoom(index) == slots[index].isReady else { return hasRoom(index) ? list(index) : unlist(index) }
        guard algorithm == .leastConnections, slots[index].isReady else { return }
        let (tier, isFar) = (tierIndex(rank), slots[index].isFar)
        tiers[tier][isFar: isFar].order.remove(index, &servers.places)
        tiers[tier][isFar: isFar].order.insert(orderEntry(index), &servers.places)
    }

    mutating func occupy(_ index: Int) {
        placesHeld += 1
        slots[index].sessions += 1
        updateRoom(index)
        sessionsChanged(index)
    }
}

// MARK: - Sessions

extension BackendBalancer {
    /// Chooses a server for a session that has tried `tried`, and takes a place at it.
    ///
    /// - Parameters:
    ///   - hash: the hash of the session's key (`HashSettings`); `nil` for a session without a key, which takes turns.
    ///   - load: the number of the backend's sessions, including this one.
    mutating func take(_ tried: TriedServers, hash: UInt32?, load: Int) -> Choice {
        setLoad(load)
        if algorithm.isHashed, let hash { return takeHashed(tried, hash) }
        let isFarFirst = tried.isEmpty && !tiers.isEmpty && tiers[0].takeFarTurn(spillOver: spillOver)
        return takeAny(tried, isFarFirst: isFarFirst)
    }

    /// Queues a session, unless a server has room.
    ///
    /// - Returns: the places that sessions get now: this one, or sessions that have waited until the load raised a dynamic limit.
    mutating func wait(_ waiter: Waiter, load: Int) -> [Grant] {
        setLoad(load)
        if let server = takeForWaiter(waiter) { return [Grant(waiter: waiter, server: server)] }
        waiters.append(waiter)
        if let server = waiter.server { slots[Int(server) - firstServer].queued += 1 }
        return hasRoomForWaiters ? serveWaiters(preferring: nil) : []
    }

    /// Takes a place for a session that is about to be queued, unless others have waited for the place.
    private mutating func takeForWaiter(_ waiter: Waiter) -> UInt32? {
        if let index = onlyServer(of: waiter) { return takeUncontested(index) ? UInt32(firstServer + index) : nil }
        return if case .server(let server) = takeAny(TriedServers(), isFarFirst: false) { server } else { nil }
    }

    /// Takes a place at the only server that a session can use. Returns false if the server has no room, or if others wait for the place.
    mutating func takeUncontested(_ index: Int) -> Bool {
        guard hasRoom(index), slots[index].queued == 0, !hasRoomForWaiters else { return false }
        occupy(index)
        return true
    }

    /// Removes a session from the queue. Returns false when it is not queued.
    mutating func removeWaiter(thread: Int, session: UInt64) -> Bool {
        guard let waiter = waiters.remove(thread: thread, session: session) else { return false }
        forget(waiter)
        return true
    }

    /// Removes and returns the queued session at `place`, one of `waiters.places`.
    private mutating func removeWaiter(at place: Int) -> Waiter {
        let waiter = waiters.remove(at: place)
        forget(waiter)
        return waiter
    }

    private mutating func forget(_ waiter: Waiter) {
        if let server = waiter.server { slots[Int(server) - firstServer].queued -= 1 }
    }

    /// Returns a place at `server`.
    ///
    /// - Parameter load: the number of the backend's sessions, without those that have ended.
    /// - Returns: the queued session that gets the place.
    mutating func releasePlace(_ server: UInt32, load: Int) -> Grant? {
        setLoad(load)
        let index = Int(server) - firstServer
        slots[index].sessions -= 1
        placesHeld -= 1
        updateRoom(index)
        if isServing(index), hasRoom(index), let waiter = takeWaiter(for: server) {
            slots[index].sessions += 1
            placesHeld += 1
            updateRoom(index)
            return Grant(waiter: waiter, server: server)
        }
        sessionsChanged(index)
        return nil
    }

    /// Gives free places to queued sessions, those of the server at `index` first.
    private mutating func serveWaiters(preferring index: Int?) -> [Grant] {
        var grants: [Grant] = []
        hasRoomForWaiters = false
        while waiters.count > 0, !tiers.isEmpty, tiers[0].hasReady(isFar: false) || tiers[0].hasReady(isFar: true) {
            guard let place = firstWaiter(for: nil) else { break }
            let waiter = removeWaiter(at: place)
            let preferred = onlyServer(of: waiter) ?? index.flatMap { isServing($0) && slots[$0].isReady ? $0 : nil }
            guard let next = preferred ?? pick(TriedServers(), isFar: false) ?? pick(TriedServers(), isFar: true) else { break }
            occupy(next)
            grants.append(Grant(waiter: waiter, server: UInt32(firstServer + next)))
        }
        return grants
    }

    /// The only server that a queued session can use; `nil` for any.
    private mutating func onlyServer(of waiter: Waiter) -> Int? {
        guard let server = waiter.server, isServing(server) else { return nil }
        return Int(server) - firstServer
    }

    /// The place of the session that has waited longest among those that can use the server at `index`; with `nil`, among those whose only server has room.
    private mutating func firstWaiter(for index: Int?) -> Int? {
        for place in waiters.places {
            guard let only = onlyServer(of: waiters[place]) else { return place }
            if only == index || index == nil && hasRoom(only) { return place }
        }
        return nil
    }

    /// Removes and returns the session that has waited longest among those that can use `server`.
    private mutating func takeWaiter(for server: UInt32) -> Waiter? {
        guard let place = firstWaiter(for: Int(server) - firstServer) else { return nil }
        return removeWaiter(at: place)
    }

    mutating func takeAny(_ tried: TriedServers, isFarFirst: Bool) -> Choice {
        guard !tiers.isEmpty, tiers[0].count > 0 else { return .none }
        let backup = backupsShare ? nil : tiers[0].rank.soleBackup
        let queued = if let backup { slots[backup].queued } else { waiters.freeCount }
        if !tried.isEmpty || queued == 0 && !hasRoomForWaiters, let index = pick(tried, isFar: isFarFirst) ?? pick(tried, isFar: !isFarFirst) {
            occupy(index)
            return .server(UInt32(firstServer + index))
        }
        guard tiers[0].count > servingCount(tried) else { return .allTried }
        return backup.map { fullChoice($0) } ?? .full(nil)
    }

    /// The choice of a session that can use only the server at `index` and has to wait.
    mutating func fullChoice(_ index: Int) -> Choice {
        slots[index].isQueueFull ? .refused(UInt32(firstServer + index)) : .full(UInt32(firstServer + index))
    }

    /// The next near or far server that has room and is not in `tried`.
    private mutating func pick(_ tried: TriedServers, isFar: Bool) -> Int? {
        guard !tiers.isEmpty else { return nil }
        switch algorithm {
        case .leastConnections, .first:
            guard let first = tiers[0].first(isFar: isFar) else { return nil }
            return tried.contains(UInt32(firstServer + first)) ? firstInOrder(tried, isFar: isFar) : first
        case .roundRobin: if tried.isEmpty { return tiers[0].takeTurn(isFar: isFar, &servers) }
        case .staticRoundRobin, .source, .hash: if tried.isEmpty { return usesRing ? takeRingTurn(isFar: isFar) : takeMapTurn(isFar: isFar) }
        case .random(let draws): if tried.isEmpty { return draw(draws, isFar: isFar) }
        }
        return tiers[0].hasReady(isFar: isFar) ? other(tried, isFar: isFar) : nil
    }

    /// The first server of the order that is not in `tried`.
    private mutating func firstInOrder(_ tried: TriedServers, isFar: Bool) -> Int? {
        var passed: [IndexedHeap.Entry] = []
        defer { for entry in passed { tiers[0][isFar: isFar].order.insert(entry, &servers.places) } }
        while let first = tiers[0][isFar: isFar].order.first {
            let index = first.number
            guard tried.contains(UInt32(firstServer + index)) else { return index }
            tiers[0][isFar: isFar].order.remove(index, &servers.places)
            passed.append(first)
        }
        return nil
    }

    /// `random`: the least loaded of several servers, each drawn in proportion to its weight. Of two equal servers, the later draw wins, as in HAProxy.
    private mutating func draw(_ draws: Int, isFar: Bool) -> Int? {
        guard var best = tiers[0].draw(isFar: isFar, &random) else { return nil }
        for _ in 1..<draws {
            guard let next = tiers[0].draw(isFar: isFar, &random), next != best else { continue }
            if slots[next].sessions * servers.weights[best] <= slots[best].sessions * servers.weights[next] { best = next }
        }
        return best
    }

    /// The next server for a session that has left another one. These sessions rotate separately from new sessions: otherwise, with two servers and one of them
    /// dead, every new session would try the dead one first.
    private mutating func other(_ tried: TriedServers, isFar: Bool) -> Int? {
        let count = tiers[0][isFar: isFar].ready.count
        defer { redispatches &+= 1 }
        var place = redispatches % count
        if let last = tried.last, isServing(last), slots[Int(last) - firstServer].isFar == isFar, slots[Int(last) - firstServer].isReady {
            place = (Int(slots[Int(last) - firstServer].readyPlace) + 1 + redispatches % max(1, count - 1)) % count
        }
        for _ in 0..<min(count, TriedServers.capacity + 1) {
            let index = Int(tiers[0][isFar: isFar].ready[place])
            if !tried.contains(UInt32(firstServer + index)) { return index }
            place = (place + 1) % count
        }
        return nil
    }
}
