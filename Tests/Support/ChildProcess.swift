// Child processes of the tests. posix_spawn starts each in a separate session, so that Ctrl-C at the terminal reaches only the tests. They are identified and
// ended by pid. Their output goes to a file, because a pipe without a reader would fill up.

import CLinux
import Glibc
import LinuxIO
import Synchronization

/// A failure to start a program, or an unexpected end.
package struct ChildProcessError: Error, CustomStringConvertible {
    /// The program, the event, and what the program printed.
    package let description: String

    /// Creates an error from a text.
    package init(description: String) { self.description = description }
}

/// A started program.
package final class ChildProcess: Sendable {
    /// The child's standard input.
    package enum Input: Sendable {
        /// `/dev/null`.
        case nothing
        /// A pipe whose other end this process holds. It ends at `closeInput` or when this process dies.
        case heldPipe
    }

    private struct State {
        var exitStatus: Int32?
        var inputDescriptor: Int32
    }

    /// The child's process identifier, as seen outside of all namespaces.
    package let pid: Int32
    private let outputDescriptor: Int32
    private let state: Mutex<State>

    /// Starts `arguments[0]`, found in PATH, with stdout and stderr in one unnamed file.
    package init(_ arguments: [String], input: Input = .nothing) throws {
        var template = Array("/tmp/tsk-output-XXXXXX".utf8CString)
        outputDescriptor = mkstemp(&template)
        guard outputDescriptor >= 0 else { throw ChildProcessError(description: "no temporary file: errno \(errno)") }
        unlink(template)
        _ = fcntl(outputDescriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(outputDescriptor, F_SETFL, O_APPEND)

        var pipeEnds: [Int32] = [-1, -1]
        if case .heldPipe = input {
            // Close-on-exec from the start, so that a child that another thread starts meanwhile does not inherit it.
            let status = clinux_pipe(&pipeEnds)
            guard status == 0 else { throw ChildProcessError(description: "no pipe: errno \(-status)") }
            for end in pipeEnds { _ = fcntl(end, F_SETFL, 0) }
        }
        state = Mutex(State(exitStatus: nil, inputDescriptor: pipeEnds[1]))
        pid = try Self.spawn(arguments, input: pipeEnds[0], output: outputDescriptor)
        if pipeEnds[0] >= 0 { close(pipeEnds[0]) }
    }

    deinit {
        close(outputDescriptor)
        closeInput()
    }

    private static func spawn(_ arguments: [String], input: Int32, output: Int32) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if input >= 0 {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var ordinary = sigset_t()
        sigemptyset(&ordinary)
        // A shell cannot trap signals that were ignored at its start, and background jobs start with SIGINT and SIGQUIT ignored.
        for signal in [SIGINT, SIGQUIT, SIGPIPE] { sigaddset(&ordinary, signal) }
        posix_spawnattr_setsigdefault(&attributes, &ordinary)
        let newSession: Int16 = 0x80  // POSIX_SPAWN_SETSID, which the Glibc module does not export
        posix_spawnattr_setflags(&attributes, newSession | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))

        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        var pid: pid_t = 0
        let outcome = posix_spawnp(&pid, arguments[0], &actions, &attributes, pointers, environ)
        guard outcome == 0 else { throw ChildProcessError(description: "\(arguments[0]) could not be started: errno \(outcome)") }
        return pid
    }

    /// What the child has printed so far, at most 4 MiB.
    package var output: String {
        var status = stat()
        fstat(outputDescriptor, &status)
        var bytes = [UInt8](repeating: 0, count: min(Int(status.st_size), 4 << 20))
        let count = pread(outputDescriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// The exit code, or 128 + signal when a signal ended the child; `nil` while it runs.
    package var exitStatus: Int32? {
        state.withLock { state in
            if let known = state.exitStatus { return known }
            var raw: Int32 = 0
            guard waitpid(pid, &raw, WNOHANG) == pid else { return nil }
            let signal = raw & 0x7f
            state.exitStatus = signal == 0 ? (raw >> 8) & 0xff : 128 + signal
            return state.exitStatus
        }
    }

    /// The child's own child processes that it has not waited for.
    package var children: [Int32] { Self.children(of: pid) }

    /// Returns the child processes of any process.
    package static func children(of pid: Int32) -> [Int32] {
        guard let text = readWholeFile("/proc/\(pid)/task/\(pid)/children") else { return [] }
        return text.split(separator: " ").compactMap { Int32($0) }
    }

    /// Returns the descriptor limits of a process.
    package static func openFilesLimits(of pid: Int32) throws -> (soft: Int, hard: Int) {
        let line = (readWholeFile("/proc/\(pid)/limits") ?? "").split(separator: "\n").first { $0.hasPrefix("Max open files") }
        let numbers = (line ?? "").split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 2 else { throw ChildProcessError(description: "process \(pid) has no limit of open files: \(line ?? "gone")") }
        return (numbers[0], numbers[1])
    }

    /// Sends a signal, unless the child has ended.
    package func send(signal: Int32) {
        if exitStatus == nil { kill(pid, signal) }
    }

    /// Closes this end of the pipe at the child's standard input.
    package func closeInput() {
        state.withLock { state in
            if state.inputDescriptor >= 0 { close(state.inputDescriptor) }
            state.inputDescriptor = -1
        }
    }

    /// Waits for the child's end.
    /// - Throws: `DeadlinePassed` when it still runs after `seconds`.
    @discardableResult
    package func wait(within seconds: Double) throws -> Int32 {
        try eventually(within: seconds, "process \(pid) to end; it printed: \(output)", interval: 2) { exitStatus != nil }
        return exitStatus ?? -1
    }

    /// Runs a program to its end.
    /// - Returns: its exit code and its output.
    package static func run(_ arguments: [String], within seconds: Double = 20) throws -> (status: Int32, output: String) {
        let child = try ChildProcess(arguments)
        do {
            let status = try child.wait(within: seconds)
            return (status, child.output)
        } catch {
            child.send(signal: SIGKILL)
            throw error
        }
    }

    /// Runs a program that must succeed.
    /// - Returns: its output.
    @discardableResult
    package static func demand(_ arguments: [String], within seconds: Double = 20) throws -> String {
        let (status, output) = try run(arguments, within: seconds)
        guard status == 0 else {
            throw ChildProcessError(description: "\(arguments.joined(separator: " ")) ended with \(status): \(output)")
        }
        return output
    }
}

/// Returns the text of a file, or `nil` when it cannot be read. It also works for `/proc`, whose files have no size.
package func readWholeFile(_ path: String) -> String? {
    (try? Files.read(path, bytesMax: .max)).map { String(decoding: $0, as: UTF8.self) }
}
