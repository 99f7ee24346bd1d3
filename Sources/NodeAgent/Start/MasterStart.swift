import Glibc
import LinuxIO

/// Starts a master for a valid configuration.
struct MasterStart {
    let options: CommandLineOptions
    let environment: [String: String]

    /// Runs the master. Returns the exit code.
    func run(_ configuration: AgentConfiguration) throws(StartError) -> Int32 {
        guard options.predecessorSocket == nil else {
            throw StartError("-x does not work with a master: leave it out, and reload the running master (SIGUSR2) or stop it first")
        }
        SignalWatch.ignoreBrokenPipes()
        // A second start by mistake does not affect the first: opening the socket fails, and the pid file is not written until this process serves.
        var sockets: [StatsSocket] = []
        if let socket = options.masterSocket { sockets = try MasterSocket(socket).open(replacesOthers: options.replacesOthers) }
        let runsAsDaemon = options.runsAsDaemon(configured: configuration.global.isDaemon)
        let pidFile = try PIDFile.open(options.pidFile ?? configuration.global.pidFile)
        guard runsAsDaemon else { return try serve(sockets, configuration, pidFile) {} }
        switch try StartError.wrapping("cannot run in the background: ", { () throws(SystemError) in try Daemon.fork() }) {
        case .parent(let exitCode): return exitCode
        case .child(let daemon):
            var waiting: Daemon? = consume daemon
            return try serve(sockets, configuration, pidFile) { waiting.take()?.started() }
        }
    }

    private func serve(
        _ sockets: [StatsSocket], _ configuration: AgentConfiguration, _ pidFile: PIDFile?, _ started: @escaping () -> Void
    ) throws(StartError) -> Int32 {
        let settings = Master.Settings(
            arguments: CommandLine.arguments, environment: environment, sockets: sockets, drainsOnTerm: configuration.global.drainsOnTerm
        ) { [options] in
            do throws(StartError) { try pidFile?.write() } catch { Terminal.report(.warning, error.description, timeout: .none) }
            started()
            options.stopReplacedProcesses()
        }
        let entersNamespaces = !StartNamespaces.uses(in: configuration).isEmpty
        try StartError.wrapping { () throws(PrivilegeError) in
            try Privileges.applyToMaster(entersNamespaces: entersNamespaces)
        }
        return try StartError.wrapping("cannot start: ") { () throws(SystemError) in try Master(settings).run() }
    }
}

/// The `-S` option: the master's command socket, with the words of `stats socket` separated by commas.
struct MasterSocket {
    private let text: String
    private let configuration: AgentConfiguration

    /// Parses the value of `-S`.
    init(_ text: String) throws(StartError) {
        self.text = text
        let line = text.split(separator: ",").joined(separator: " ")
        let file = (name: "-S", bytes: Array("global\nstats socket \(line)\n".utf8))
        var (configuration, diagnostics) = ConfigurationReader(environment: [:]).read(files: [file])
        if let alert = diagnostics.first(where: { $0.severity == .alert }) { throw StartError("-S \(text): \(alert)") }
        // As in HAProxy, a client of the master has level admin unless the line sets a level.
        if !line.contains(" level ") {
            for index in configuration.global.statsSockets.indices { configuration.global.statsSockets[index].rights.level = .admin }
        }
        self.configuration = configuration
    }

    /// Throws if a worker would listen at the same place.
    func check(beside global: GlobalSettings) throws(StartError) {
        for settings in configuration.global.statsSockets {
            guard let same = global.statsSockets.first(where: { ListenerPlace($0.bind) == ListenerPlace(settings.bind) }) else { continue }
            throw StartError("-S \(text): the worker has this socket as well, at \(same.location): write another path after '-S'")
        }
    }

    /// Opens the socket. Replaces the path of a running master only with `replacesOthers`.
    func open(replacesOthers: Bool) throws(StartError) -> [StatsSocket] {
        for case .unix(let path) in configuration.global.statsSockets.map(\.endpoint) where !replacesOthers && ListeningSockets.isAnswered(path) {
            let reload = "echo reload | socat -t 60 - UNIX-CONNECT:\(path)"
            throw StartError("-S \(path): a master is already running there: reload it ('\(reload)') or stop it first")
        }
        var opening = StartSockets(
            names: NameResolution(lookup: NameLookup()), threads: 1, accounts: AccountFiles.ofMachine(), inherited: InheritedSockets(),
            namespaces: try StartNamespaces.open(configuration), replacesOthers: replacesOthers)
        return try opening.statsSockets(configuration)
    }
}
