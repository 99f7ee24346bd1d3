import Glibc
import LinuxIO
import Wire

/// A process that this program started: pinned to processors, ended by its number, and killed by the kernel when this program dies first.
final class Child {
    /// The destination of a child's output.
    enum Output {
        /// Into a pipe that `readOutput` reads.
        case pipe
        /// Into a file, which is replaced.
        case file(String)
    }

    /// The process.
    let identifier: pid_t
    /// The other end of its standard input: a server ends when this is closed.
    private var input: OpenFile?
    private var output: OpenFile?
    private var hasEnded = false
    private(set) var exitStatus: Int32 = 0

    /// Starts `command` on `processors` ("0" or "0,2"). setpriv requests a signal at the parent's death, and taskset pins. Both then exec the command.
    init(_ command: [String], on processors: String, output target: Output) throws(SystemError) {
        let full = ["setpriv", "--pdeathsig", "TERM", "taskset", "--cpu-list", processors] + command
        let (inputRead, inputWrite) = try Child.pipe()
        let (outputRead, outputWrite) = try Child.pipe()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, inputRead.raw, 0)
        switch target {
        case .pipe: posix_spawn_file_actions_adddup2(&actions, outputWrite.raw, 1)
        case .file(let path):
            posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A separate process group: Ctrl-C reaches the coordinator only, which ends the others in order.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        var arguments: [UnsafeMutablePointer<CChar>?] = full.map { strdup($0) } + [nil]
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=\(path)"), strdup("LC_ALL=C"), nil]
        defer { (arguments + environment).forEach { free($0) } }
        var number = pid_t()
        let code = posix_spawnp(&number, full[0], &actions, &attributes, &arguments, &environment)
        guard code == 0 else { throw SystemError("posix_spawn \(full[0])", code: code) }
        identifier = number
        input = inputWrite
        if case .pipe = target { output = outputRead }
    }

    deinit { stop() }

    /// All output of the child until it closes it.
    func readOutput() throws(Interruption.Interrupted) -> String { try readOutput { _ in false } }

    /// The child's output up to its first full line.
    func readLine() throws(Interruption.Interrupted) -> String { try readOutput { $0.last == UInt8(ascii: "\n") } }

    private func readOutput(until isEnough: ([UInt8]) -> Bool) throws(Interruption.Interrupted) -> String {
        guard let output else { return "" }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !isEnough(text) {
            let count = read(output.raw, &buffer, buffer.count)
            try Interruption.check()
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text += buffer[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// True while the process runs.
    func isRunning() -> Bool {
        guard !hasEnded else { return false }
        if waitpid(identifier, &exitStatus, WNOHANG) == identifier { hasEnded = true }
        return !hasEnded
    }

    /// Ends and reaps the process: closes its input, sends SIGTERM, and kills it if it still runs after 3 s.
    func stop() {
        input = nil
        output = nil
        guard isRunning() else { return }
        kill(identifier, SIGTERM)
        for _ in 0..<300 {
            if !isRunning() { return }
            usleep(10_000)
        }
        kill(identifier, SIGKILL)
        while waitpid(identifier, &exitStatus, 0) < 0, errno == EINTR {}
        hasEnded = true
    }

    private static func pipe() throws(SystemError) -> (read: OpenFile, write: OpenFile) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw .last("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (OpenFile(FileDescriptor(owning: ends[0])), OpenFile(FileDescriptor(owning: ends[1])))
    }
}
