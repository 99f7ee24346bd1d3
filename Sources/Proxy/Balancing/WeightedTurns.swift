import Wire

/// Turns in proportion to weights, in the order of HAProxy's `balance roundrobin`, even while servers are added, removed and reweighted.
///
/// Turns are numbered and grouped into windows. A window has as many turns as the sum of the weights. A server's next turn is sum / weight turns after its last
/// one. A turn beyond the end of the window moves to the next window, which begins with the heaviest servers.
///
///     opening --first turn--> running --turn--> running ... --beyond the window--> coming; at the window's end, coming becomes opening
///
/// - SeeAlso: HAProxy's lb_fwrr.c, the source of the order.
struct WeightedTurns: Sendable {
    /// The maximum weight: 256 units of sixteen sixteenths.
    static let weightMax = 4096
    private static let keysPerTurn = 256
    private static let weightsPerKey = 16

    /// A server's position in the order. It is kept while the server is suspended.
    struct Turn: Sendable {
        /// The number of its next turn.
        fileprivate var at = 0
        /// The number of its last turn.
        fileprivate var last = 0
        /// The accumulated remainder of the distances between turns, which are rounded down to whole turns.
        fileprivate var remainder = 0
        /// The index of the heap that contains it; `nil` while suspended.
        fileprivate var heap: Int?
        /// The number of the window of `at`.
        fileprivate var window = 0
    }

    /// Servers with their weights, turns and places in the heaps.
    struct Servers: Sendable {
        /// 0 to `weightMax`, by server.
        var weights: [Int]
        fileprivate var turns: [Turn]
        /// Each server's place in its heap.
        var places: IndexedHeap.Places

        /// Creates servers without turns.
        init(count: Int) {
            weights = Array(repeating: 0, count: count)
            turns = Array(repeating: Turn(), count: count)
            places = Array(repeating: -1, count: count)
        }
    }

    private static let running = 0
    private var heaps = [IndexedHeap(), IndexedHeap(), IndexedHeap()]
    private var opening = 1
    private var coming: Int { 3 - opening }
    private var count = 0
    /// The sum of the weights.
    private(set) var total = 0
    /// The length of the current window, and its number.
    private var window = 0
    private var windowNumber = 0
    /// The number of the next turn, from `window` to twice that.
    private var position = 0
    /// The weights of suspended servers.
    private var suspended = 0
    /// The remainder of lost turns after whole turns are counted.
    private var lost = 0
    private var arrivals: UInt64 = 0

    /// Adds a server. At the start all servers open the first window; later the weight determines how soon the first turn comes.
    mutating func add(_ server: Int, weight: Int, atStart: Bool, _ servers: inout Servers) {
        count += 1
        // Any heap may have to hold every server, and taking a turn must not allocate.
        for heap in heaps.indices { heaps[heap].makeRoom(for: count) }
        servers.weights[server] = weight
        total += weight
        servers.turns[server].window = windowNumber
        if atStart {
            (window, position) = (total, total)
            open(server, heap: opening, &servers)
        } else {
            servers.turns[server].at = position + max(0, total + window - position) / weight
            queue(server, &servers)
        }
    }

    /// Removes a server.
    mutating func remove(_ server: Int, _ servers: inout Servers) {
        if servers.turns[server].heap == nil { suspended -= servers.weights[server] }
        dequeue(server, &servers)
        count -= 1
        total -= servers.weights[server]
        servers.weights[server] = 0
    }

    /// Suspends a server's turns until `resume`. Its weight still counts in the distances of the others.
    mutating func suspend(_ server: Int, _ servers: inout Servers) {
        guard servers.turns[server].heap != nil else { return }
        dequeue(server, &servers)
        suspended += servers.weights[server]
    }

    /// Resumes a server's turns. Turns that have passed in the meantime are lost.
    mutating func resume(_ server: Int, _ servers: inout Servers) {
        guard servers.turns[server].heap == nil else { return }
        suspended -= servers.weights[server]
        guard servers.turns[server].window <= windowNumber else { return open(server, heap: coming, &servers) }
        let isCurrent = servers.turns[server].window == windowNumber
        servers.turns[server].at = isCurrent ? max(servers.turns[server].at, position) : position
        queue(server, &servers)
    }

    /// Changes a server's weight. The new weight must be above 0.
    mutating func setWeight(_ weight: Int, of server: Int, _ servers: inout Servers) {
        let heap = servers.turns[server].heap
        if heap == coming { servers.turns[server].at = window }
        dequeue(server, &servers)
        let difference = weight - servers.weights[server]
        total += difference
        servers.weights[server] = weight
        guard let heap else {
            suspended += difference
            return
        }
        guard heap != opening else { return open(server, heap: opening, &servers) }
        let (planned, step) = (servers.turns[server].at, total / weight)
        servers.turns[server].remainder = 0
        servers.turns[server].at = min(planned, servers.turns[server].last + step)
        if servers.turns[server].at < position + 2 { servers.turns[server].at = position + step }
        queue(server, &servers)
    }

    /// Takes the next turn and returns its server; `nil` when no server has turns.
    mutating func next(_ servers: inout Servers) -> Int? {
        if window == 0 { (window, position) = (total, total) }
        if candidate(&servers) == nil { beginWindow() }
        guard let server = candidate(&servers) else { return nil }
        if servers.turns[server].heap == opening { (servers.turns[server].at, servers.turns[server].remainder) = (position, 0) }
        dequeue(server, &servers)
        let weight = servers.weights[server]
        servers.turns[server].last = servers.turns[server].at
        servers.turns[server].at += total / weight
        servers.turns[server].remainder += total % weight
        if servers.turns[server].remainder >= weight {
            servers.turns[server].remainder -= weight
            servers.turns[server].at += 1
        }
        position += 1
        skipLostTurns()
        queue(server, &servers)
        return server
    }

    /// Skips the turns that suspended servers would have had. A server that resumes finds the others where they would be without the suspension.
    private mutating func skipLostTurns() {
        let active = total - suspended
        guard suspended > 0, active > 0 else { return }
        lost += suspended
        position += lost / active
        lost %= active
    }

    /// The running server whose turn is due; otherwise the heaviest server that opens the window; otherwise the next running server.
    private mutating func candidate(_ servers: inout Servers) -> Int? {
        let next = heaps[Self.running].readFirst()?.number
        if let next, servers.turns[next].at <= position { return next }
        return heaps[opening].readFirst()?.number ?? next
    }

    private mutating func beginWindow() {
        opening = coming
        (window, position) = (total, total)
        windowNumber += 1
    }

    private mutating func dequeue(_ server: Int, _ servers: inout Servers) {
        guard let heap = servers.turns[server].heap else { return }
        heaps[heap].remove(server, &servers.places)
        servers.turns[server].heap = nil
    }

    /// Inserts a server into the heap of its next turn.
    private mutating func queue(_ server: Int, _ servers: inout Servers) {
        let at = servers.turns[server].at
        guard at < 2 * window, at < window + total else {
            servers.turns[server].at -= window
            servers.turns[server].window = windowNumber + 1
            return open(server, heap: coming, &servers)
        }
        servers.turns[server].window = windowNumber
        let weight = servers.weights[server]
        let order = (Self.weightMax + servers.turns[server].remainder - weight) / Self.weightsPerKey
        insert(server, key: Self.keysPerTurn * at + order, heap: Self.running, &servers)
    }

    /// Inserts a server into the heap of servers that open a window, the heaviest first.
    private mutating func open(_ server: Int, heap: Int, _ servers: inout Servers) {
        insert(server, key: Self.weightMax - servers.weights[server], heap: heap, &servers)
    }

    private mutating func insert(_ server: Int, key: Int, heap: Int, _ servers: inout Servers) {
        arrivals += 1
        servers.turns[server].heap = heap
        heaps[heap].insert(IndexedHeap.Entry(server, key: key, arrival: arrivals), &servers.places)
    }
}
