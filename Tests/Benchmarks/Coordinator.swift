import Glibc
import LinuxIO
import Wire

/// Starts servers and proxies, runs loads on them slice by slice, and collects the loads' reports.
final class Coordinator {
    private let options: Options
    private let executable: String
    private let directory: TemporaryDirectory
    private let processors: (proxies: String, load: String)
    private let idleConnectionCount: Int
    private let connectionsMax: Int
    private var server: Child?
    private var networks: [ProxyKind: ProxyNetwork] = [:]
    private var slices: [Slice] = []

    /// Prepares a run, with a temporary directory.
    init(_ options: Options) throws {
        self.options = options
        processors = Processors.split(Processors.allowed(), threads: options.threads)
        directory = try TemporaryDirectory()
        executable = try Coordinator.executablePath()
        // A proxy holds two descriptors per connection, and about a hundred for itself.
        let affordable = max(100, (DescriptorLimit.current() - 1000) / 2)
        idleConnectionCount = min(options.idleConnectionCount, affordable)
        connectionsMax = max(1000, min(affordable, idleConnectionCount + 500))
    }

    /// The whole run.
    func run() throws -> Report {
        let start = Activity()
        try measure()
        server?.stop()
        let settings = Report.Settings(
            threads: options.threads, rounds: options.rounds, sliceMilliseconds: options.sliceMilliseconds, warmUpMilliseconds: options.warmUpMilliseconds,
            idleConnectionCount: idleConnectionCount)
        let machine = Machine(since: start)
        return Report(machine: machine, settings: settings, versions: try versions(), rows: Row.rows(of: slices), slices: slices)
    }

    private func measure() throws {
        try startServer()
        if options.shapes.contains(.idle) { try measureIdle() }
        let shapes = options.shapes.filter { $0 != .idle }
        guard !shapes.isEmpty else { return }
        let proxies = try options.proxies.map(startProxy)
        defer { proxies.forEach { $0.child.stop() } }
        for shape in shapes {
            for round in 0..<options.rounds {
                progress("\(shape.rawValue): round \(round + 1) of \(options.rounds)")
                for turn in proxies.indices {
                    let proxy = proxies[(turn + round) % proxies.count]
                    try measure(shape, through: proxy, round: round)
                    try Interruption.pause(.milliseconds(60))
                }
            }
        }
        progress("")
    }

    /// Memory grows only once: every round has new proxies, one at a time.
    private func measureIdle() throws {
        for round in 0..<options.idleRounds {
            for turn in options.proxies.indices {
                let kind = options.proxies[(turn + round) % options.proxies.count]
                progress("idle: round \(round + 1) of \(options.idleRounds), \(kind.rawValue)")
                let proxy = try startProxy(kind)
                defer { proxy.child.stop() }
                try measure(.idle, through: proxy, round: round)
            }
        }
    }

    private func measure(_ shape: Shape, through proxy: RunningProxy, round: Int) throws {
        let count = shape == .idle ? idleConnectionCount : shape.connectionCount
        let milliseconds = shape == .idle ? 700 : options.sliceMilliseconds
        let load = try Child(
            [
                executable, "load", shape.rawValue, proxy.network.listener(shape.service), String(count), String(options.warmUpMilliseconds),
                String(milliseconds), proxy.family.map(String.init).joined(separator: ","),
            ], on: processors.load, output: .pipe)
        defer { load.stop() }
        let output = try load.readOutput()
        guard let report = LoadReport(line: output) else { throw RunError(message: "the load of \(shape.rawValue) ended without a report: \(output)") }
        guard proxy.child.isRunning() else { throw RunError(message: "\(proxy.kind.rawValue) ended during \(shape.rawValue):\n\(proxy.output)") }
        // A process that has started since would have used CPU time that is not counted.
        guard ProcessAccounting.family(of: proxy.child.identifier) == proxy.family else {
            throw RunError(message: "\(proxy.kind.rawValue) lost or started a process during \(shape.rawValue):\n\(proxy.output)")
        }
        slices.append(Slice(shape: shape, proxy: proxy.kind, round: round, report: report))
    }

    private func startServer() throws {
        var listeners: [(kind: ProxyKind, number: Int, service: Service)] = []
        for (number, kind) in options.proxies.enumerated() {
            for service in Service.allCases { listeners += [(kind, number, service), (kind, number, service)] }
        }
        let names = listeners.map { "\($0.service.rawValue)@\(ProxyNetwork.serverHost($0.number))" }
        let child = try Child([executable, "server"] + names, on: processors.load, output: .pipe)
        server = child
        let ports = try child.readLine().split(whereSeparator: { $0 == " " || $0 == "\n" }).compactMap { UInt16($0) }
        guard ports.count == listeners.count else { throw RunError(message: "the servers did not start") }
        for (number, kind) in options.proxies.enumerated() {
            var serverPorts: [Service: [UInt16]] = [:]
            for (listener, port) in zip(listeners, ports) where listener.kind == kind { serverPorts[listener.service, default: []].append(port) }
            var own: [Service: UInt16] = [:]
            for service in Service.allCases { own[service] = try FreePort.find(on: ProxyNetwork.listenerHost(number), not: Array(own.values)) }
            networks[kind] = ProxyNetwork(number: number, ports: own, serverPorts: serverPorts)
        }
    }

    private func startProxy(_ kind: ProxyKind) throws -> RunningProxy {
        guard let network = networks[kind] else { throw RunError(message: "no network for \(kind.rawValue)") }
        let configuration = kind.configuration(
            for: network, threads: options.threads, connectionsMax: connectionsMax, directory: directory.path)
        try directory.write(configuration, to: kind.configurationName)
        let log = "\(directory.path)/\(kind.rawValue).log"
        let command = kind.command(executable: try path(of: kind), directory: directory.path)
        let child = try Child(command, on: processors.proxies, output: .file(log))
        guard let address = Subcommands.address(network.listener(.plain)) else { throw RunError(message: "no address for \(kind.rawValue)") }
        for _ in 0..<100 {
            guard child.isRunning() else { break }
            // Two exchanges reach both servers; a listener alone does not prove that a thread runs.
            let probe = LoadSettings(shape: .connections, destination: address, connectionCount: 2, warmUp: .zero, window: .milliseconds(20))
            let report = try Subcommands.run(probe)
            if report.errorCount == 0, report.count > 1 {
                return RunningProxy(kind: kind, child: child, network: network, family: ProcessAccounting.family(of: child.identifier), log: log)
            }
            try Interruption.pause(.milliseconds(50))
        }
        child.stop()
        throw RunError(message: "\(kind.rawValue) did not start (\(command.joined(separator: " "))):\n\(ProcessAccounting.read(log))")
    }

    private func path(of kind: ProxyKind) throws -> String {
        switch kind {
        case .tsukada: options.tsukada ?? "\(executable[..<(executable.lastIndex(of: "/") ?? executable.endIndex)])/tsukada"
        case .haproxy, .haproxySplice: "haproxy"
        case .nginx: "nginx"
        }
    }

    private func versions() throws -> [String: String] {
        var versions: [String: String] = [:]
        for kind in options.proxies {
            let log = "\(directory.path)/version.log"
            let child = try Child([try path(of: kind), "-v"], on: processors.load, output: .file(log))
            for _ in 0..<200 where child.isRunning() { try Interruption.pause(.milliseconds(10)) }
            child.stop()
            versions[kind.rawValue] = ProcessAccounting.read(log).split(separator: "\n").first.map(String.init) ?? "unknown"
        }
        return versions
    }

    private func progress(_ text: String) {
        guard isatty(2) == 1 else { return }
        let line = Array("\r\u{1b}[K\(text)".utf8)
        _ = write(2, line, line.count)
    }

    /// This program's own file.
    static func executablePath() throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { readlink("/proc/self/exe", $0.baseAddress.unsafelyUnwrapped, $0.count) }
        guard count > 0 else { throw SystemError.last("readlink") }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}

/// A proxy that has answered a request.
struct RunningProxy {
    /// The kind of proxy.
    let kind: ProxyKind
    /// Its first process.
    let child: Child
    /// Its addresses.
    let network: ProxyNetwork
    /// All its processes.
    let family: [pid_t]
    /// The file with its output.
    let log: String

    /// Its output so far.
    var output: String { ProcessAccounting.read(log) }
}

/// The reason why a run ended early.
struct RunError: Error, CustomStringConvertible {
    /// The description of the reason.
    let message: String
    /// See `message`.
    var description: String { message }
}

/// A free port.
enum FreePort {
    /// Asks the kernel for a port on `host` that is not in `taken`.
    static func find(on host: String, not taken: [UInt16]) throws -> UInt16 {
        guard let address = IPAddress(host) else { throw RunError(message: "no address: \(host)") }
        for _ in 0..<100 {
            let socket = try Sockets.open(.stream, for: .ip(address, port: 0))
            try Sockets.bind(socket.raw, to: .ip(address, port: 0))
            if let port = Sockets.localAddress(socket.raw)?.port, !taken.contains(port) { return port }
        }
        throw RunError(message: "no free port on \(host)")
    }
}

/// A directory that is removed with its owner, including its content.
final class TemporaryDirectory {
    /// The path.
    let path: String

    /// Creates it under TMPDIR or /tmp.
    init() throws(SystemError) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/tsukada-benchmark.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .last("mkdtemp \(parent)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        guard let stream = opendir(path) else { return }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { unlink("\(path)/\(name)") }
        }
        closedir(stream)
        rmdir(path)
    }

    /// Writes a small file into it.
    func write(_ text: String, to name: String) throws(SystemError) {
        let raw = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard raw >= 0 else { throw .last("open \(name)") }
        defer { _ = close(raw) }
        let bytes = Array(text.utf8)
        guard Glibc.write(raw, bytes, bytes.count) == bytes.count else { throw .last("write \(name)") }
    }
}
