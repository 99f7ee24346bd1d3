import CLinux
import Glibc
import LinuxIO

/// What a master tells a worker process at its start, in the environment: which descriptors are what, and whose place it takes.
///
///     TSUKADA_WORKER=<channel>,<stderr for later>[,<cause of the death of the worker before>]
struct WorkerSeat {
    private static let variable = "TSUKADA_WORKER"

    /// How long the master may take to read a message.
    private static let patience = Duration.seconds(2)

    /// The way to the master.
    let channel: ProcessChannel
    /// Where messages go once the worker serves; until then they are the master's affair, who tells whoever asked for the start.
    private let laterErrors: Int32
    /// How the worker before died; `nil` when it did not.
    let causeOfDeath: String?

    /// The seat that `environment` describes; `nil` for a process that no master has started. The variable is not passed on.
    init?(environment: inout [String: String]) {
        guard let fields = environment.removeValue(forKey: Self.variable)?.split(separator: ",", maxSplits: 2), fields.count >= 2 else { return nil }
        unsetenv(Self.variable)
        guard let channel = Int32(fields[0]), let errors = Int32(fields[1]), Self.takeOver(channel), Self.takeOver(errors) else { return nil }
        self.channel = ProcessChannel(OpenFile(FileDescriptor(owning: channel)))
        laterErrors = errors
        // It was started as /proc/self/exe, which the kernel would call it by.
        clinux_name_thread("tsukada")
        causeOfDeath = fields.count > 2 ? String(fields[2]) : nil
    }

    /// The variable for a new worker.
    static func variables(channel: OpenFile, laterErrors: OpenFile, causeOfDeath: String?) -> [String: String] {
        [variable: "\(channel.raw),\(laterErrors.raw)" + (causeOfDeath.map { ",\($0)" } ?? "")]
    }

    /// Sends the master everything that determines the next worker. Call it while this process has its privileges, before it hears a client: the master
    /// accepts it only once.
    func announce(_ sockets: [OpenFile], _ configuration: ConfigurationSnapshot) throws(SystemError) {
        let file = try MemoryFile.holding(configuration.bytes, name: "tsukada configuration")
        try channel.send(ProcessMessage.passing(sockets) + [.configuration(file)], patience: Self.patience)
    }

    /// From here on messages go where the master's go; a daemon's go nowhere. To be called once.
    func startIsOver(isDaemon: Bool) {
        if isDaemon { Daemon.detachStandardStreams() } else { dup2(laterErrors, STDERR_FILENO) }
        close(laterErrors)
    }

    private static func takeOver(_ number: Int32) -> Bool { number > STDERR_FILENO && fcntl(number, F_SETFD, FD_CLOEXEC) == 0 }
}
