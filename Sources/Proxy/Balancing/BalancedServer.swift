/// A server's state in a `BackendBalancer`, except its weight and turns.
struct BalancedServer: Sendable {
    let isBackup: Bool
    let isFar: Bool
    /// Its `id`, which orders the servers of `balance first`, and determines its points on a ring.
    let identifier: Int
    /// `hash-key`.
    let hashKey: HashKey
    /// The configured `maxconn`, the limit when a route has none.
    let configuredLimit: Int
    /// `minconn`: the limit of a backend without load; 0 if the limit does not depend on the load.
    let limitMin: Int
    /// `maxqueue`: the most sessions that wait for this server only; 0 for no limit.
    let queueMax: Int
    /// Its tier; `nil` while it takes no sessions.
    var rank: TierRank?
    var share = SlowStart.fullShare
    /// The most sessions at a time; 0 for no limit.
    var limit = 0
    /// The number of held places.
    var sessions = 0
    /// The number of queued sessions that can use only this server.
    var queued = 0
    /// Its points on the ring of its group.
    var points = HashRing.Points()
    /// The weights of the servers before it that were usable at the start, for `LoadBound`.
    var weightBefore = 0
    /// Its index in its group's `ready`; -1 when it is not listed there.
    var readyPlace: Int32 = -1
    /// It has room while the backend has at least this number of sessions: 0 for always, `Int.max` for never.
    private(set) var roomAt = 0

    /// Creates a server that takes no sessions yet.
    init(_ server: Server) {
        (isBackup, isFar, identifier, hashKey) = (server.isBackup, server.isFar, server.identifier, server.hashKey)
        (configuredLimit, limitMin, queueMax) = (server.connectionsMax, server.connectionsMin, server.queueMax)
    }

    var isReady: Bool { readyPlace >= 0 }
    var hasDynamicLimit: Bool { limitMin > 0 }
    /// True when no further session may wait for this server only.
    var isQueueFull: Bool { queueMax > 0 && queued >= queueMax }

    /// Computes `roomAt` after a change of `sessions` or `limit`.
    ///
    /// With `minconn` the limit is HAProxy's: `maxconn` in the proportion of the backend's sessions to `fullConnections`, but at least `minconn`. `limit` is
    /// below `maxconn` during a slow start, and the dynamic limit is reduced in the same proportion.
    /// - SeeAlso: HAProxy, `srv_dynamic_maxconn` in queue.c.
    mutating func updateRoom(fullConnections: Int) {
        guard limit == 0 || sessions < limit else {
            roomAt = .max
            return
        }
        guard limit > 0, hasDynamicLimit, configuredLimit > 0 else {
            roomAt = 0
            return
        }
        // The least part of `maxconn` that allows one more session. One session is always allowed.
        let needed = ((sessions + 1) * configuredLimit + limit - 1) / limit
        let isAllowed = sessions == 0 || needed <= limitMin
        roomAt = isAllowed ? 0 : min(fullConnections, (needed * fullConnections + configuredLimit - 1) / configuredLimit)
    }
}
