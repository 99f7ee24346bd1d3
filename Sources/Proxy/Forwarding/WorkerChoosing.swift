// The hot path: which server takes a session.

import Glibc
import LinuxIO
import Synchronization
import Wire

/// What the search for a server has found.
enum Choice {
    /// This one, and a place of it is held.
    case server(UInt32)
    /// All that would do have reached `maxconn`; when a server is named, only that one will do.
    case full(UInt32?)
    /// Those that are left have all been tried by this session.
    case allTried
    /// No server is usable.
    case none
}

extension Worker {
    /// Chooses by the backend's algorithm among the usable servers that this session has not tried.
    func choose(_ session: UnsafeMutablePointer<Session>) -> Choice {
        let backend = Int(session.pointee.backend)
        let routed = table.backends[backend]
        guard routed.pointee.turnCount > 0 else { return .none }
        switch state.backendRules[backend].pointee.balance {
        case .source:
            // As in HAProxy, clients that come by a path are distributed in turn.
            guard let client = session.pointee.clientAddress.address else { fallthrough }
            let value = SourceMap.value(of: client)
            let preferred = server(of: value, routed)
            guard session.pointee.hasTried(preferred) || enter(preferred) else { return .full(preferred) }
            guard session.pointee.hasTried(preferred) else { return .server(preferred) }
            return take(session, routed, from: server(of: value &+ 1, routed))
        case .roundRobin:
            guard session.pointee.triedCount > 0 else {
                let turn = state.backendCells[backend].pointee.turn.wrappingAdd(1, ordering: .relaxed).oldValue
                let first = server(of: turn, routed)
                return routed.pointee.hasFar && enter(first) ? .server(first) : take(session, routed, from: first)
            }
            return take(session, routed, from: other(than: session.pointee.serverIndex, routed, backend))
        case .leastConnections:
            return takeLeast(session, routed, start: state.backendCells[backend].pointee.turn.wrappingAdd(1, ordering: .relaxed).oldValue)
        }
    }

    /// True when the session may leave its server for another one. One that has tried as many as it can remember gives them a moment, lest it go round in circles.
    func mayRedispatch(_ session: UnsafeMutablePointer<Session>) -> Bool {
        let rules = state.backendRules[Int(session.pointee.backend)]
        return rules.pointee.redispatches && rules.pointee.retriesMax > 0 && session.pointee.triedCount < Session.triedMax
    }

    /// True when there is a server that is better than to wait: usable, nothing speaks against it, and the session has not tried it and is not trying it now.
    func hasOther(_ session: UnsafeMutablePointer<Session>) -> Bool {
        guard mayRedispatch(session) else { return false }
        let routed = table.backends[Int(session.pointee.backend)]
        for offset in 0..<routed.pointee.serverCount {
            let server = routed.pointee.firstServer + offset
            let other = table.servers[Int(server)]
            if server != session.pointee.serverIndex, other.pointee.turns, !other.pointee.isSkipped, !session.pointee.hasTried(server) { return true }
        }
        return false
    }

    /// The server of a turn.
    private func server(of turn: UInt64, _ routed: UnsafePointer<RoutedBackend>) -> UInt32 {
        routed.pointee.firstServer + UInt32(table.turns[Int(routed.pointee.firstTurn) + Int(turn % UInt64(routed.pointee.turnCount))].pointee)
    }

    /// Where the search begins for a session whose server does not answer: the others in turn. The turns of new sessions stay as they are: a failure that
    /// took one would, of two servers, send every new session to the dead one first.
    private func other(than failed: UInt32, _ routed: UnsafePointer<RoutedBackend>, _ backend: Int) -> UInt32 {
        let count = routed.pointee.serverCount
        let turn = state.backendCells[backend].pointee.redispatchTurn.wrappingAdd(1, ordering: .relaxed).oldValue
        let step = 1 + UInt32(truncatingIfNeeded: turn % UInt64(max(1, count - 1)))
        return routed.pointee.firstServer + (failed - routed.pointee.firstServer + step) % count
    }

    /// Takes a place of `server`, if it has one. Where places are limited, those who wait already come first.
    private func enter(_ server: UInt32) -> Bool {
        let routed = table.servers[Int(server)]
        let limit = Int(routed.pointee.connectionsMax)
        guard limit == 0 || state.backendCells[Int(routed.pointee.backend)].pointee.waiting.value == 0 else { return false }
        return state.serverCells[Int(server)].pointee.sessions.enter(limit: limit)
    }

    /// The server `first`, or else the next one after it that has a place; near ones before far ones, of which the one with the fewest sessions
    /// for its weight is taken.
    private func take(_ session: UnsafeMutablePointer<Session>, _ routed: UnsafePointer<RoutedBackend>, from first: UInt32) -> Choice {
        guard routed.pointee.hasFar else { return take(session, routed, from: first, of: .all) }
        return preferred(take(session, routed, from: first, of: .near), or: { takeLeast(session, routed, start: UInt64(first), of: .far) })
    }

    /// `choice`, or what `others` say when there is no place there.
    private func preferred(_ choice: Choice, or others: () -> Choice) -> Choice {
        if case .server = choice { return choice }
        if case .allTried = choice { return others() }
        let other = others()
        if case .server = other { return other }
        return choice
    }

    private func take(
        _ session: UnsafeMutablePointer<Session>, _ routed: UnsafePointer<RoutedBackend>, from first: UInt32, of group: TurnPlan.Group
    ) -> Choice {
        var sawFull = false
        for offset in 0..<routed.pointee.serverCount {
            let place = (first - routed.pointee.firstServer + offset) % routed.pointee.serverCount
            let server = routed.pointee.firstServer + place
            guard table.servers[Int(server)].pointee.group.rawValue & group.rawValue != 0, !session.pointee.hasTried(server) else { continue }
            if enter(server) { return .server(server) }
            sawFull = true
        }
        return sawFull ? .full(nil) : .allTried
    }

    /// The server with the fewest sessions for its weight; of equals the first one from `start` on. As in HAProxy idle servers are equal, whatever their weights.
    /// Near ones come before far ones, but for the turns of far ones.
    private func takeLeast(_ session: UnsafeMutablePointer<Session>, _ routed: UnsafePointer<RoutedBackend>, start: UInt64) -> Choice {
        guard routed.pointee.hasFar else { return takeLeast(session, routed, start: start, of: .all) }
        let isTurnOfFar = session.pointee.triedCount == 0 && table.servers[Int(server(of: start, routed))].pointee.group == .far
        let (first, second): (TurnPlan.Group, TurnPlan.Group) = isTurnOfFar ? (.far, .near) : (.near, .far)
        return preferred(takeLeast(session, routed, start: start, of: first), or: { takeLeast(session, routed, start: start, of: second) })
    }

    private func takeLeast(
        _ session: UnsafeMutablePointer<Session>, _ routed: UnsafePointer<RoutedBackend>, start: UInt64, of group: TurnPlan.Group
    ) -> Choice {
        var sawFull = false
        var passed: UInt64 = 0
        while true {
            var best: UInt32?
            var bestLoad = (sessions: 0, weight: 1)
            for offset in 0..<routed.pointee.serverCount {
                let place = UInt32((start + UInt64(offset)) % UInt64(routed.pointee.serverCount))
                let server = routed.pointee.firstServer + place
                guard table.servers[Int(server)].pointee.group.rawValue & group.rawValue != 0, !session.pointee.hasTried(server),
                    place > 63 || passed >> UInt64(place) & 1 == 0
                else { continue }
                let current = state.serverCells[Int(server)].pointee.sessions.value
                let load = (sessions: current == 0 ? 0 : current + 1, weight: Int(table.servers[Int(server)].pointee.weight))
                let limit = Int(table.servers[Int(server)].pointee.connectionsMax)
                if limit > 0, current >= limit {
                    sawFull = true
                } else if best == nil || load.sessions * bestLoad.weight < bestLoad.sessions * load.weight {
                    (best, bestLoad) = (server, load)
                }
            }
            guard let best else { return sawFull ? .full(nil) : .allTried }
            if enter(best) { return .server(best) }
            // Another worker took its last place, or others wait for it: look again without it.
            sawFull = true
            let place = best - routed.pointee.firstServer
            if place < 64 { passed |= 1 << UInt64(place) }
        }
    }
}
