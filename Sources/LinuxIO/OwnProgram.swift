import CLinux
import Glibc

/// How a child process has ended.
package struct ChildExit: Equatable, Sendable {
    /// Its number.
    package let process: Int32
    /// Its exit code; `nil` when a signal killed it.
    package let code: Int32?
    /// The signal that killed it.
    package let signal: Int32?
    /// Why it was killed, where its parent has done it: "it has not been heard of for 10s".
    package var cause: String?

    /// An end by its parts.
    package init(process: Int32, code: Int32?, signal: Int32?, cause: String? = nil) {
        (self.process, self.code, self.signal, self.cause) = (process, code, signal, cause)
    }

    /// Takes one ended child; `nil` when none has ended.
    package static func next() -> ChildExit? {
        var status: Int32 = 0
        let process = waitpid(-1, &status, WNOHANG)
        guard process > 0 else { return nil }
        let signal = status & 0x7f
        return ChildExit(process: process, code: signal == 0 ? (status >> 8) & 0xff : nil, signal: signal == 0 ? nil : signal)
    }

    /// "exit code 1", "signal 9", "signal 9 (it has not been heard of for 10s)".
    package var description: String { (code.map { "exit code \($0)" } ?? "signal \(signal ?? 0)") + (cause.map { " (\($0))" } ?? "") }
}

/// This program, started again as a child.
package enum OwnProgram {
    /// The file that is running, whatever has been put in its place since.
    private static let path = "/proc/self/exe"

    /// Starts this program with `arguments` (the name first) and `environment`.
    ///
    /// - Parameters:
    ///   - errors: its stderr.
    ///   - kept: files that it gets under the same numbers as here.
    /// - Returns: the child's number.
    package static func start(
        arguments: [String], environment: [String: String], errors: OpenFile?, keeping kept: [OpenFile]
    ) throws(SystemError) -> Int32 {
        let variables = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let numbers = kept.map(\.raw)
        let child = withCStrings(arguments) { arguments in
            withCStrings(variables) { variables in
                clinux_spawn(path, arguments, variables, errors?.raw ?? -1, numbers, UInt32(numbers.count))
            }
        }
        withExtendedLifetime(kept) {}
        guard child >= 0 else { throw SystemError("fork", code: -child) }
        return child
    }

    /// `texts` as C has them: NUL-terminated, the last pointer `nil`.
    private static func withCStrings<Result>(_ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result) -> Result {
        var pointers = texts.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("the last pointer is always there") }
            return body(base)
        }
    }
}
