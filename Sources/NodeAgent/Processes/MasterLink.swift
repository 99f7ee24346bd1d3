import CLinux
import Glibc
import LinuxIO

/// A worker's end of the link to its master, which passes it in the environment: two descriptors, and the reason why the worker replaces another.
///
///     TSUKADA_WORKER=<channel>,<stderr for later>[,<cause of death of the former worker>]
struct MasterLink {
    private static let variable = "TSUKADA_WORKER"

    /// How long the master may take to read a message.
    private static let timeout = Duration.seconds(2)

    /// The channel to the master.
    let channel: ProcessChannel
    /// The stderr once the worker serves. Until then the master receives the messages, for the client that requested the start.
    private let laterErrors: Int32
    /// How the former worker died; `nil` if it did not.
    let causeOfDeath: String?

    /// Parses and removes the variable from `environment`; `nil` for a process that no master has started.
    init?(environment: inout [String: String]) {
        guard let fields = environment.removeValue(forKey: Self.variable)?.split(separator: ",", maxSplits: 2), fields.count >= 2 else { return nil }
        unsetenv(Self.variable)
        guard let channel = OpenFile.inheritedNumber(fields[0]), let errors = OpenFile.inheritedNumber(fields[1]) else { return nil }
        self.channel = ProcessChannel(OpenFile(FileDescriptor(owning: channel)))
        laterErrors = errors
        // The worker was started as /proc/self/exe, so the kernel would show the name "exe".
        clinux_name_thread("tsukada")
        causeOfDeath = fields.count > 2 ? String(fields[2]) : nil
    }

    /// Whether a master has started the process with this environment.
    static func isPresent(in environment: [String: String]) -> Bool { environment[variable] != nil }

    /// The variable for a new worker.
    static func variables(channel: OpenFile, laterErrors: OpenFile, causeOfDeath: String?) -> [String: String] {
        [variable: "\(channel.raw),\(laterErrors.raw)" + (causeOfDeath.map { ",\($0)" } ?? "")]
    }

    /// Sends the master everything that determines the next worker. Call it while this process has its privileges, before it reads from a client: the master
    /// accepts it only once.
    func announce(_ sockets: [OpenFile], _ configuration: ConfigurationSnapshot) throws(SystemError) {
        let file = try MemoryFile.containing(configuration.bytes, name: "tsukada configuration")
        try channel.send(ProcessMessage.passing(sockets) + [.configuration(file)], timeout: Self.timeout)
    }

    /// Redirects stderr to the master's, or all standard streams to `null` for a daemon. Call it once.
    func redirectStreams(toNull null: NullDevice?) {
        if let null { null.replaceStandardStreams() } else { dup2(laterErrors, STDERR_FILENO) }
        close(laterErrors)
    }

    /// Returns a copy of the stderr once the worker serves, for processes that the worker starts.
    func servingErrors() throws(SystemError) -> OpenFile { try OpenFile.copy(of: laterErrors) }
}
