import CLinux
import Glibc
import LinuxIO
import Wire

/// The helper process's end of the link to its node, which passes it in the environment: two descriptors.
///
///     TSUKADA_EXTERNAL_CHECKS=<channel>,<table>
struct ExternalCheckLink {
    private static let variable = "TSUKADA_EXTERNAL_CHECKS"

    /// The channel to the node.
    let channel: OpenFile
    /// The table of programs.
    let table: OpenFile

    /// Parses and removes the variable from `environment`; `nil` for a process that is not a helper.
    init?(environment: inout [String: String]) {
        guard let fields = environment.removeValue(forKey: Self.variable)?.split(separator: ","), fields.count == 2 else { return nil }
        guard let channel = OpenFile.inheritedNumber(fields[0]), let table = OpenFile.inheritedNumber(fields[1]) else { return nil }
        self.channel = OpenFile(FileDescriptor(owning: channel))
        self.table = OpenFile(FileDescriptor(owning: table))
    }

    /// The variable for a new helper process.
    static func variables(channel: OpenFile, table: OpenFile) -> [String: String] { [variable: "\(channel.raw),\(table.raw)"] }
}

/// The helper process for external checks. The node starts it while it still has its privileges, and can then filter its own system calls: only the helper
/// starts programs.
///
///     start: close all other descriptors -> read the table -> chroot, group, user, no capabilities, no_new_privs -> report to the node -> run programs
///     end:   the node closes the channel or dies -> kill all programs -> exit
///
/// The helper ignores signals to the node's process group: it ends with its node.
enum ExternalCheckHelper {
    /// The report of a successful start. The report of a failure is its reason.
    static let startedWord: UInt8 = 0x2e
    /// The descriptors that programs may open. Some programs close all numbers up to the limit when they start.
    private static let descriptorsMax = 1024
    /// The kernel keeps 15 bytes of a name.
    private static let processName = "tsukada-checks"

    /// Serves the node until it ends. Returns the exit code.
    ///
    /// - Parameter environment: the variables of this process, for programs.
    static func run(_ link: ExternalCheckLink, environment: [String: String]) -> Int32 {
        do throws(StartError) {
            try serve(link, environment)
            return ExitCode.success
        } catch {
            _ = try? Sockets.send(link.channel.raw, Array(error.description.utf8)[...])
            return ExitCode.failure
        }
    }

    private static func serve(_ link: ExternalCheckLink, _ environment: [String: String]) throws(StartError) {
        clinux_name_thread(processName)
        let bytes = try StartError.wrapping { () throws(SystemError) in
            try OwnProgram.closeDescriptors(except: [link.channel.raw, link.table.raw])
            return try MemoryFile.bytes(of: link.table, bytesMax: ExternalCheckTable.bytesMax)
        }
        guard let table = ExternalCheckTable(bytes) else { throw StartError("the table of programs is malformed") }
        // After chroot the device usually does not exist.
        let null = try StartError.wrapping { () throws(SystemError) in try NullDevice() }
        try StartError.wrapping { () throws(PrivilegeError) in try Privileges(table).apply() }
        do throws(SystemError) {
            // Programs run as the same user, and must not control this process.
            guard clinux_hide_memory() == 0 else { throw .last("prctl") }
            try ChildProgram.adoptOrphans()
            try limitDescriptors()
            null.replaceStandardStreams(table.discardsOutput ? [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] : [STDIN_FILENO])
            try run(table, environment, over: link.channel)
        } catch {
            throw StartError("\(error)")
        }
    }

    private static func run(_ table: ExternalCheckTable, _ environment: [String: String], over channel: OpenFile) throws(SystemError) {
        let reactor = try Reactor()
        let runner = try ProgramRunner(table, environment: environment, channel: channel, reactor: reactor) { reactor.stop() }
        // Takes all signals that end or stop a process group, and acts only on this one.
        let signals = try Signals(reactor: reactor) { request in
            guard request == .childEnded else { return }
            while let process = ChildExit.firstEnded() { runner.collect(process) }
        }
        _ = try Sockets.send(channel.raw, [startedWord])
        withExtendedLifetime(signals) { reactor.run() }
    }

    private static func limitDescriptors() throws(SystemError) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw .last("getrlimit") }
        limit.rlim_cur = min(limit.rlim_cur, rlim_t(descriptorsMax))
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw .last("setrlimit") }
    }
}

extension Privileges {
    /// The privileges that the helper process drops before it starts programs.
    init(_ table: ExternalCheckTable) {
        self.init()
        (directory, userIdentifier, groupIdentifier) = (table.directory, table.user, table.group)
    }
}
