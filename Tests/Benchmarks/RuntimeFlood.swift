import Glibc
import LinuxIO
import Wire

/// Measures how long the control thread is away from its event loop while clients of the runtime socket request whole tables.
///
///     runtime [TSUKADA]     tsukada and HAProxy, one after the other, with the same 2,000 servers
///
/// Flooding clients send lines of 16 KiB, `show stat;show stat;...`, read every answer and repeat. Another client sends `show version` meanwhile. From its
/// connect to the end of its answer the loop returns at least twice, so no single round lasts longer than the longest answer took.
struct RuntimeFlood {
    private static let serversCount = 2000
    private static let seconds = 4
    private static let readBytes = 1 << 18
    private static let line = Array((String(repeating: "show stat;", count: 1600) + "\n").utf8)
    private static let question = Array("show version\n".utf8)

    private let path: String
    private var flooding: [OpenFile?]
    private var asking: OpenFile?
    private var askedAt = MonotonicClock.now()
    private var answered = false
    private var milliseconds: [Double] = []
    private var floodBytes = 0

    /// Runs both programs and prints a line for each number of flooding clients.
    static func run(_ arguments: [String]) throws {
        let executable = try Coordinator.executablePath()
        let beside = "\(executable[..<(executable.lastIndex(of: "/") ?? executable.endIndex)])/tsukada"
        let processors = Processors.split(Processors.allowed())
        print("program   flooding clients   answers   median ms   longest ms   MB of tables")
        for (name, program) in [("tsukada", arguments.first ?? beside), ("haproxy", "haproxy")] {
            let directory = try TemporaryDirectory()
            let socket = "\(directory.path)/stats"
            try directory.write(configuration(socket: socket), to: "runtime.cfg")
            let child = try Child(
                [program, "-db", "-f", "\(directory.path)/runtime.cfg"], on: processors.proxies, output: .file("\(directory.path)/log"))
            defer { child.stop() }
            try waitForAnswer(at: socket, of: child)
            for clients in [0, 1, 20] {
                var flood = RuntimeFlood(path: socket, clients: clients)
                try flood.go()
                guard let spread = Spread(flood.milliseconds) else { throw RunError(message: "\(name) has not answered") }
                let cells = [
                    name.padded(to: 10), "\(clients)".padded(to: 19), "\(flood.milliseconds.count)".padded(to: 10),
                    Report.fixed(spread.median).padded(to: 12), Report.fixed(spread.greatest).padded(to: 13), "\(flood.floodBytes >> 20)",
                ]
                print(cells.joined())
            }
        }
    }

    private init(path: String, clients: Int) { (self.path, flooding) = (path, Array(repeating: nil, count: clients)) }

    private mutating func go() throws {
        let end = MonotonicClock.now().advanced(by: .seconds(Self.seconds))
        while MonotonicClock.now() < end {
            try Interruption.check()
            for index in flooding.indices { try flood(index) }
            try ask()
            wait()
        }
    }

    private mutating func flood(_ index: Int) throws {
        guard let file = flooding[index] else {
            flooding[index] = try Self.open(path, saying: Self.line)
            return
        }
        guard let bytes = try Sockets.receive(file.raw, upTo: Self.readBytes) else { return }
        floodBytes += bytes.count
        if bytes.isEmpty { flooding[index] = nil }
    }

    /// Sends a request, and counts a complete answer: a connection that ends without one counts as no answer.
    private mutating func ask() throws {
        guard let file = asking else {
            (askedAt, answered) = (MonotonicClock.now(), false)
            asking = try Self.open(path, saying: Self.question)
            return
        }
        guard let bytes = try Sockets.receive(file.raw, upTo: Self.readBytes) else { return }
        answered = answered || !bytes.isEmpty
        guard bytes.isEmpty else { return }
        if answered { milliseconds.append(Double(askedAt.duration(to: MonotonicClock.now()).wholeNanoseconds) / 1e6) }
        asking = nil
    }

    /// Waits until a connection is ready, for at most a millisecond.
    private func wait() {
        var polled = (flooding + [asking]).compactMap { $0.map { pollfd(fd: $0.raw, events: Int16(POLLIN), revents: 0) } }
        _ = poll(&polled, nfds_t(polled.count), 1)
    }

    private static func open(_ path: String, saying line: [UInt8]) throws(SystemError) -> OpenFile? {
        let file = OpenFile(try Sockets.open(.stream, for: .unix(path)))
        do throws(SystemError) {
            _ = try Sockets.connect(file.raw, to: .unix(path))
        } catch {
            // The queue of the socket is full: the next round tries again.
            guard error.code == EAGAIN else { throw error }
            return nil
        }
        guard try Sockets.send(file.raw, line[...]) == line.count else { throw SystemError("send", code: EAGAIN) }
        return file
    }

    private static func waitForAnswer(at path: String, of child: Child) throws {
        for _ in 0..<100 where child.isRunning() {
            if let file = try? open(path, saying: question) {
                var polled = pollfd(fd: file.raw, events: Int16(POLLIN), revents: 0)
                if poll(&polled, 1, 1000) == 1 { return }
            }
            try Interruption.pause(.milliseconds(50))
        }
        throw RunError(message: "no answer at \(path)")
    }

    private static func configuration(socket: String) -> String {
        let servers = (1...serversCount).map { "    server s\($0) 127.0.30.1:\($0)\n" }.joined()
        return """
            global
                nbthread 1
                stats maxconn 100
                stats socket \(socket) level user
            defaults
                mode tcp
                timeout connect 1s
                timeout client 1m
                timeout server 1m
            listen mysql
                bind \(ProxyNetwork.listenerHost(9)):3306
            \(servers)
            """
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
