import Glibc
import LinuxIO

/// From a configuration that is good to a running master.
struct MasterStart {
    let options: CommandLineOptions
    let environment: [String: String]

    /// Runs the master. Returns the exit code.
    func run(_ global: GlobalSettings) throws(StartError) -> Int32 {
        guard options.predecessorSocket == nil else {
            throw StartError("-x is for a process without a master: leave it out, and tell the running master to reload (SIGUSR2), or stop it first")
        }
        SignalWatch.ignoreBrokenPipes()
        let sockets = try sockets()
        let runsAsDaemon = options.runsAsDaemon(configured: global.isDaemon)
        let pidFile = options.pidFile ?? global.pidFile
        guard runsAsDaemon else {
            try PIDFile.write(to: pidFile)
            return try serve(sockets, global) {}
        }
        switch try StartError.wrapping("cannot go to the background: ", { () throws(SystemError) in try Daemon.fork() }) {
        case .parent(let exitCode): return exitCode
        case .child(let daemon):
            try PIDFile.write(to: pidFile)
            var waiting: Daemon? = consume daemon
            return try serve(sockets, global) { waiting.take()?.started() }
        }
    }

    private func serve(_ sockets: [Agent.StatsSocket], _ global: GlobalSettings, _ started: @escaping () -> Void) throws(StartError) -> Int32 {
        let settings = Master.Settings(
            arguments: CommandLine.arguments, environment: environment, sockets: sockets, drainsOnTerm: global.drainsOnTerm
        ) { [options] in
            started()
            options.endOthers()
        }
        try StartError.wrapping { () throws(PrivilegeError) in try Privileges.applyToMaster() }
        return try StartError.wrapping("cannot start: ") { () throws(SystemError) in try Master(settings).run() }
    }

    /// `-S`: the same words as after `stats socket`, with commas for blanks.
    private func sockets() throws(StartError) -> [Agent.StatsSocket] {
        guard let text = options.masterSocket else { return [] }
        let line = text.split(separator: ",").joined(separator: " ")
        let file = (name: "-S", bytes: Array("global\nstats socket \(line)\n".utf8))
        let (configuration, diagnostics) = ConfigurationReader(environment: [:]).read(files: [file])
        if let alert = diagnostics.first(where: { $0.severity == .alert }) { throw StartError("-S \(text): \(alert)") }
        let accounts = AccountFiles.ofMachine()
        var opening = StartSockets(names: NameResolution(lookup: NameLookup()), threads: 1, accounts: accounts, inherited: InheritedSockets())
        var sockets = try opening.statsSockets(configuration)
        // As in HAProxy, whoever may connect to the master may do everything, unless a level is written.
        if !line.contains(" level ") { for index in sockets.indices { sockets[index].rights.level = .admin } }
        return sockets
    }
}
