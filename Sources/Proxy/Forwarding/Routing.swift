import LinuxIO
import Synchronization
import Wire

/// What the workers are told of one server.
package struct RoutedServer: Sendable {
    /// Where to connect; meaningless while `hasAddress` is false.
    var address = RawSocketAddress()
    /// The server has an address.
    var hasAddress = false
    /// Its weight, 0 to 256.
    var weight: Int32 = 0
    /// It has turns: a weight above 0 and, for a backup, no active server left.
    var turns = false
    /// `maxconn`; 0 for no limit.
    var connectionsMax: Int32 = 0
    /// The port is the client's plus `portOffset`.
    var usesClientPort = false
    /// See `usesClientPort`.
    var portOffset: Int32 = 0
    /// The backend it belongs to.
    var backend: UInt16 = 0
    /// The header that it expects first.
    var proxyHeader: ProxyHeaderForm?
    /// It counts clients that leave before they log in against this host: such handshakes are finished.
    var finishesHandshakes = false
}

/// What the workers are told of one backend: ranges of the table's flat arrays.
package struct RoutedBackend: BitwiseCopyable, Sendable {
    /// Its servers: `firstServer ..< firstServer + serverCount`.
    var firstServer: UInt32 = 0
    var serverCount: UInt32 = 0
    /// The turns of its usable servers: offsets from `firstServer`.
    var firstTurn: UInt32 = 0
    var turnCount: UInt32 = 0
}

/// A server as the control thread describes it.
package struct ServerRoute: Equatable, Sendable {
    /// Where to connect, `nil` while it has no address.
    package var address: SocketAddress?
    /// It takes new sessions: up, not in maintenance, not draining.
    package var isUsable: Bool
    /// Its weight, 0 to 256.
    package var weight: Int

    /// A server's route.
    package init(address: SocketAddress?, isUsable: Bool, weight: Int) {
        self.address = address
        self.isUsable = isUsable
        self.weight = weight
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
            let weights = RoutingTable.turnWeights(of: backend, routes[index])
            let order = Rotation.order(weights: weights)
            routed.append(
                RoutedBackend(
                    firstServer: UInt32(servers.count), serverCount: UInt32(backend.servers.count), firstTurn: UInt32(turns.count),
                    turnCount: UInt32(order.count)))
            turns.append(contentsOf: order)
            for (place, server) in backend.servers.enumerated() {
                var one = RoutingTable.routed(server, routes[index][place], backend: index, finishesHandshakes: backend.finishesHandshakes(of: server))
                one.turns = weights[place] > 0
                servers.append(one)
            }
        }
        self.servers = FrozenTable(servers)
        self.backends = FrozenTable(routed)
        self.turns = FrozenTable(turns)
    }

    private static func routed(_ server: Server, _ route: ServerRoute, backend: Int, finishesHandshakes: Bool) -> RoutedServer {
        var routed = RoutedServer()
        if let address = route.address {
            routed.address = RawSocketAddress(address)
            routed.hasAddress = true
        }
        routed.weight = Int32(clamping: route.weight)
        routed.connectionsMax = Int32(clamping: server.connectionsMax)
        // A path has no port to put the client's in.
        if case .client(let offset) = server.port, route.address?.port != nil {
            (routed.usesClientPort, routed.portOffset) = (true, Int32(clamping: offset))
        }
        routed.backend = UInt16(backend)
        routed.proxyHeader = server.proxyHeader
        routed.finishesHandshakes = finishesHandshakes
        return routed
    }

    /// The weights that turns are made of: the active servers' or, when none of them is usable, the first usable backup's alone.
    private static func turnWeights(of backend: Backend, _ routes: [ServerRoute]) -> [Int] {
        let usable = zip(backend.servers, routes).map { $1.isUsable && $1.address != nil ? $1.weight : 0 }
        let active = zip(backend.servers, usable).map { $0.isBackup ? 0 : $1 }
        if active.contains(where: { $0 > 0 }) { return active }
        guard let backup = backend.servers.indices.first(where: { backend.servers[$0].isBackup && usable[$0] > 0 }) else { return active }
        return usable.indices.map { $0 == backup ? usable[$0] : 0 }
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
