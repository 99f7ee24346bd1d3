import Wire

// Assigns a name's addresses to its servers.

extension Resolver {
    /// Assigns the addresses of name `index` to its servers: to those that prefer the family `settled`, or to all.
    ///
    /// - Parameters:
    ///   - nameserver: the source of the answer; `nil` for a database and for addresses remembered from an earlier process.
    ///   - database: the name of the database that is the source.
    mutating func assign(_ index: Int, settled: AddressFamily?, by nameserver: Int?, database: String? = nil) {
        let affected = names[index].servers.filter { settled == nil || servers[$0].preference.family == settled }
        let source = nameserver.map { "\(settings.name)/\(settings.nameservers[$0].name)" } ?? database ?? "remembered addresses"
        var start = 0
        while start < affected.count {
            let backend = servers[affected[start]].reference.backend
            let end = affected[start...].firstIndex { servers[$0].reference.backend != backend } ?? affected.count
            let ofBackend = affected[start..<end]
            start = end
            let plain = ofBackend.filter { !servers[$0].isTemplateSlot }
            apply(AddressAssignment.decide(servers: plain.map(slot), from: names[index].book), to: plain, of: index, source, nameserver)
            let slots = ofBackend.filter { servers[$0].isTemplateSlot }
            guard let first = slots.first else { continue }
            guard !names[index].isService else {
                assignService(index, slots, source, nameserver)
                continue
            }
            let book = names[index].book
            let preference = servers[first].preference
            // The IPv4 and IPv6 addresses of a name belong to the same hosts. Those in a list belong to different hosts.
            let choices = settings.isDiscovery ? book.current : book.choices(preferring: preference.family)
            // With preferred networks, the addresses that are one too many are the last ones, even if slots have them.
            let best = preference.networks.isEmpty ? choices : Array(preference.ordered(choices, by: \.self).prefix(slots.count))
            let leftOut = Set(choices).subtracting(best)
            let decisions = AddressAssignment.decide(slots: slots.map(slot), offered: best.map { ResolvedAddress($0) }) { address in
                guard settings.isDiscovery else { return book.allows(address.host, preferring: preference.family) && !leftOut.contains(address.host) }
                return book.contains(address.host) && slots.contains { servers[$0].address == address && servers[$0].isPassing }
            }
            apply(decisions, to: slots, of: index, source, nameserver)
            if settled == nil { reportExcess(choices.count, of: index, slots) }
        }
    }

    /// Assigns the addresses of a service to its servers in one backend.
    private mutating func assignService(_ index: Int, _ slots: [Int], _ source: String, _ nameserver: Int?) {
        guard let first = slots.first else { return }
        let isRemembered = names[index].memory.isUsed
        let present = slots.compactMap { servers[$0].address }
        let places =
            isRemembered
            ? names[index].memory.entries.map { ServiceBook.Place(entry: $0, origin: nil, isCurrent: true) }
            : names[index].services.places(preferring: servers[first].preference, present: present, books: hostBooks)
        // Without an address of any host the service cannot be assigned.
        guard !places.isEmpty else { return }
        names[index].places = places
        // When there are too many, the ones with the highest priority values are left out.
        let offered = Array(places.filter(\.isCurrent).map(\.entry.address).prefix(slots.count))
        // A host whose address has changed keeps its server.
        var moved: [ServiceBook.Origin: ResolvedAddress] = [:]
        for place in places { if let origin = place.origin { moved[origin] = moved[origin] ?? place.entry.address } }
        let wanting = slots.map { server in
            var slot = slot(server)
            if let origin = servers[server].origin, let address = moved[origin] { slot.last = address }
            return slot
        }
        let decisions = AddressAssignment.decide(slots: wanting, offered: offered) { kept in
            places.contains { $0.entry.address == kept && !$0.isCurrent }
        }
        apply(decisions, to: slots, of: index, source, nameserver)
        for server in slots { if let address = servers[server].address { reportShare(address, of: server, index) } }
        if !isRemembered { reportExcess(names[index].services.records.current.count, of: index, slots) }
    }

    /// The known addresses of each host.
    fileprivate var hostBooks: [DNSName: AddressBook] {
        var books: [DNSName: AddressBook] = [:]
        for index in names.indices where !names[index].isService { books[names[index].name] = names[index].book }
        return books
    }

    private func slot(_ server: Int) -> AddressAssignment.Slot {
        AddressAssignment.Slot(
            address: servers[server].address, preference: servers[server].preference, sharing: servers[server].options.sharing,
            doubted: servers[server].candidate?.doubted, last: servers[server].lastAddress, isReserved: servers[server].isReserved)
    }

    private mutating func apply(
        _ decisions: [AddressAssignment.Decision], to affected: [Int], of name: Int, _ source: String, _ nameserver: Int?
    ) {
        let passing = affected.map { servers[$0].isTemplateSlot && servers[$0].address != nil && servers[$0].isPassing }
        let isKeptPassing = zip(decisions, passing).contains { $0 == .keep && $1 }
        for (server, decision) in zip(affected, decisions) {
            // As in HAProxy, the source is the nameserver for the first server of a name, and the cache for the others.
            let origin = server == names[name].servers.first || nameserver == nil ? source : "DNS cache"
            switch decision {
            case .keep:
                servers[server].candidate = nil
            // The last passing servers stay until an address of the answer has passed its trial.
            case .empty where !isKeptPassing && servers[server].isPassing:
                break
            case .empty, .duplicate:
                removeAddress(server, absenceLoss)
            case .move(let address):
                // A trial must not prolong the use of an address that is gone.
                if let present = servers[server].address, mustLeave(present, of: server, name, isKeptPassing: isKeptPassing) {
                    removeAddress(server, absenceLoss)
                }
                let isFree = servers[server].address == nil
                if settings.isDiscovery || (isFree ? passing.contains(true) || names[name].memory.isUsed : servers[server].isPassing) {
                    propose(address, to: server, source: origin)
                } else {
                    if let nameserver { group.counters[nameserver].updates += 1 }
                    set(address, of: server, source: origin)
                }
            }
        }
    }

    /// True when a server that is about to move must lose its current address before the trial of the new one. `isKeptPassing`: other servers of the name keep
    /// passing.
    private func mustLeave(_ present: ResolvedAddress, of server: Int, _ name: Int, isKeptPassing: Bool) -> Bool {
        if settings.isDiscovery { return isKeptPassing || !servers[server].isPassing }
        // An address of the other family still works.
        return isKeptPassing && !resolves(name, to: present)
    }

    /// True when name `index` has `address`, of either family, or had it less than `hold obsolete` ago.
    private func resolves(_ index: Int, to address: ResolvedAddress) -> Bool {
        guard names[index].isService else { return names[index].book.contains(address.host) }
        return names[index].places.contains { $0.entry.address == address } || names[index].services.resolves(to: address, books: hostBooks)
    }

    /// Removes the addresses of slots whose address is gone, after another slot of their pool has a new address that works. They had kept their address until
    /// then.
    mutating func releaseObsolete(besides accepted: Int) {
        guard servers[accepted].isTemplateSlot, let index = name(of: accepted), names[index].hasAnswer else { return }
        let backend = servers[accepted].reference.backend
        for server in names[index].servers where server != accepted && servers[server].isTemplateSlot && servers[server].reference.backend == backend {
            guard let address = servers[server].address, servers[server].candidate == nil else { continue }
            if !resolves(index, to: address) { removeAddress(server, absenceLoss) }
        }
    }

    /// The loss of an address that is missing from an answer.
    private var absenceLoss: AddressLoss { settings.isDiscovery ? .notListed : .noAddress }

    private mutating func propose(_ address: ResolvedAddress, to server: Int, source: String) {
        guard servers[server].candidate != .proposed(address), servers[server].candidate != .refused(address) else { return }
        servers[server].candidate = .proposed(address)
        servers[server].candidateSource = source
        outputs.append(.propose(servers[server].reference, address))
    }

    /// Assigns `address` to the server.
    mutating func set(_ address: ResolvedAddress, of server: Int, source: String) {
        servers[server].candidate = nil
        servers[server].address = address
        if let index = name(of: server), names[index].isService { reportShare(address, of: server, index) }
        outputs.append(.address(servers[server].reference, address, source: source))
    }

    /// Removes the server's address.
    mutating func removeAddress(_ server: Int, _ loss: AddressLoss) {
        servers[server].candidate = nil
        servers[server].address = nil
        servers[server].isPassing = false
        outputs.append(.lost(servers[server].reference, loss))
    }

    /// Reports the priority and weight in the service record of a server's address.
    private mutating func reportShare(_ address: ResolvedAddress, of server: Int, _ index: Int) {
        guard let place = names[index].places.first(where: { $0.entry.address == address }) else { return }
        var new = place.entry.share
        if servers[server].options.ignoresWeight { new.weight = nil }
        let old = servers[server].share
        (servers[server].share, servers[server].origin) = (new, place.origin ?? servers[server].origin)
        if old.priority != new.priority { outputs.append(.priority(servers[server].reference, Int(new.priority))) }
        if old.weight != new.weight { outputs.append(.weight(servers[server].reference, new.weight)) }
    }

    /// Reports with an alarm that an answer has `total` records, more than are kept, and with a notice that this is over.
    mutating func reportTruncation(_ index: Int, _ total: Int?) {
        names[index].truncatedTotal = total
        guard (total != nil) != names[index].isTruncationReported else { return }
        names[index].isTruncationReported = total != nil
        let (name, records) = (names[index].name, names[index].isService ? "service records" : "addresses")
        let limit = DNSAnswer.recordsKeptMax
        if let total {
            let sentence = "'\(name)' has \(total) \(records), but only \(limit) of an answer are used; those in use are kept until it has \(limit) or fewer"
            outputs.append(.log(.warning, sentence, about: name))
        } else {
            outputs.append(.log(.notice, "'\(name)' has at most \(limit) \(records) again", about: name))
        }
    }

    /// Reports with an alarm that `count` addresses exceed the number of `slots`, again when the count changes, and with a notice that this is over.
    private mutating func reportExcess(_ count: Int, of index: Int, _ slots: [Int]) {
        // The number of records in a partial answer is meaningless.
        guard let last = slots.last, names[index].truncatedTotal == nil else { return }
        let (backend, location, name) = (servers[last].reference.backend, servers[last].location, names[index].name)
        let reported = names[index].excess[backend]
        if count > slots.count {
            guard reported != count else { return }
            names[index].excess[backend] = count
            let sentence = "'\(name)' has \(count) addresses for the \(slots.count) servers of \(location); raise the number there to \(count) or more"
            outputs.append(.log(.warning, sentence, about: name))
        } else if reported != nil {
            names[index].excess[backend] = nil
            outputs.append(.log(.notice, "the \(slots.count) servers of \(location) are enough again for '\(name)'", about: name))
        }
    }
}

// MARK: - A database's list

extension Resolver {
    /// Applies a database's list of replicas: as a complete answer, or as a partial one when the list has a flaw. An empty list is ignored.
    ///
    /// - Parameter database: the name of the database in log lines.
    package mutating func applyList(_ list: ReplicaList, by database: String, now: Instant) {
        guard settings.isDiscovery, !list.hosts.isEmpty else { return }
        for index in names.indices {
            recordAnswer(index, now: now)
            if names[index].roundStart.advanced(by: settings.holdValid) <= now {
                names[index].roundStart = now
                postponeRefused(index)
            }
            if list.flaw == nil { names[index].book.renew(now: now) }
            for family in [AddressFamily.v4, .v6] {
                let hosts = list.hosts.filter { $0.family == family }
                if list.flaw == nil {
                    names[index].book.replace(family, with: hosts, holdObsolete: settings.holdObsolete, now: now)
                } else {
                    names[index].book.merge(family, with: hosts, used: hostsUsed(of: index), now: now)
                }
            }
            assign(index, settled: nil, by: nil, database: database)
        }
    }
}

// MARK: - Services

extension Resolver {
    /// The services with a record for this host.
    func services(with host: DNSName) -> [Int] {
        names.indices.filter { names[$0].isService && names[$0].services.records.entries.contains { $0.record.target == host } }
    }

    /// The addresses used by servers of name `index` and by those of the services with a record for this host.
    func hostsUsed(of index: Int) -> Set<IPAddress> {
        let indices = [index] + services(with: names[index].name)
        return Set(indices.flatMap { names[$0].servers }.compactMap { servers[$0].address?.host })
    }

    /// The records of service `index` that its servers use.
    func recordsUsed(of index: Int) -> Set<DNSService> {
        let (books, present) = (hostBooks, names[index].servers.compactMap { servers[$0].address })
        return Set(
            names[index].services.records.entries.map(\.record).filter { record in
                present.contains { $0.port == record.port && books[record.target]?.contains($0.host) ?? false }
            })
    }

    /// Starts resolving the hosts of service `index`. A host without a known address takes the one in the answer, or is resolved immediately.
    mutating func resolveHosts(_ index: Int, _ additional: [DNSAddress], now: Instant) {
        hasOrphans = true
        for target in names[index].services.targets {
            let known = names.firstIndex { $0.name == target }
            let host = known ?? names.count
            if known == nil { names.append(Name(name: target, nextRound: now, roundStart: now.advanced(by: .zero - Resolver.earlyRoundPause), lastValid: now)) }
            guard names[host].book.isEmpty else { continue }
            let given = additional.filter { $0.owner == target }
            guard let timeToLive = given.map(\.timeToLive).min() else { continue }
            for family in [AddressFamily.v4, .v6] { names[host].book.merge(family, with: given.map(\.address).filter { $0.family == family }, now: now) }
            names[host].hasAnswer = true
            if names[host].round == nil {
                names[host].nextRound = now.advanced(by: min(max(.seconds(Int64(timeToLive)), Resolver.timeToLiveMin), settings.holdValid))
            }
        }
    }

    /// Removes the hosts that are no longer named by any service or server.
    mutating func dropOrphans() {
        guard hasOrphans else { return }
        hasOrphans = false
        let wanted = Set(names.flatMap(\.services.targets))
        for index in names.indices.reversed() where names[index].servers.isEmpty && !wanted.contains(names[index].name) {
            names[index].round?.cancel(&group)
            names.remove(at: index)
        }
    }
}

// MARK: - Addresses from an earlier process

extension Resolver {
    /// Uses the remembered addresses of name `index` if no nameserver has answered and a server has no address.
    mutating func useRemembered(_ index: Int, now: Instant) {
        names[index].memory.due = nil
        let entries = names[index].memory.entries
        guard !names[index].hasAnswer, !entries.isEmpty, names[index].servers.contains(where: { servers[$0].address == nil }) else { return }
        if !names[index].memory.isUsed {
            names[index].memory.isUsed = true
            let name = names[index].name
            outputs.append(.log(.warning, "'\(name)' gets no answer; trying its remembered addresses (\(entries.count))", about: name))
        }
        for family in [AddressFamily.v4, .v6] where !names[index].isService {
            names[index].book.merge(family, with: entries.map(\.address.host).filter { $0.family == family }, now: now)
        }
        assign(index, settled: nil, by: nil)
    }
}
