import CLinux
import Glibc
import LinuxIO
import Proxy
import Wire

/// Starts the agent from the command line, in HAProxy's order: read, resolve, bind, go to the background, drop privileges, serve.
struct Startup {
    private let options: CommandLineOptions
    private let environment: [String: String]
    private let messages: StartMessages

    /// Parses `arguments` (without the program's name) and performs the action. Returns the exit code.
    static func run(arguments: [String], environment: [String: String]) -> Int32 {
        var environment = environment
        if let link = ExternalCheckLink(environment: &environment) { return ExternalCheckHelper.run(link, environment: environment) }
        let options: CommandLineOptions
        do throws(CommandLineError) {
            options = try CommandLineOptions.parse(arguments)
        } catch {
            Terminal.report(.alert, "\(error)")
            Terminal.warn(CommandLineText.usage(of: arguments.first))
            return ExitCode.failure
        }
        switch options.action {
        case .version:
            Terminal.print(CommandLineText.versionLine)
            return ExitCode.success
        case .build:
            Terminal.print(CommandLineText.build)
            return ExitCode.success
        case .help:
            Terminal.print(CommandLineText.usage(of: arguments.first))
            // As in HAProxy, the general usage is an error; that of a subcommand was requested.
            return CommandLineText.subcommands.contains(arguments.first ?? "") ? ExitCode.success : ExitCode.failure
        case .makeKey: return KeyProgram.makeKey()
        case .keys(let command): return KeyProgram.run(command, configurations: options.configurations, environment: environment)
        case .drain(let force): return DrainProgram.run(force, configurations: options.configurations, environment: environment)
        case .check, .run:
            Privileges.restrictNewFiles()
            // A worker's messages go to its master's log, and to the client that has requested a reload.
            let isLog = Terminal.writesToJournal || MasterLink.isPresent(in: environment)
            let messages = StartMessages(isQuiet: options.isQuiet, isLog: isLog)
            do throws(StartError) {
                return try Startup(options: options, environment: environment, messages: messages).start()
            } catch {
                messages.report(.alert, error.description)
                return ExitCode.failure
            }
        }
    }

    private func start() throws(StartError) -> Int32 {
        var environment = environment
        let master = MasterLink(environment: &environment)
        let inherited = if let master { try Inheritance(from: master.channel) } else { Inheritance?.none }
        // The replacement of a dead worker uses the files that the dead worker has read.
        let files = if let kept = inherited?.configuration, master?.causeOfDeath != nil { kept.files } else { try load() }
        guard var configuration = read(files, environment) else { return ExitCode.failure }
        if let node = options.localName { configuration.global.node = node }
        addSystemNameservers(to: &configuration)
        let isMaster = options.isMaster || configuration.global.isMaster
        if master == nil, let socket = options.masterSocket {
            try MasterSocket(socket).check(beside: configuration.global)
            if !isMaster {
                messages.report(.warning, "-S \(socket) has no effect without a master: add '-W' or '-Ws', or write 'master-worker' in 'global'")
            }
        }
        let listens = configuration.frontends.contains { !$0.isDisabled && !$0.binds.isEmpty }
        if options.action == .check {
            try checkEnvironment(configuration)
            if !listens { messages.report(.warning, "no proxy has a 'bind': a start would fail") }
            try refuseWarnings(configuration.global)
            let hasWarnings = messages.warningsCount > 0
            // HAProxy has no warnings like the following.
            for warning in StartFolders(configuration, pidFile: options.pidFile).missing { messages.report(.warning, warning) }
            for warning in StartExternalChecks.missing(configuration) { messages.report(.warning, warning) }
            messages.report(ConfigurationAdvice(configuration).diagnostics)
            Terminal.print(options.validText(hasWarnings: hasWarnings, isQuiet: messages.isQuiet))
            return ExitCode.success
        }
        try refuseWarnings(configuration.global)
        guard listens else { throw StartError("no proxy listens: add a 'bind' line to a 'listen' or 'frontend' section") }
        guard let master else {
            if isMaster {
                return try MasterStart(options: options, environment: environment).run(configuration)
            }
            let inheritance =
                if let path = options.predecessorSocket { try Inheritance(fromRuntimeSocket: path, environment: environment) } else {
                    Inheritance(environment: environment)
                }
            return try serve(configuration, files, inheritance, master: nil)
        }
        return try serve(configuration, files, inherited ?? Inheritance(environment: environment), master: master)
    }

    private func load() throws(StartError) -> [(name: String, bytes: [UInt8])] {
        try StartError.wrapping { () throws(ConfigurationFiles.LoadError) in try ConfigurationFiles.load(options.configurations) }
    }

    /// Parses all files and reports problems. Returns `nil` if the configuration has errors.
    private func read(_ files: [(name: String, bytes: [UInt8])], _ environment: [String: String]) -> AgentConfiguration? {
        let reader = ConfigurationReader(environment: environment, localPeer: HostName.current(), givenName: options.localName)
        let (configuration, diagnostics) = reader.read(files: files)
        if configuration.global.isQuiet { messages.isQuiet = true }
        messages.locate = { reader.locating($0, in: files) }
        let alerts = messages.report(diagnostics)
        guard alerts > 0 else { return configuration }
        messages.report(.alert, "\(alerts) \(alerts == 1 ? "error" : "errors") in the configuration: not started")
        return nil
    }

    /// Throws after a warning if the command line or `global` demands a configuration without warnings.
    private func refuseWarnings(_ global: GlobalSettings) throws(StartError) {
        guard options.refusesWarnings || global.refusesWarnings, messages.warningsCount > 0 else { return }
        let demand = options.refusesWarnings ? "'-dW' is set: correct them, or start without '-dW'" : "'zero-warning' is set: correct them, or remove that line"
        throw StartError("the configuration has warnings, and \(demand)")
    }

    /// Reports the names that prevent the start, and throws if there are any.
    private func require(_ failures: [Diagnostic]) throws(StartError) {
        guard !failures.isEmpty else { return }
        let count = messages.report(DiagnosticSummary.limiting(failures))
        throw StartError("\(count) \(count == 1 ? "name" : "names") without an address: not started")
    }

    /// Adds the machine's nameservers after those of the section, for `parse-resolv-conf`.
    private func addSystemNameservers(to configuration: inout AgentConfiguration) {
        guard configuration.resolvers.contains(where: \.usesSystemNameservers) else { return }
        let system = ResolvConf((try? SystemFile.text("/etc/resolv.conf")) ?? "").nameservers
        for index in configuration.resolvers.indices where configuration.resolvers[index].usesSystemNameservers {
            configuration.resolvers[index].nameservers += system.map { .init(name: $0.description, address: .ip($0, port: 53)) }
        }
    }

    private func serve(
        _ configuration: AgentConfiguration, _ files: [(name: String, bytes: [UInt8])], _ inheritance: Inheritance, master: MasterLink?
    ) throws(StartError) -> Int32 {
        SignalWatch.ignoreBrokenPipes()
        let accounts = AccountFiles.ofMachine()
        let connects = StartConnects(configuration)
        for warning in connects.warnings { messages.report(.warning, warning) }
        let privileges = try privileges(configuration.global, connects, accounts)
        let runsAsDaemon = options.runsAsDaemon(configured: configuration.global.isDaemon)
        var opened = try open(configuration, accounts, privileges, inheritance, isRestart: master?.causeOfDeath != nil)
        opened.resources.configurationFiles = files
        opened.resources.logsToTerminal = !runsAsDaemon && !messages.isQuiet
        if let master {
            let snapshot = ConfigurationSnapshot(files: files, names: opened.names.answers)
            try StartError.wrapping("cannot report to the master: ") { [sockets = opened.resources.boundSockets] () throws(SystemError) in
                try master.announce(sockets, snapshot)
            }
            opened.programErrors = try StartError.wrapping { () throws(SystemError) in try master.servingErrors() }
            let cause = master.causeOfDeath
            var null = try StartError.wrapping("cannot run in the background: ") { () throws(SystemError) in runsAsDaemon ? try NullDevice() : nil }
            return try runAgent(consume opened, privileges, inheritance, causeOfDeath: cause, isWorker: true) { master.redirectStreams(toNull: null.take()) }
        }
        let pidFile = options.pidFileToWrite(configuration.global, isDaemon: runsAsDaemon)
        guard runsAsDaemon else {
            let pidFile = try PIDFile.open(pidFile)
            return try runAgent(consume opened, privileges, inheritance, pidFile: pidFile) {}
        }
        switch try StartError.wrapping("cannot run in the background: ", { () throws(SystemError) in try Daemon.fork() }) {
        case .parent(let exitCode): return exitCode
        case .child(let daemon):
            let pidFile = try PIDFile.open(pidFile)
            var waiting: Daemon? = consume daemon
            return try runAgent(consume opened, privileges, inheritance, pidFile: pidFile) { waiting.take()?.started() }
        }
    }

    /// Everything that a start opens with its privileges. Except for bound sockets, nothing in it comes from a process that has served.
    private struct Opened: ~Copyable {
        /// The resources without the state of earlier processes, which `complete` adds.
        var resources: Agent.Resources
        var names: NameResolution
        var kept: StartAddresses
        let stateFiles: ServerStateFiles
        let isRestart: Bool
        /// The helper process to start; `nil` if no server has an external check.
        let externalChecks: StartExternalChecks?
        /// The stderr of programs; `nil` for this process's.
        var programErrors: OpenFile?
    }

    /// Opens everything that needs the file system or privileges, and resolves the names that this needs.
    private func open(
        _ configuration: AgentConfiguration, _ accounts: AccountFiles, _ privileges: Privileges, _ inheritance: Inheritance, isRestart: Bool
    ) throws(StartError) -> Opened {
        var configuration = configuration
        let namespaces = try StartNamespaces.open(configuration)
        let lookup = NameLookup()
        let stateFiles = ServerStateFiles(configuration.global, configuration.backends) { messages.report($0, $1) }
        let node = configuration.global.node ?? HostName.current()
        let kept = try StartAddresses(configuration, node: node, owner: privileges.owner)
        let memory = NameResolution.Memory(
            answers: inheritance.configuration?.names ?? [:], addresses: kept.memory, time: kept.time, isTrusted: isRestart)
        var names = NameResolution(lookup: lookup, memory: memory)
        let own = try? configuration.gossip?.node(named: node)
        // Names are resolved before a port is open, so that no client waits for a nameserver. A process that takes over already has open ports, and learns the
        // servers' addresses from the state, which it reads later.
        let asksForAll = inheritance.isOnlyProcess && !isRestart
        if asksForAll { names.ask(for: configuration, own: own) } else { names.ask(forPlacesOf: configuration, own: own) }
        var trial = names
        trial.resolvePlaces(of: configuration, own: own)
        // If the start fails, it also reports the servers' names. State files are parsed later, and may have their addresses.
        let hasStateFiles = configuration.backends.contains { $0.stateSource != .none }
        if !trial.failures.isEmpty, asksForAll, !hasStateFiles { trial.resolveServers(of: configuration) }
        try require(trial.failures)
        let logPlan = try LogPlan(configuration) { target throws(StartError) in try names.place(of: target) }
        for (path, error) in logPlan.connect(root: privileges.directory) {
            messages.report(.warning, "log: no syslog daemon listens at '\(path)' (\(error)): lines to it are lost; start the daemon, or write another target")
        }
        let threads = configuration.global.threads ?? max(1, min(ForwardingState.threadsMax, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let limits = try limits(configuration, threads: threads, inherited: inheritance.sockets.streamsCount)
        for index in configuration.resolvers.indices { configuration.resolvers[index].questionsMax = limits.questionsPerSection }
        var sockets = StartSockets(
            names: names, threads: threads, socketsPerBind: limits.socketsPerBind, accounts: accounts, inherited: inheritance.sockets,
            namespaces: namespaces, replacesOthers: options.replacesOthers, reducesGroups: ListeningSockets.migratesConnections)
        let listeners = try sockets.listeners(configuration, sessionsMax: limits.sessionsMax)
        let probeSockets = try sockets.probes(configuration)
        let statsSockets = try sockets.statsSockets(configuration)
        let secrets = StartDatabases(owner: privileges.owner)
        let databases =
            isRestart
            ? secrets.openForRestart(configuration.backends) { messages.report(.alert, $0) } : try secrets.open(configuration.backends)
        var gossip: GossipRunner.Resources? =
            if let section = configuration.gossip {
                try StartGossip(section, lookup: lookup).open(
                    node: node, backends: configuration.backends, names: &sockets.names, owner: privileges.owner, inherited: inheritance.sockets)
            } else {
                nil
            }
        gossip?.resolver?.questionsMax = limits.questionsPerSection
        let externalChecks = try StartExternalChecks(
            configuration, privileges, names: &sockets.names,
            discardsOutput: messages.isQuiet || options.runsAsDaemon(configured: configuration.global.isDaemon))
        inheritance.sockets.closeUntaken()
        var resources = Agent.Resources(
            configuration: configuration, listeners: listeners, statsSockets: statsSockets, probePorts: probeSockets, addresses: [], logPlan: logPlan,
            limits: limits, node: node, gossip: gossip, databases: databases)
        resources.namespaces = namespaces
        return Opened(
            resources: resources, names: sockets.names, kept: kept, stateFiles: stateFiles, isRestart: isRestart, externalChecks: externalChecks)
    }

    /// Adds the state of earlier processes, and the servers' addresses. Call it once privileges are dropped, because an intruder may have controlled the
    /// process that sent the state.
    private func complete(_ opened: consuming Opened, _ inheritance: inout Inheritance) throws(StartError) -> Agent.Resources {
        inheritance.readState()
        // The state from a running process is newer than any file.
        let backends = opened.resources.configuration.backends
        let servers = inheritance.state.servers.merging(opened.stateFiles.memories(backends)) { running, _ in running }
        opened.names.remember(
            NameResolution.Memory(
                answers: inheritance.state.names, servers: servers, addresses: opened.kept.memory, time: opened.kept.time, isTrusted: opened.isRestart))
        opened.names.ask(forServersOf: opened.resources.configuration)
        var trial = opened.names
        trial.resolveServers(of: opened.resources.configuration)
        try require(trial.failures)
        var configuration = opened.resources.configuration
        opened.resources.addresses = try serverAddresses(&configuration, &opened.names)
        opened.resources.configuration = configuration
        for warning in opened.names.warnings { messages.report(.warning, warning) }
        opened.kept.learn(opened.names.found)
        opened.resources.names = opened.names.answers
        opened.resources.servers = servers.merging(opened.names.unproven) { running, _ in running }
        opened.resources.rememberedAddresses = opened.kept.memory
        opened.resources.addressKeeper = opened.kept.resources
        opened.resources.probes = inheritance.state.probes
        opened.resources.writers = inheritance.state.writers
        if let store = opened.resources.gossip?.store {
            let (memory, warning) = store.load()
            if let warning { messages.report(.warning, warning) }
            if let memory { opened.resources.gossip?.memory = memory }
        }
        return opened.resources
    }

    /// The servers' addresses at the start. Also resolves the check addresses of `configuration` that are names.
    private func serverAddresses(_ configuration: inout AgentConfiguration, _ names: inout NameResolution) throws(StartError) -> [[SocketAddress?]] {
        var addresses: [[SocketAddress?]] = []
        for index in configuration.backends.indices {
            let owner = configuration.backends[index].name
            var row: [SocketAddress?] = []
            for place in configuration.backends[index].servers.indices {
                let server = configuration.backends[index].servers[place]
                row.append(try names.address(of: server, owner: owner))
                configuration.backends[index].servers[place].check?.address = try names.checkAddress(of: server, owner: owner)
                configuration.backends[index].servers[place].agent?.check.address = try names.agentAddress(of: server, owner: owner)
            }
            addresses.append(row)
        }
        return addresses
    }

    /// Raises the descriptor limit as far as necessary, and divides it between sessions, pipes and everything else.
    private func limits(_ configuration: AgentConfiguration, threads: Int, inherited: Int) throws(StartError) -> Limits.Plan {
        let global = configuration.global
        let pipes = threads * ForwardingState.pipesPerThreadMax
        let needs = Limits.Needs(configuration, threads: threads, sessions: global.connectionsMax ?? Limits.sessionsMax, inherited: inherited)
        let plan = try StartError.wrapping("descriptor limit: ") { () throws(SystemError) in
            try Limits.plan(
                wanted: global.connectionsMax, pipesWanted: pipes, needs: needs, least: global.descriptorsWanted ?? 0, most: global.descriptorsMax)
        }
        let remedy = "raise it ('ulimit -n', LimitNOFILE)"
        if let wanted = global.descriptorsWanted, plan.descriptors < wanted {
            messages.report(.warning, "'ulimit-n \(wanted)': the descriptor limit cannot exceed \(plan.descriptors): \(remedy)")
        }
        if plan.socketsPerBind < threads {
            let wanted = needs.listeners(each: threads)
            let limit = "too many for the descriptor limit of \(plan.descriptors)"
            messages.report(
                .warning,
                "one listening socket per bind and thread needs \(wanted) sockets, \(limit): \(plan.listeners) are opened and shared by threads; "
                    + "\(remedy) to \(Limits.listenersShare * wanted) or lower nbthread")
        }
        if let wanted = global.connectionsMax, plan.sessionsMax < wanted {
            let needed = Limits.descriptorsNeeded(sessions: wanted, pipes: pipes, needs: needs, socketsPerBind: plan.socketsPerBind)
            let rest = "but the limit of \(plan.descriptors) allows only \(plan.sessionsMax) sessions: \(remedy) or lower maxconn"
            messages.report(.warning, "maxconn \(wanted) needs \(needed) descriptors, \(rest)")
        } else if plan.sessionsMax < min(Limits.sessionsAdvised, global.connectionsMax ?? .max) {
            messages.report(.warning, "the descriptor limit of \(plan.descriptors) allows only \(plan.sessionsMax) sessions: \(remedy)")
        }
        return plan
    }

    /// Checks users, groups and the addresses of names for `-c`: they must exist, as in HAProxy. Failing nameservers only cause a warning, because a reload
    /// uses the predecessor's addresses.
    private func checkEnvironment(_ configuration: AgentConfiguration) throws(StartError) {
        let accounts = AccountFiles.ofMachine()
        let connects = StartConnects(configuration)
        let privileges = try privileges(configuration.global, connects, accounts)
        let namespaces = try StartNamespaces.open(configuration)
        let lookup = NameLookup()
        _ = try StartDatabases(owner: privileges.owner).open(configuration.backends)
        let node = configuration.global.node ?? HostName.current()
        if let section = configuration.gossip {
            let warning = try StartGossip(section, lookup: lookup).check(node: node, owner: privileges.owner)
            if let warning { messages.report(.warning, warning) }
        }
        try StartAddresses.check(configuration, owner: privileges.owner)
        var names = NameResolution(lookup: lookup, checksOnly: true)
        let own = configuration.gossip?.checkedNode(named: node)
        names.ask(for: configuration, own: own)
        names.resolvePlaces(of: configuration, own: own)
        names.resolveServers(of: configuration)
        try require(names.failures)
        for warning in names.warnings { messages.report(.warning, warning) }
        let logPlan = try LogPlan(configuration) { target throws(StartError) in try names.place(of: target) }
        for path in logPlan.missingPaths(root: privileges.directory) {
            messages.report(.warning, "log: '\(path)' does not exist: start the syslog daemon, or write another target")
        }
        var sockets = StartSockets(names: names, threads: 1, accounts: accounts, inherited: InheritedSockets(), namespaces: namespaces)
        try sockets.check(configuration)
        for warning in connects.warnings { messages.report(.warning, warning) }
        if let threads = configuration.global.threads, threads > 1, !ListeningSockets.migratesConnections {
            messages.report(
                .notice,
                "nbthread \(threads): a reload with fewer threads keeps all listening sockets; "
                    + "set '\(ListeningSockets.migrationSetting)' to 1 so that it can close some"
            )
        }
    }

    private func privileges(_ global: GlobalSettings, _ connects: StartConnects, _ accounts: AccountFiles) throws(StartError) -> Privileges {
        var privileges = Privileges()
        privileges.directory = global.chroot
        if let user = global.user { privileges.userIdentifier = try accounts.userIdentifier(user, for: "global: 'user'") }
        if let group = global.group { privileges.groupIdentifier = try accounts.groupIdentifier(group, for: "global: 'group'") }
        try global.unixBind.requireAccounts(accounts)
        privileges.kept = connects.capabilities
        return privileges
    }

    /// Starts the helper process of external checks. After a crash a failure must not prevent service: the servers keep their state.
    private func startExternalPrograms(_ opened: borrowing Opened) throws(StartError) -> ExternalPrograms? {
        guard let start = opened.externalChecks else { return nil }
        for warning in StartExternalChecks.missing(opened.resources.configuration) { messages.report(.warning, warning) }
        let environment = opened.resources.configuration.global.environment
        do throws(StartError) { return try start.start(environment: environment, errors: opened.programErrors) } catch {
            guard opened.isRestart else { throw error }
            messages.report(.alert, "\(error); until the next reload servers with 'option external-check' keep their state")
            return nil
        }
    }

    /// Performs the last steps before serving; those that need root come first.
    private func prepareToServe(_ privileges: Privileges) throws(StartError) {
        tzset()
        _ = WallTime.now().local  // reads the time zone's file, which is not visible after chroot
        try StartError.wrapping { () throws(PrivilegeError) in try privileges.apply() }
    }

    /// Drops the privileges and serves until a signal ends the process. The forwarding threads own the listening sockets from here on, and close them.
    private func runAgent(
        _ opened: consuming Opened, _ privileges: Privileges, _ inheritance: Inheritance, pidFile: PIDFile? = nil, causeOfDeath: String? = nil,
        isWorker: Bool = false, _ started: () -> Void
    ) throws(StartError) -> Int32 {
        opened.resources.externalPrograms = try startExternalPrograms(opened)
        try prepareToServe(privileges)
        var inheritance = inheritance
        let resources = try complete(consume opened, &inheritance)
        try pidFile?.write()
        do throws(SystemError) {
            let reactor = try Reactor()
            let agent = try Agent(consume resources, reactor: reactor)
            try agent.serve()
            try agent.successions.start(inheritance, isWorker: isWorker)
            if let causeOfDeath { agent.log.write(.alert, "worker \(causeOfDeath); its sessions are lost, this one has taken its place.") }
            agent.lifecycle.logBegin(causeOfDeath != nil ? .restart : inheritance.isOnlyProcess ? .start : .reload)
            started()
            if !isWorker { options.stopReplacedProcesses() }
            hardenProcess(agent)
            reactor.run()
            agent.stop()
            return ExitCode.success
        } catch {
            throw StartError("cannot start: \(error)")
        }
    }

    /// Makes the process non-dumpable and limits its system calls to those of serving. By now all its threads run and all its files are open.
    private func hardenProcess(_ agent: Agent) {
        // The memory holds keys and session data. This comes after the log's files are open, because afterwards root owns the process's entries in /proc.
        if clinux_hide_memory() != 0 { agent.log.write(.warning, "other processes of this user can read this process's memory.") }
        let mode = agent.configuration.global.systemCalls
        let connects = StartConnects(agent.configuration)
        let filter = ServingCalls.filter(
            isTrial: mode == .trial, additional: connects.bindsSockets ? ServingCalls.ofSources : [], entersNamespaces: connects.entersNamespaces)
        guard mode != .any, let filter else { return }
        do throws(SystemError) { try filter.install() } catch {
            agent.log.write(.warning, "system calls are not filtered (\(error)): write 'seccomp off' to start without this warning.")
        }
    }
}
