import CLinux
import Glibc

/// Runs other programs as child processes. Each has its own process group, whose number is the program's process identifier.
package enum ChildProgram {
    /// Starts a program. It gets this process's standard streams and every descriptor that is not close-on-exec, but no blocked and no ignored signal. It dies
    /// with the calling thread. A program that cannot be run exits with 255.
    ///
    /// - Parameters:
    ///   - name: a path, or a name that is looked up in the PATH of `environment`.
    ///   - arguments: the arguments after the program's name.
    ///   - environment: all its variables.
    /// - Returns: the child's process identifier.
    package static func start(_ name: String, arguments: [String], environment: [String: String]) throws(SystemError) -> Int32 {
        let child = withCStrings([name] + arguments) { arguments in
            withCStrings(environmentLines(environment)) { variables in clinux_run(name, arguments, variables) }
        }
        guard child > 0 else { throw SystemError("fork", code: -child) }
        return child
    }

    /// Sends a signal to all processes in the group of `program`, which must not be collected yet: its identifier could belong to another process afterwards.
    package static func signal(_ number: Int32, groupOf program: Int32) {
        precondition(program > 1, "\(program) is not a program's process identifier")
        kill(-program, number)
    }

    /// Makes this process the parent of its programs' processes whose own parents end, so that it collects them.
    package static func adoptOrphans() throws(SystemError) {
        let code = clinux_adopt_orphans()
        guard code == 0 else { throw SystemError("prctl", code: -code) }
    }
}

extension ChildExit {
    /// Returns a child that has ended and that `next` has not collected yet; `nil` when there is none.
    ///
    /// - Parameter process: the child's process identifier; 0 for any child.
    package static func firstEnded(of process: Int32 = 0) -> Int32? {
        let ended = clinux_ended_child(process)
        return ended > 0 ? ended : nil
    }
}
