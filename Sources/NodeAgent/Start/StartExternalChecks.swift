import LinuxIO
import Proxy
import Wire

/// Prepares and starts the helper process for external checks. It exists only where a server has an external check.
struct StartExternalChecks {
    private let table: ExternalCheckTable

    /// Prepares the table of programs; `nil` if no server has an external check.
    ///
    /// - Parameters:
    ///   - privileges: those that programs run with, without the capabilities.
    ///   - names: resolves the proxies' own addresses.
    ///   - discardsOutput: true if this process leaves its terminal.
    init?(_ configuration: AgentConfiguration, _ privileges: Privileges, names: inout NameResolution, discardsOutput: Bool) throws(StartError) {
        var table = ExternalCheckTable()
        table.keepsEnvironment = configuration.global.externalChecks == .keptEnvironment
        table.discardsOutput = discardsOutput
        (table.directory, table.user, table.group) = (privileges.directory, privileges.userIdentifier, privileges.groupIdentifier)
        for (index, backend) in configuration.backends.enumerated() {
            guard let program = Self.program(of: backend) else { continue }
            let servers = backend.servers.map {
                ExternalCheckTable.Server(
                    name: $0.name, identifier: UInt32(clamping: $0.identifier), connectionsMax: UInt32(clamping: $0.connectionsMax))
            }
            table.programs.append(
                ExternalCheckTable.Program(
                    backend: UInt32(index), command: program.command, path: program.path, proxyName: backend.name,
                    proxyIdentifier: UInt32(clamping: backend.identifier), listener: try Self.listener(of: backend, configuration, &names), servers: servers))
        }
        guard !table.programs.isEmpty else { return nil }
        self.table = table
    }

    /// Starts the helper.
    ///
    /// - Parameters:
    ///   - environment: variables for programs, if the configuration permits it.
    ///   - errors: the stderr of programs; `nil` for this process's.
    func start(environment: [String: String], errors: OpenFile?) throws(StartError) -> ExternalPrograms {
        try ExternalPrograms.start(table, environment: environment, errors: errors)
    }

    /// The programs of `configuration` that do not exist inside its `chroot`: the line's location and text, and advice.
    static func missing(_ configuration: AgentConfiguration) -> [String] {
        let root = configuration.global.chroot ?? ""
        return configuration.backends.compactMap { backend in
            guard let program = program(of: backend) else { return nil }
            // Without another root, a relative path begins at the working directory.
            let files = program.candidates.map { root.isEmpty ? $0 : "\(root)/\($0)" }
            guard !files.contains(where: Files.isProgram) else { return nil }
            let place = root.isEmpty ? "" : " in '\(root)', the root of programs"
            let advice = root.isEmpty ? "create it and make it executable" : "copy it there, with its interpreter and its libraries"
            return "\(program.location): 'external-check command \(program.command)': no executable file\(place); \(advice)"
        }
    }

    /// The program that checks the servers of `backend`; `nil` if none does.
    private static func program(of backend: Backend) -> ExternalProgram? {
        guard !backend.isDisabled, backend.database == nil, backend.servers.contains(where: { $0.check != nil }) else { return nil }
        return backend.externalProgram
    }

    /// The first address of the `listen` section to which `backend` belongs.
    private static func listener(
        of backend: Backend, _ configuration: AgentConfiguration, _ names: inout NameResolution
    ) throws(StartError) -> SocketAddress? {
        guard backend.isListen, let frontend = configuration.frontends.first(where: { $0.isListen && $0.name == backend.name }) else { return nil }
        for bind in frontend.binds { if let address = try names.address(of: bind, owner: StartSockets.owner(frontend)) { return address } }
        return nil
    }
}
