import LinuxIO
import Wire

/// What a connection costs that has to wait for a server's place, or for which the server with the fewest connections is sought.
enum TrafficRows {
    /// Milliseconds.
    private static let warmUp = 500
    /// Milliseconds.
    private static let window = 1200

    /// Every server takes one connection at a time, and half as many clients as servers wait.
    static func queue(_ site: ScaleSite, _ options: ScaleOptions) throws -> [ScaleCase] {
        try cases(site, "queue", options.sizes(20, 200, 2000), clients: { $0 + $0 / 2 }) { size, port in
            ScaleFile(serverWords: "maxconn 1", servers: size, serverPorts: [port])
        }
    }

    /// The same 64 clients at a time, more and more servers.
    static func leastconn(_ site: ScaleSite, _ options: ScaleOptions) throws -> [ScaleCase] {
        try cases(site, "leastconn", options.sizes(20, 400, 4000), clients: { _ in Shape.connections.connectionCount }) { size, port in
            ScaleFile(balance: .leastconn, servers: size, serverPorts: [port])
        }
    }

    private static func cases(
        _ site: ScaleSite, _ name: String, _ sizes: [Int], clients: @escaping (Int) -> Int, file: (Int, UInt16) -> ScaleFile
    ) throws -> [ScaleCase] {
        let servers = try site.startServers(1)
        return sizes.map { size in
            ScaleCase(size: size, figures: [ScaleFigure(name: name, unit: "µs CPU")], file: file(size, servers.ports[0])) { program in
                guard servers.child.isRunning() else { throw RunError(message: "the servers have ended") }
                let load = try site.startLoad(.connections, connections: clients(size), warmUp: warmUp, window: window, through: program)
                defer { load.stop() }
                let report = try site.report(of: load)
                return [ScaleValue(number: Double(report.processorNanoseconds) / 1000 / Double(report.count))]
            }
        }
    }
}
