import CLinux
import Glibc

/// How a child process has ended.
package struct ChildExit: Equatable, Sendable {
    /// The child's process identifier.
    package let process: Int32
    /// Its exit code; `nil` when a signal killed it.
    package let code: Int32?
    /// The signal that killed it; `nil` when it exited.
    package let signal: Int32?
    /// The reason when its parent killed it, as a phrase for the log.
    package var cause: String?

    /// Creates a child's end from its parts.
    package init(process: Int32, code: Int32?, signal: Int32?, cause: String? = nil) {
        (self.process, self.code, self.signal, self.cause) = (process, code, signal, cause)
    }

    /// Collects one child that has ended; `nil` when none has.
    ///
    /// - Parameter process: the child's process identifier; -1 for any child.
    package static func next(of process: Int32 = -1) -> ChildExit? {
        var status: Int32 = 0
        let process = waitpid(process, &status, WNOHANG)
        guard process > 0 else { return nil }
        let signal = status & 0x7f
        return ChildExit(process: process, code: signal == 0 ? (status >> 8) & 0xff : nil, signal: signal == 0 ? nil : signal)
    }

    /// The end in words: "exit code 1", "signal 9", or "signal 9" followed by the cause in parentheses.
    package var description: String { (code.map { "exit code \($0)" } ?? "signal \(signal ?? 0)") + causeText }
    /// The same as a predicate: "exited with code 1", "was killed by signal 9".
    package var predicate: String { (code.map { "exited with code \($0)" } ?? "was killed by signal \(signal ?? 0)") + causeText }

    private var causeText: String { cause.map { " (\($0))" } ?? "" }
}

/// Starts another process of this program.
package enum OwnProgram {
    /// The running program's file, even if its path has been replaced.
    private static let path = "/proc/self/exe"

    /// Starts this program with `arguments`, whose first is the name, and `environment`.
    ///
    /// - Parameters:
    ///   - errors: the child's stderr.
    ///   - kept: files that stay open in the child, under the same numbers.
    /// - Returns: the child's process identifier.
    package static func start(
        arguments: [String], environment: [String: String], errors: OpenFile?, keeping kept: [OpenFile]
    ) throws(SystemError) -> Int32 {
        let numbers = kept.map(\.raw)
        let child = withCStrings(arguments) { arguments in
            withCStrings(environmentLines(environment)) { variables in
                clinux_spawn(path, arguments, variables, errors?.raw ?? -1, numbers, UInt32(numbers.count))
            }
        }
        withExtendedLifetime(kept) {}
        guard child >= 0 else { throw SystemError("fork", code: -child) }
        return child
    }

    /// Closes all descriptors of this process except the standard streams and `kept`. A parent may have left descriptors open that it did not mean to pass on.
    package static func closeDescriptors(except kept: [Int32]) throws(SystemError) {
        guard let folder = opendir("/proc/self/fd") else { throw .last("opendir") }
        var numbers: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if let number = Int32(name), number > STDERR_FILENO, number != dirfd(folder), !kept.contains(number) { numbers.append(number) }
        }
        closedir(folder)
        for number in numbers { close(number) }
    }
}

/// Returns the variables in the form of environ(7), sorted by name.
func environmentLines(_ environment: [String: String]) -> [String] {
    environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
}

/// Calls `body` with `texts` in C's form: NUL-terminated, after the last one a `nil` pointer.
func withCStrings<Result>(_ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result) -> Result {
    var pointers = texts.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("the last pointer is never nil") }
        return body(base)
    }
}
