import LinuxIO
import Wire

/// The cost of a connection that waits for a free place, and of one to the server with the fewest connections.
enum TrafficRows {
    /// Milliseconds.
    private static let warmUp = 300
    /// Milliseconds.
    private static let window = 1200
    private static let freePlaces = 8
    /// Milliseconds: longer than the measurement, which ends the held sessions.
    private static let holdingMax = 20_000
    private static let openingMax = Duration.seconds(5)

    /// Every server takes one session at a time, idle sessions hold all places but eight, and 64 clients compete for those.
    static func queue(_ site: ScaleSite, _ options: ScaleOptions) throws -> [ScaleCase] {
        let servers = try site.startServers(1)
        return options.sizes(20, 200, 2000).map { size in
            let file = ScaleFile(serverWords: "maxconn 1", servers: size, serverPorts: servers.ports)
            return ScaleCase(size: size, figures: [ScaleFigure(name: "queue", unit: "µs CPU")], file: file) { program in
                let held = try site.startLoad(.idle, connections: size - freePlaces, warmUp: 0, window: holdingMax, through: program)
                defer { held.stop() }
                try waitForSessions(size - freePlaces, in: program)
                return try measure(program, site, servers.child)
            }
        }
    }

    /// The same 64 clients, more and more servers.
    static func leastconn(_ site: ScaleSite, _ options: ScaleOptions) throws -> [ScaleCase] {
        let servers = try site.startServers(1)
        return options.sizes(20, 400, 4000).map { size in
            let file = ScaleFile(balance: .leastconn, servers: size, serverPorts: servers.ports)
            return ScaleCase(size: size, figures: [ScaleFigure(name: "leastconn", unit: "µs CPU")], file: file) { program in
                try measure(program, site, servers.child)
            }
        }
    }

    private static func measure(_ program: ScaleProgram, _ site: ScaleSite, _ servers: Child) throws -> [ScaleValue] {
        guard servers.isRunning() else { throw RunError(message: "the servers have ended") }
        let load = try site.startLoad(
            .connections, connections: Shape.connections.connectionCount, warmUp: warmUp, window: window, through: program)
        defer { load.stop() }
        let report = try site.report(of: load)
        return [ScaleValue(number: Double(report.processorNanoseconds) / 1000 / Double(report.count))]
    }

    private static func waitForSessions(_ count: Int, in program: ScaleProgram) throws {
        let end = MonotonicClock.now().advanced(by: openingMax)
        while try program.backendValue("scur") != count {
            guard MonotonicClock.now() < end else { throw RunError(message: "\(count) sessions were not opened") }
            try Interruption.pause(.milliseconds(20))
        }
    }
}
