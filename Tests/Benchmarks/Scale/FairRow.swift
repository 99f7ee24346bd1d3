import Glibc
import LinuxIO
import Wire

/// How long a small session waits for its answer beside 32 bulk sessions through the same thread, and the cost of the bulk meanwhile.
///
/// This process holds both ends of the small session, so that only the proxy is between them. The bulk load and its servers run at a lower priority (nice), because
/// they share processors with this process.
enum FairRow {
    private static let bulkCount = 32
    private static let niceness = 10
    private static let exchangeBytes = 64
    /// Milliseconds.
    private static let warmUp = 500
    /// Milliseconds.
    private static let window = 2000
    private static let patience: Int32 = 2000

    /// One case: the first section is for the bulk, the second one for the small session.
    static func cases(_ site: ScaleSite, _ options: ScaleOptions) throws -> [ScaleCase] {
        let servers = try site.startServers(1, niceness: niceness)
        let listener = OpenFile(try Sockets.open(.stream, for: .ip(.anyV4, port: 0)))
        try Sockets.bind(listener.raw, to: .ip(.anyV4, port: 0))
        try Sockets.listen(listener.raw, backlog: 4)
        let ports = [servers.ports[0], Sockets.localAddress(listener.raw)?.port ?? 0]
        let figures = [
            ScaleFigure(name: "fair, median", unit: "ms"), ScaleFigure(name: "fair, 99th percentile", unit: "ms"),
            ScaleFigure(name: "fair, bulk", unit: "MB/CPU-s"),
        ]
        let item = ScaleCase(size: bulkCount, figures: figures, file: ScaleFile(sections: 2, servers: 1, serverPorts: ports)) { program in
            guard servers.child.isRunning() else { throw RunError(message: "the servers have ended") }
            let ends = try connect(to: ScaleFile.listener(1, port: site.port), acceptingAt: listener)
            let load = try site.startLoad(.download, connections: bulkCount, warmUp: warmUp, window: window, through: program, niceness: niceness)
            defer { load.stop() }
            try Interruption.pause(.milliseconds(warmUp))
            let times = try roundTrips(between: ends, until: MonotonicClock.now().advanced(by: .milliseconds(window)))
            let report = try site.report(of: load)
            let bulk = Double(report.count) / 1e6 / (Double(report.processorNanoseconds) / 1e9)
            return [percentile(50, of: times), percentile(99, of: times), bulk].map { ScaleValue(number: $0) }
        }
        return [item]
    }

    /// The value below which `percent` percent of the values lie.
    static func percentile(_ percent: Int, of values: [Double]) -> Double {
        values.isEmpty ? 0 : values.sorted()[min(values.count - 1, values.count * percent / 100)]
    }

    /// A session through the proxy, with both of its ends in this process.
    private static func connect(to destination: String, acceptingAt listener: OpenFile) throws -> (client: OpenFile, server: OpenFile) {
        guard let address = Subcommands.address(destination) else { throw RunError(message: "no address: \(destination)") }
        let client = OpenFile(try Sockets.open(.stream, for: address))
        _ = try Sockets.connect(client.raw, to: address)
        try wait(for: listener)
        guard let server = try Sockets.accept(listener.raw) else { throw RunError(message: "the small session did not reach its server") }
        let ends = (client: client, server: OpenFile(server))
        for end in [ends.client, ends.server] { try Sockets.set(Int32(TCP_NODELAY), at: Int32(IPPROTO_TCP), to: 1, on: end.raw) }
        _ = try pass(from: ends.client, to: ends.server)
        return ends
    }

    /// The duration of each exchange, one after the other, in milliseconds.
    private static func roundTrips(between ends: (client: OpenFile, server: OpenFile), until end: Instant) throws -> [Double] {
        var times: [Double] = []
        while MonotonicClock.now() < end {
            let start = MonotonicClock.now()
            try pass(from: ends.client, to: ends.server)
            try pass(from: ends.server, to: ends.client)
            times.append(Double(start.duration(to: MonotonicClock.now()).wholeNanoseconds) / 1e6)
        }
        return times
    }

    /// One message of the small session.
    private static func pass(from sender: OpenFile, to receiver: OpenFile) throws {
        let message = [UInt8](repeating: UInt8(ascii: "m"), count: exchangeBytes)
        guard try Sockets.send(sender.raw, message[...]) == message.count else { throw SystemError("send", code: EAGAIN) }
        var count = 0
        while count < exchangeBytes {
            try wait(for: receiver)
            guard let bytes = try Sockets.receive(receiver.raw, upTo: exchangeBytes) else { continue }
            guard !bytes.isEmpty else { throw RunError(message: "the small session was closed") }
            count += bytes.count
        }
    }

    private static func wait(for file: OpenFile) throws {
        var polled = pollfd(fd: file.raw, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, patience) == 1 else {
            try Interruption.check()
            throw RunError(message: "the small session received no byte within \(patience) ms")
        }
    }
}
