import Wire

/// The progress of warming a server that came back.
package struct Warming: Equatable, Sendable {
    /// When it came back.
    package let since: Instant
    /// Its share of the weight, in sixteenths.
    package private(set) var share: Int
    /// Its share of `maxconn`, in hundredths.
    package private(set) var percent: Int
    /// True when it has its full load.
    package private(set) var isOver = false
    private let slowStart: SlowStart

    /// Starts to warm a server that came back at `since`.
    package init(_ slowStart: SlowStart, since: Instant) {
        (self.slowStart, self.since) = (slowStart, since)
        share = slowStart.share(after: .zero)
        percent = slowStart.percent(after: .zero)
    }

    /// Updates the shares to `now`.
    package mutating func advance(to now: Instant) {
        let elapsed = since.duration(to: now)
        share = slowStart.share(after: elapsed)
        percent = slowStart.percent(after: elapsed)
        isOver = slowStart.isOver(after: elapsed)
    }
}

extension ServerRegistry {
    /// Raises the shares of warming servers. Call it every second, HAProxy's interval.
    package mutating func timePassed(now: Instant) -> [Effect] {
        var effects: [Effect] = []
        for backend in servers.indices {
            for place in servers[backend].indices {
                guard var warming = servers[backend][place].warming else { continue }
                warming.advance(to: now)
                guard servers[backend][place].warming != warming else { continue }
                let server = ServerReference(backend: backend, server: place)
                var next = status(of: server)
                next.warming = warming.isOver ? nil : warming
                replace(server, with: next)
                effects.append(.routeChanged(server))
            }
        }
        return effects
    }

    /// The sixteenths of its weight in effect for a server. As in HAProxy, maps use full weights: otherwise clients of `balance source` would change
    /// their server with each step.
    package func share(of server: ServerReference) -> Int {
        backends[server.backend].hasFixedWeights ? SlowStart.fullShare : status(of: server).warming?.share ?? SlowStart.fullShare
    }

    /// The most sessions at a time for a server: its limit, or a part of it during a configured `slowstart`; 0 for no limit.
    package func connectionsMax(of server: ServerReference) -> Int {
        let (configured, status) = (configuration(of: server), status(of: server))
        guard configured.slowStart != nil, let warming = status.warming else { return status.connectionsMax }
        return SlowStart.limit(status.connectionsMax, percent: warming.percent)
    }
}
