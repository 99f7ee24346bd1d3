import Wire

/// The result of choosing a server.
enum Choice: Equatable {
    /// The chosen server, at which a place is held.
    case server(UInt32)
    /// All candidates have reached `maxconn`. The value is the only server that the session can use; `nil` for any.
    case full(UInt32?)
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
/// The control thread updates the servers (`update`); forwarding threads take and return places. A step costs O(log n) at n servers. Only the first session of
/// `balance source` after a change costs more, because it builds the map.
///
/// Servers are indexes into the flat table of all servers.
struct BackendBalancer: Sendable {
    /// A server's state except its weight and turns.
    private struct ServerSlot: Sendable {
        let isBackup: Bool
        let isFar: Bool
        /// The configured `maxconn`, the limit when a route has none.
        let configuredLimit: Int
        /// Its tier; `nil` while it takes no sessions.
        var rank: TierRank?
        var share = SlowStart.fullShare
        /// The most sessions at a time; 0 for no limit.
        var limit = 0
        /// The number of held places.
        var sessions = 0
        /// Its index in its group's `ready`; -1 when it is not listed there.
        var readyPlace: Int32 = -1

        var hasRoom: Bool { limit == 0 || sessions < limit }
        var isReady: Bool { readyPlace >= 0 }
    }

    private let algorithm: BalanceAlgorithm
    private let spillOver: Int
    private let firstServer: Int
    private var slots: [ServerSlot]
    /// Weights and turns. A server that takes no sessions has weight 0.
    private var servers: WeightedTurns.Servers
    /// Tiers with servers, the preferred one first. The last tier stays when it becomes empty, so that turns continue when a server returns.
    private var tiers: [ServerTier] = []
    private var waiters = WaitingQueue()
    /// `balance source`: the server at each place of the map. It is rebuilt when the first session needs it after a change.
    private var map: [UInt16] = []
    private var isMapStale = true
    private var redispatches = 0
    private var arrivals: UInt64 = 0

    /// Creates the balancer of `backend`. `firstServer` is the flat index of its first server.
    init(_ backend: Backend, routes: [ServerRoute], firstServer: Int) {
        (algorithm, spillOver, self.firstServer) = (backend.balance, backend.spillOver, firstServer)
        slots = backend.servers.map { ServerSlot(isBackup: $0.isBackup, isFar: $0.isFar, configuredLimit: $0.connectionsMax) }
        servers = WeightedTurns.Servers(count: slots.count)
        for (index, route) in routes.enumerated() { place(index, route, atStart: true) }
    }

    // MARK: Servers

    /// The number of queued sessions.
    var waitingCount: Int { waiters.count }

    /// True when `server` is in the tier that takes sessions.
    func isServing(_ server: UInt32) -> Bool { isServing(Int(server) - firstServer) }

    private func isServing(_ index: Int) -> Bool { !tiers.isEmpty && slots[index].rank == tiers[0].rank }

    /// True when a session that uses `current` and has tried `tried` could use a better server: in the serving tier, and not skipped.
    func hasOther(than current: UInt32, _ tried: TriedServers) -> Bool {
        guard !tiers.isEmpty, !tiers[0].rank.isSkipped else { return false }
        var tried = tried
        // A full list forgets its oldest server, which then counts as untried.
        tried.insert(current)
        return tiers[0].count > servingCount(tried)
    }

    private func servingCount(_ tried: TriedServers) -> Int { (0..<Int(tried.count)).count { isServing(tried[$0]) } }

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
        let rank = route.takesSessions ? TierRank(route, isBackup: slots[index].isBackup, isFar: slots[index].isFar, index: index) : nil
        if let rank, rank == slots[index].rank { return change(index, route) }
        remove(index)
        if let rank { add(index, route, to: rank, atStart: atStart) }
    }

    private func tierIndex(_ rank: TierRank) -> Int {
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
        if tier == 0 { isMapStale = true }
        if slots[index].hasRoom { list(index) } else { tiers[tier][isFar: isFar].turns.suspend(index, &servers) }
    }

    private mutating func remove(_ index: Int) {
        guard let rank = slots[index].rank else { return }
        unlist(index)
        let (tier, isFar) = (tierIndex(rank), slots[index].isFar)
        tiers[tier][isFar: isFar].turns.remove(index, &servers)
        tiers[tier][isFar: isFar].remove(share: slots[index].share)
        if tiers[tier].count == 0, tiers.count > 1 { tiers.remove(at: tier) }
        slots[index].rank = nil
        if tier == 0 { isMapStale = true }
    }

    /// Applies a route that does not move the server to another tier.
    private mutating func change(_ index: Int, _ route: ServerRoute) {
        guard let rank = slots[index].rank else { return }
        let (tier, isFar) = (tierIndex(rank), slots[index].isFar)
        tiers[tier][isFar: isFar].remove(share: slots[index].share)
        tiers[tier][isFar: isFar].add(share: route.share)
        slots[index].share = route.share
        if servers.weights[index] != route.turnWeight {
            tiers[tier][isFar: isFar].turns.setWeight(route.turnWeight, of: index, &servers)
            if tier == 0 { isMapStale = true }
        }
        sessionsChanged(index)
    }
}

// MARK: - Room

extension BackendBalancer {
    /// Makes the server available for selection.
    private mutating func list(_ index: Int) {
        guard let rank = slots[index].rank else { return }
        let (tier, isFar) = (tierIndex(rank), slots[index].isFar)
        slots[index].readyPlace = Int32(truncatingIfNeeded: tiers[tier][isFar: isFar].ready.count)
        tiers[tier][isFar: isFar].ready.append(Int32(truncatingIfNeeded: index))
        if algorithm == .leastConnections {
            tiers[tier][isFar: isFar].turns.suspend(index, &servers)
            tiers[tier][isFar: isFar].loads.insert(loadEntry(index), &servers.places)
        } else {
            tiers[tier][isFar: isFar].turns.resume(index, &servers)
        }
    }

    /// Excludes the server from selection.
    private mutating func unlist(_ index: Int) {
        guard let rank = slots[index].rank, slots[index].isReady else { return }
        let (tier, isFar, place) = (tierIndex(rank), slots[index].isFar, Int(slots[index].readyPlace))
        slots[index].readyPlace = -1
        let last = tiers[tier][isFar: isFar].ready.removeLast()
        if Int(last) != index {
            tiers[tier][isFar: isFar].ready[place] = last
            slots[Int(last)].readyPlace = Int32(truncatingIfNeeded: place)
        }
        if algorithm == .leastConnections {
            tiers[tier][isFar: isFar].loads.remove(index, &servers.places)
        } else {
            tiers[tier][isFar: isFar].turns.suspend(index, &servers)
        }
    }

    /// HAProxy's key for `leastconn`. As in HAProxy, idle servers are equal regardless of weight. Of equal servers, the server whose load changed first comes
    /// first.
    private mutating func loadEntry(_ index: Int) -> IndexedHeap.Entry {
        let sessions = slots[index].sessions
        let key = sessions == 0 ? 0 : (sessions + 1) * WeightedTurns.weightMax / max(1, servers.weights[index])
        arrivals += 1
        return IndexedHeap.Entry(index, key: key, arrival: arrivals)
    }

    /// Updates heaps and lists after a change of the server's sessions, limit or weight.
    private mutating func sessionsChanged(_ index: Int) {
        guard let rank = slots[index].rank else { return }
        guard slots[index].hasRoom == slots[index].isReady else { return slots[index].hasRoom ? list(index) : unlist(index) }
        guard algorithm == .leastConnections, slots[index].isReady else { return }
        let (tier, isFar) = (tierIndex(rank), slots[index].isFar)
        tiers[tier][isFar: isFar].loads.remove(index, &servers.places)
        tiers[tier][isFar: isFar].loads.insert(loadEntry(index), &servers.places)
    }

    private mutating func occupy(_ index: Int) {
        slots[index].sessions += 1
        sessionsChanged(index)
    }
}

// MARK: - Sessions

extension BackendBalancer {
    /// Chooses a server for a session that has tried `tried`, and takes a place at it.
    ///
    /// - Parameter client: the client's number for `balance source` (`SourceMap.value`); `nil` for a client without an address, which takes turns.
    mutating func take(_ tried: TriedServers, client: UInt64?) -> Choice {
        if algorithm == .source, let client { return takeMapped(tried, client) }
        let isFarFirst = tried.isEmpty && !tiers.isEmpty && tiers[0].takeFarTurn(spillOver: spillOver)
        return takeAny(tried, isFarFirst: isFarFirst)
    }

    /// Queues a session, unless a server has room.
    ///
    /// - Returns: the server at which the session gets a place immediately; `nil` when it is queued.
    mutating func wait(_ waiter: Waiter) -> UInt32? {
        if let server = waiter.server, isServing(server) {
            if slots[Int(server) - firstServer].hasRoom {
                occupy(Int(server) - firstServer)
                return server
            }
        } else if case .server(let server) = takeAny(TriedServers(), isFarFirst: false) {
            return server
        }
        waiters.append(waiter)
        return nil
    }

    /// Removes a session from the queue. Returns false when it is not queued.
    mutating func removeWaiter(thread: Int, session: UInt64) -> Bool { waiters.remove(thread: thread, session: session) }

    /// Returns a place at `server`.
    ///
    /// - Returns: the queued session that gets the place.
    mutating func releasePlace(_ server: UInt32) -> Grant? {
        let index = Int(server) - firstServer
        slots[index].sessions -= 1
        if isServing(index), slots[index].hasRoom, let waiter = takeWaiter(for: server) {
            slots[index].sessions += 1
            return Grant(waiter: waiter, server: server)
        }
        sessionsChanged(index)
        return nil
    }

    /// Gives free places to queued sessions, those of the server at `index` first.
    private mutating func serveWaiters(preferring index: Int) -> [Grant] {
        var grants: [Grant] = []
        while waiters.count > 0, !tiers.isEmpty {
            let hasRoom = !tiers[0][isFar: false].ready.isEmpty || !tiers[0][isFar: true].ready.isEmpty
            guard let place = waiters.first(where: { onlyServer(of: $0).map { slots[$0].hasRoom } ?? hasRoom }) else { break }
            let waiter = waiters.remove(at: place)
            let preferred = onlyServer(of: waiter) ?? (isServing(index) && slots[index].isReady ? index : nil)
            guard let next = preferred ?? pick(TriedServers(), isFar: false) ?? pick(TriedServers(), isFar: true) else { break }
            occupy(next)
            grants.append(Grant(waiter: waiter, server: UInt32(firstServer + next)))
        }
        return grants
    }

    /// The only server that a queued session can use; `nil` for any.
    private func onlyServer(of waiter: Waiter) -> Int? { waiter.server.flatMap { isServing($0) ? Int($0) - firstServer : nil } }

    /// Removes and returns the session that has waited longest among those that can use `server`.
    private mutating func takeWaiter(for server: UInt32) -> Waiter? {
        let index = Int(server) - firstServer
        guard waiters.count > 0, let place = waiters.first(where: { onlyServer(of: $0).map { $0 == index } ?? true }) else { return nil }
        return waiters.remove(at: place)
    }

    private mutating func takeAny(_ tried: TriedServers, isFarFirst: Bool) -> Choice {
        guard !tiers.isEmpty, tiers[0].count > 0 else { return .none }
        guard let index = pick(tried, isFar: isFarFirst) ?? pick(tried, isFar: !isFarFirst) else {
            return tiers[0].count > servingCount(tried) ? .full(nil) : .allTried
        }
        occupy(index)
        return .server(UInt32(firstServer + index))
    }

    /// The next near or far server that has room and is not in `tried`.
    private mutating func pick(_ tried: TriedServers, isFar: Bool) -> Int? {
        guard !tiers.isEmpty else { return nil }
        if algorithm == .leastConnections {
            guard let first = tiers[0].leastLoaded(isFar: isFar) else { return nil }
            return tried.contains(UInt32(firstServer + first)) ? leastLoaded(tried, isFar: isFar) : first
        }
        if tried.isEmpty { return tiers[0].takeTurn(isFar: isFar, &servers) }
        return tiers[0][isFar: isFar].ready.isEmpty ? nil : other(tried, isFar: isFar)
    }

    private mutating func leastLoaded(_ tried: TriedServers, isFar: Bool) -> Int? {
        var passed: [IndexedHeap.Entry] = []
        defer { for entry in passed { tiers[0][isFar: isFar].loads.insert(entry, &servers.places) } }
        while let first = tiers[0][isFar: isFar].loads.first {
            let index = first.number
            guard tried.contains(UInt32(firstServer + index)) else { return index }
            tiers[0][isFar: isFar].loads.remove(index, &servers.places)
            passed.append(first)
        }
        return nil
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

// MARK: - The map of `balance source`

extension BackendBalancer {
    private mutating func takeMapped(_ tried: TriedServers, _ client: UInt64) -> Choice {
        if isMapStale { (map, isMapStale) = (SourceMap.places(weights: mapWeights()), false) }
        guard !map.isEmpty else { return .none }
        let preferred = Int(map[Int(client % UInt64(map.count))])
        let server = UInt32(firstServer + preferred)
        if !tried.contains(server) {
            guard slots[preferred].hasRoom else { return .full(server) }
            occupy(preferred)
            return .server(server)
        }
        let next = Int(map[Int((client &+ 1) % UInt64(map.count))])
        guard slots[next].hasRoom, !tried.contains(UInt32(firstServer + next)) else { return takeAny(tried, isFarFirst: false) }
        occupy(next)
        return .server(UInt32(firstServer + next))
    }

    /// The weights of the serving servers, scaled so that far servers get the share of `spill-over`.
    private func mapWeights() -> [Int] {
        guard let tier = tiers.first else { return [] }
        let percent = tier.farPercent(spillOver: spillOver)
        let (near, far) = (tier[isFar: false].turns.total, tier[isFar: true].turns.total)
        return slots.indices.map { index in
            guard isServing(index) else { return 0 }
            guard tier.hasNearAndFar else { return servers.weights[index] }
            return servers.weights[index] * (slots[index].isFar ? near * percent : far * (100 - percent))
        }
    }
}
