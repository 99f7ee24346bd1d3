import Wire

/// How far a server that has come back has been warmed.
package struct Warming: Equatable, Sendable {
    /// Since when it has taken sessions.
    package let since: Instant
    /// The sixteenths of its weight that it has.
    package private(set) var share: Int
    /// The hundredths of its `maxconn`.
    package private(set) var percent: Int
    /// It has its whole load.
    package private(set) var isOver = false
    private let slowStart: SlowStart

    /// A server that came back at `since`.
    package init(_ slowStart: SlowStart, since: Instant) {
        (self.slowStart, self.since) = (slowStart, since)
        share = slowStart.share(after: .zero)
        percent = slowStart.percent(after: .zero)
    }

    /// It is `now`.
    package mutating func goOn(to now: Instant) {
        let elapsed = since.duration(to: now)
        share = slowStart.share(after: elapsed)
        percent = slowStart.percent(after: elapsed)
        isOver = slowStart.isOver(after: elapsed)
    }
}

extension ServerRegistry {
    /// Time has passed: servers that are being warmed get more. To be called each second, as HAProxy does it.
    package mutating func timePassed(now: Instant) -> [Effect] {
        var effects: [Effect] = []
        for backend in servers.indices {
            for place in servers[backend].indices {
                guard var warming = servers[backend][place].warming else { continue }
                warming.goOn(to: now)
                guard servers[backend][place].warming != warming else { continue }
                servers[backend][place].warming = warming.isOver ? nil : warming
                effects.append(.routeChanged(ServerReference(backend: backend, server: place)))
            }
        }
        return effects
    }

    /// The sixteenths of its weight by which a server has its turns. With `balance source` weights stay: a client would change its server with each step.
    package func share(of server: ServerReference) -> Int {
        backends[server.backend].balance == .source ? SlowStart.fullShare : status(of: server).warming?.share ?? SlowStart.fullShare
    }

    /// The sessions that a server may have now: its `maxconn`, or part of it where a `slowstart` is written; 0 for no limit.
    package func connectionsMax(of server: ServerReference) -> Int {
        let configured = backends[server.backend].servers[server.server]
        guard configured.slowStart != nil, let warming = status(of: server).warming else { return configured.connectionsMax }
        return SlowStart.limit(configured.connectionsMax, percent: warming.percent)
    }
}
