import LinuxIO
import Synchronization
import Wire

/// What the workers are told of one server.
package struct RoutedServer: Sendable {
    /// Where to connect; meaningless while `hasAddress` is false.
    var address = RawSocketAddress()
    /// The server has an address.
    var hasAddress = false
    /// `ServerRoute.weight` times `ServerRoute.share`, 0 to 16384.
    var weight: Int32 = 0
    /// Whether it takes sessions, and beside which others; empty for a weight of 0, and for a backup while there are others.
    var group: TurnPlan.Group = []
    /// `maxconn`; 0 for no limit.
    var connectionsMax: Int32 = 0
    /// The port is the client's plus `portOffset`.
    var usesClientPort = false
    /// See `usesClientPort`.
    var portOffset: Int32 = 0
    /// `tcp-ut` in milliseconds; 0 for the system's.
    var userTimeout: Int32 = 0
    /// The backend it belongs to.
    var backend: UInt16 = 0
    /// The header that it expects first.
    var proxyHeader: ProxyHeaderForm?
    /// It counts clients that leave before they log in against this host: such handshakes are finished.
    var finishesHandshakes = false
    /// What it says before its clients speak.
    var opening = ServerOpening.none
    /// Something speaks against it: it has turns only because there is no better one.
    var isSkipped = false

    /// True when it takes sessions.
    var turns: Bool { !group.isEmpty }
}

/// What the workers are told of one backend: ranges of the table's flat arrays.
package struct RoutedBackend: BitwiseCopyable, Sendable {
    /// Its servers: `firstServer ..< firstServer + serverCount`.
    var firstServer: UInt32 = 0
    var serverCount: UInt32 = 0
    /// The turns of its usable servers: offsets from `firstServer`.
    var firstTurn: UInt32 = 0
    var turnCount: UInt32 = 0
    /// Some of its servers are preferred to others.
    var hasFar = false
}

/// A server as the control thread describes it.
package struct ServerRoute: Equatable, Sendable {
    /// Where to connect, `nil` while it has no address.
    package var address: SocketAddress?
    /// It takes new sessions: up, not in maintenance, not draining.
    package var isUsable: Bool
    /// It is usable, and left out while there are others.
    package var isSkipped = false
    /// Its weight in quarters, as its fitness leaves it: 0 to 1024. Only the proportions of a backend's weights count.
    package var weight: Int
    /// Of the usable servers those of the lowest one take the sessions.
    package var priority: Int
    /// The sixteenths of its weight that count: fewer than 16 for a server that is being warmed.
    package var share: Int
    /// Sessions at once, 0 for no limit; `nil` for the configuration's `maxconn`.
    package var connectionsMax: Int?

    /// A server's route.
    package init(
        address: SocketAddress?, isUsable: Bool, isSkipped: Bool = false, weight: Int, priority: Int = 0, share: Int = SlowStart.fullShare,
        connectionsMax: Int? = nil
    ) {
        self.address = address
        self.isUsable = isUsable
        self.isSkipped = isSkipped
        self.weight = weight
        self.priority = priority
        self.share = share
        self.connectionsMax = connectionsMax
    }
}

/// Who takes sessions, and how many of each: one immutable picture, made by the control thread and read by every worker.
package final class RoutingTable: Sendable {
    let servers: FrozenTable<RoutedServer>
    let backends: FrozenTable<RoutedBackend>
    let turns: FrozenTable<UInt16>

    /// The picture of `backends`, with a route for each of their servers.
    package init(backends: [Backend], routes: [[ServerRoute]]) {
        var servers: [RoutedServer] = []
        var routed: [RoutedBackend] = []
        var turns: [UInt16] = []
        for (index, backend) in backends.enumerated() {
            let plan = RoutingTable.plan(of: backend, routes[index])
            let order = backend.balance == .source ? SourceMap.places(weights: plan.weights) : Rotation.order(weights: plan.weights)
            routed.append(
                RoutedBackend(
                    firstServer: UInt32(servers.count), serverCount: UInt32(backend.servers.count), firstTurn: UInt32(turns.count),
                    turnCount: UInt32(order.count), hasFar: plan.hasFar))
            turns.append(contentsOf: order)
            for (place, server) in backend.servers.enumerated() {
                var one = RoutingTable.routed(server, routes[index][place], backend: index)
                one.finishesHandshakes = backend.finishesHandshakes(of: server)
                one.opening = backend.opening(of: server)
                one.group = plan.groups[place]
                servers.append(one)
            }
        }
        self.servers = FrozenTable(servers)
        self.backends = FrozenTable(routed)
        self.turns = FrozenTable(turns)
    }

    private static func routed(_ server: Server, _ route: ServerRoute, backend: Int) -> RoutedServer {
        var routed = RoutedServer()
        if let address = route.address {
            routed.address = RawSocketAddress(address)
            routed.hasAddress = true
        }
        routed.weight = Int32(clamping: route.weight * route.share)
        routed.connectionsMax = Int32(clamping: route.connectionsMax ?? server.connectionsMax)
        routed.userTimeout = Int32(clamping: server.userTimeout?.wholeMilliseconds ?? 0)
        // A path has no port to put the client's in.
        if case .client(let offset) = server.port, route.address?.port != nil {
            (routed.usesClientPort, routed.portOffset) = (true, Int32(clamping: offset))
        }
        routed.backend = UInt16(backend)
        routed.proxyHeader = server.proxyHeader
        routed.isSkipped = route.isSkipped
        return routed
    }

    private static func plan(of backend: Backend, _ routes: [ServerRoute]) -> TurnPlan {
        let candidates = zip(backend.servers, routes).map { server, route in
            var candidate = TurnPlan.Candidate(weight: route.isUsable && route.address != nil ? route.weight * route.share : 0)
            (candidate.share, candidate.isBackup, candidate.isFar, candidate.isSkipped) = (route.share, server.isBackup, server.isFar, route.isSkipped)
            candidate.priority = route.priority
            return candidate
        }
        return TurnPlan(candidates, spillOver: backend.spillOver)
    }
}

/// The present routing table. Workers look once a wake-up whether it has changed.
package final class Routing: Sendable {
    private let table: Mutex<RoutingTable>
    private let generation = Atomic<UInt64>(1)

    /// Begins with `table`.
    package init(_ table: RoutingTable) { self.table = Mutex(table) }

    /// Replaces the table.
    package func publish(_ next: RoutingTable) {
        table.withLock {
            $0 = next
            generation.wrappingAdd(1, ordering: .releasing)
        }
    }

    /// The table when it is newer than `seen`, which this brings up to date: the number is read beside the table that it belongs to.
    func newer(than seen: inout UInt64) -> RoutingTable? {
        guard generation.load(ordering: .relaxed) != seen else { return nil }
        return table.withLock {
            seen = generation.load(ordering: .acquiring)
            return $0
        }
    }
}
