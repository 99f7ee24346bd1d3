import CLinux
import Glibc
import LinuxIO
import Wire

/// Puts the process into the background, so that the starting shell learns whether the start has succeeded.
///
///     parent: fork -> wait for the child's report -> exit 0 (started), 1 (failed with a message on stderr, or died)
///     child:  setsid -> start up -> started(): /dev/null on 0, 1, 2 -> report "started"
struct Daemon: ~Copyable {
    /// The role of a process after the fork.
    enum Role: ~Copyable {
        /// The child, which continues and calls `started` when it serves.
        case child(Daemon)
        /// The original process, which must now end with this exit code.
        case parent(exitCode: Int32)
    }

    private let report: FileDescriptor
    private let null: NullDevice
    /// The report of a successful start.
    private static let startedWord: UInt8 = 0x2e

    /// Forks. Call it before any thread exists. In the parent it returns once the child has started or died.
    static func fork() throws(SystemError) -> Role {
        let null = try NullDevice()
        var ends: (Int32, Int32) = (-1, -1)
        let code = withUnsafeMutablePointer(to: &ends) { pointer in
            pointer.withMemoryRebound(to: Int32.self, capacity: 2) { clinux_pipe($0) }
        }
        guard code == 0 else { throw SystemError("pipe2", code: -code) }
        let readEnd = FileDescriptor(owning: ends.0)
        let writeEnd = FileDescriptor(owning: ends.1)
        let child = clinux_fork()
        guard child >= 0 else { throw SystemError("fork", code: -child) }
        if child == 0 {
            setsid()
            _ = readEnd
            return .child(Daemon(report: writeEnd, null: null))
        }
        // Only the child may hold the write end, so that its death appears as the end of the pipe.
        close(writeEnd.release())
        return .parent(exitCode: waitForReport(readEnd.raw) ? 0 : 1)
    }

    private init(report: consuming FileDescriptor, null: NullDevice) {
        self.report = report
        self.null = null
    }

    private static func waitForReport(_ raw: Int32) -> Bool {
        var request = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
        while true {
            guard poll(&request, 1, -1) >= 0 || errno == EINTR else { return false }
            var word: UInt8 = 0
            let count = read(raw, &word, 1)
            if count == 1 { return word == startedWord }
            if count == 0 || errno != EAGAIN && errno != EINTR { return false }
        }
    }

    /// Reports the successful start to the parent, and detaches from the terminal.
    ///
    /// If the child ends without this call, the parent exits with 1. Until this call the child's stderr is the terminal.
    consuming func started() {
        null.replaceStandardStreams()
        var word = Daemon.startedWord
        _ = write(report.raw, &word, 1)
    }
}

/// The device /dev/null. Opened before chroot, because afterwards the path usually does not exist.
struct NullDevice {
    private let file: OpenFile

    init() throws(SystemError) {
        let opened = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard opened >= 0 else { throw .last("open /dev/null") }
        let descriptor = FileDescriptor(owning: opened)
        file = try OpenFile.copy(of: descriptor.raw)
    }

    /// Redirects the standard streams to the device.
    func replaceStandardStreams(_ numbers: [Int32] = [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]) {
        for number in numbers { dup2(file.raw, number) }
    }
}

/// The file with the process identifier. As in HAProxy, it is opened before chroot and never removed.
struct PIDFile {
    private let path: String
    private let file: OpenFile

    /// Opens the file at `path`, if one is configured. Its content stays until `write`.
    static func open(_ path: String?) throws(StartError) -> PIDFile? {
        guard let path else { return nil }
        return try StartError.wrapping { () throws(PIDFileError) in try PIDFile(path) }
    }

    /// Opens the file at `path`, or creates an empty one. Never blocks, and rejects a file with several hard links, because the directory may belong to
    /// another user.
    init(_ path: String) throws(PIDFileError) {
        let raw = Glibc.open(path, O_CREAT | O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard raw >= 0 else { throw PIDFileError(path: path, cause: .system(.last("open"))) }
        let descriptor = FileDescriptor(owning: raw)
        let status: FileStatus
        do throws(SystemError) { status = try FileStatus(of: descriptor) } catch { throw PIDFileError(path: path, cause: .system(error)) }
        guard status.isRegular else { throw PIDFileError(path: path, cause: .notRegular(status.kind)) }
        guard status.links == 1 else { throw PIDFileError(path: path, cause: .system(SystemError("open", code: EMLINK))) }
        (self.path, file) = (path, OpenFile(descriptor))
    }

    /// Replaces the content by this process's identifier and a newline.
    func write() throws(StartError) { try StartError.wrapping { () throws(PIDFileError) in try write(getpid()) } }

    /// Replaces the content by `identifier` and a newline.
    func write(_ identifier: Int32) throws(PIDFileError) {
        let text = Array("\(identifier)\n".utf8)
        guard ftruncate(file.raw, 0) == 0, pwrite(file.raw, text, text.count, 0) == text.count else {
            throw PIDFileError(path: path, cause: .system(.last("write")))
        }
    }
}

/// The error of a pid file that could not be written.
struct PIDFileError: Error, Equatable, CustomStringConvertible {
    /// The file.
    let path: String
    /// The reason.
    let cause: FileError

    /// For example "cannot write the pid file '/run/x.pid' (open: Permission denied); …".
    var description: String {
        "cannot write the pid file '\(path)' (\(cause)); create its directory and make it writable, or write another path after 'pidfile' or '-p'"
    }
}
