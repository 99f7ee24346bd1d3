import Glibc
import LinuxIO
import Wire

/// The common parts of all cases of the scale benchmark: a directory, ports, processors, targets.
final class ScaleSite {
    /// Files of the run.
    let directory: TemporaryDirectory
    /// This program.
    let executable: String
    /// The processors of the proxies and of the load.
    let processors = Processors.split(Processors.allowed())
    /// The targets of checks.
    let targets: CheckTargets
    /// The port of every section of a proxy.
    let port: UInt16

    private let tsukada: String

    /// Raises the limit of descriptors and keeps this process off the proxies' processor.
    init(_ options: ScaleOptions) throws {
        DescriptorLimit.raise(to: 20_000)
        directory = try TemporaryDirectory()
        executable = try Coordinator.executablePath()
        tsukada = options.tsukada ?? "\(executable[..<(executable.lastIndex(of: "/") ?? executable.endIndex)])/tsukada"
        port = try FreePort.find(on: "0.0.0.0", not: [])
        let pin = try Child(["taskset", "-apc", processors.load, String(getpid())], on: processors.load, output: .pipe)
        _ = try pin.readOutput()
        targets = try CheckTargets(not: port)
    }

    deinit { targets.stop() }

    /// The runtime socket.
    var socket: String { "\(directory.path)/runtime" }

    /// The path of a program.
    func path(of program: ProxyKind) -> String { program == .tsukada ? tsukada : "haproxy" }

    /// Starts servers for traffic, `count` listeners at every loopback address. They end with the returned child.
    func startServers(_ count: Int, niceness: Int = 0) throws -> (child: Child, ports: [UInt16]) {
        let command = ["nice", "-n", String(niceness), executable, "server"] + [String](repeating: "\(Service.plain.rawValue)@0.0.0.0", count: count)
        let child = try Child(command, on: processors.load, output: .pipe)
        let ports = try child.readLine().split(whereSeparator: { $0 == " " || $0 == "\n" }).compactMap { UInt16($0) }
        guard ports.count == count else { throw RunError(message: "the servers did not start") }
        return (child, ports)
    }

    /// Starts traffic through the first section of `program`; `report` waits for its end.
    func startLoad(_ shape: Shape, connections: Int, warmUp: Int, window: Int, through program: ScaleProgram, niceness: Int = 0) throws -> Child {
        let measured = program.processes.map(String.init).joined(separator: ",")
        let words = [shape.rawValue, ScaleFile.listener(0, port: port), String(connections), String(warmUp), String(window), measured]
        return try Child(["nice", "-n", String(niceness), executable, "load"] + words, on: processors.load, output: .pipe)
    }

    /// The counts of a load that has ended.
    func report(of load: Child) throws -> LoadReport {
        let output = try load.readOutput()
        guard let report = LoadReport(line: output) else { throw RunError(message: "a load ended without a report: \(output)") }
        guard report.errorCount == 0, report.count > 0 else {
            throw RunError(message: "\(report.errorCount) failed exchanges of \(report.count), the first: \(report.firstError)")
        }
        return report
    }
}

extension DescriptorLimit {
    /// Raises the limit of this process and its children to `wanted`, or as far as it may.
    static func raise(to wanted: Int) {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < wanted else { return }
        var raised = rlimit(rlim_cur: rlim_t(wanted), rlim_max: max(limit.rlim_max, rlim_t(wanted)))
        if setrlimit(resource, &raised) == 0 { return }
        raised = rlimit(rlim_cur: min(rlim_t(wanted), limit.rlim_max), rlim_max: limit.rlim_max)
        setrlimit(resource, &raised)
    }
}
