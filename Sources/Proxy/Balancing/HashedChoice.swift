// The algorithms that select a server by a hash, and those that take turns on the same maps.

extension BackendBalancer {
    /// Chooses the server of a hash, and takes a place at it.
    mutating func takeHashed(_ tried: TriedServers, _ hash: UInt32) -> Choice {
        switch hashing.method {
        case .mapBased: takeMapped(tried, hash)
        case .consistent: takeFromRing(tried, hash)
        }
    }

    // MARK: Maps

    private mutating func takeMapped(_ tried: TriedServers, _ hash: UInt32) -> Choice {
        updateMaps()
        guard !map.places.isEmpty else { return .none }
        let preferred = map.server(at: Int(hash))
        let server = UInt32(firstServer + preferred)
        if !tried.contains(server) { return takeUncontested(preferred) ? .server(server) : fullChoice(preferred) }
        let next = map.server(at: Int(hash) + 1)
        guard hasRoom(next), !tried.contains(UInt32(firstServer + next)) else { return takeAny(tried, isFarFirst: false) }
        occupy(next)
        return .server(UInt32(firstServer + next))
    }

    /// Takes the next turn of `static-rr`, or of a session without a hash.
    mutating func takeMapTurn(isFar: Bool) -> Int? {
        guard tiers[0].hasReady(isFar: isFar) else { return nil }
        updateMaps()
        guard algorithm == .staticRoundRobin else { return map.takeTurn(&slots) }
        return isFar ? turnMaps.far.takeTurn(&slots) : turnMaps.near.takeTurn(&slots)
    }

    private mutating func updateMaps() {
        guard isMapStale else { return }
        isMapStale = false
        if algorithm == .staticRoundRobin {
            (turnMaps.near.places, turnMaps.far.places) = (turnMap(isFar: false), turnMap(isFar: true))
        } else {
            map.places = hashedMap()
        }
    }

    private mutating func turnMap(isFar: Bool) -> [UInt16] {
        SourceMap.places(weights: slots.indices.map { isServing($0) && slots[$0].isFar == isFar ? servers.weights[$0] : 0 }, unit: mapUnit)
    }

    /// The map of hashes. If there are near and far servers, their weights are scaled so that far servers get the share of `spill-over`.
    private mutating func hashedMap() -> [UInt16] {
        guard let tier = tiers.first else { return [] }
        let weights = slots.indices.map { isServing($0) ? servers.weights[$0] : 0 }
        guard tier.hasNearAndFar else { return SourceMap.places(weights: weights, unit: mapUnit) }
        let percent = tier.farPercent(spillOver: spillOver)
        let (near, far) = (tier[isFar: false].turns.total, tier[isFar: true].turns.total)
        return SourceMap.places(weights: slots.indices.map { weights[$0] * (slots[$0].isFar ? near * percent : far * (100 - percent)) })
    }

    // MARK: Rings

    private mutating func takeFromRing(_ tried: TriedServers, _ hash: UInt32) -> Choice {
        guard !tiers.isEmpty, tiers[0].count > 0 else { return .none }
        guard tried.isEmpty || tiers[0].count > servingCount(tried) else { return .allTried }
        let isFar = tiers[0].isFar(hash, spillOver: spillOver)
        guard let index = serverOnRing(isFar: isFar, hash, tried) ?? serverOnRing(isFar: !isFar, hash, tried) else { return .allTried }
        if tried.isEmpty { return takeUncontested(index) ? .server(UInt32(firstServer + index)) : fullChoice(index) }
        guard hasRoom(index) else { return takeAny(tried, isFarFirst: isFar) }
        occupy(index)
        return .server(UInt32(firstServer + index))
    }

    /// The first server, from the point nearest to the hash on, that is not in `tried` and has fewer sessions than its bound. If all have reached their bounds,
    /// the first that is not in `tried`.
    ///
    /// Near and far servers have separate rings and bounds.
    private mutating func serverOnRing(isFar: Bool, _ hash: UInt32, _ tried: TriedServers) -> Int? {
        let (points, total) = tiers[0].ringExtent(isFar: isFar)
        guard points > 0 else { return nil }
        var (place, first) = (tiers[0][isFar: isFar].ring.place(nearest: hash), Int?.none)
        for _ in 0..<points {
            let index = tiers[0][isFar: isFar].ring.server(at: place)
            if !tried.contains(UInt32(firstServer + index)) {
                let limit = bound.limit(weight: servers.weights[index], before: slots[index].weightBefore, total: total, sessions: placesHeld)
                if slots[index].sessions < limit { return index }
                first = first ?? index
            }
            place = place + 1 < points ? place + 1 : 0
        }
        return first
    }

    /// Takes the next turn of a session without a hash: as in HAProxy, the servers of the ring's points, one after the other.
    mutating func takeRingTurn(isFar: Bool) -> Int? {
        guard tiers[0].hasReady(isFar: isFar) else { return nil }
        for _ in 0..<tiers[0].ringExtent(isFar: isFar).points {
            let index = tiers[0][isFar: isFar].ring.takeTurn()
            if slots[index].isReady { return index }
        }
        return nil
    }

    /// Gives a server of a tier the points of `route`, or none.
    mutating func setPoints(_ index: Int, tier: Int, _ route: ServerRoute?, atStart: Bool) {
        guard usesRing else { return }
        let isFar = slots[index].isFar
        let points = route.map {
            HashRing.Points(key: slots[index].hashKey.number(identifier: slots[index].identifier, address: $0.address), count: $0.turnWeight)
        }
        let (old, new) = (slots[index].points, points ?? HashRing.Points())
        slots[index].points = new
        if atStart { return tiers[tier][isFar: isFar].ring.append(new, of: index) }
        if old != new { tiers[tier][isFar: isFar].ring.change(index, from: old, to: new) }
    }

    /// Completes the rings of the start, and the sums of the weights that the bounds use.
    mutating func finishStart() {
        for tier in tiers.indices {
            tiers[tier][isFar: false].ring.sort()
            tiers[tier][isFar: true].ring.sort()
        }
        var sums = (active: 0, backup: 0)
        for index in slots.indices where slots[index].rank != nil {
            slots[index].weightBefore = slots[index].isBackup ? sums.backup : sums.active
            if slots[index].isBackup { sums.backup += servers.weights[index] } else { sums.active += servers.weights[index] }
        }
    }
}
