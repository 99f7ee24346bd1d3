import CLinux
import Glibc

/// Which system calls a process may make: seccomp(2)'s program, made from lists of numbers.
///
///     ld arch;  jeq own ? next : fatal
///     ld number;  a tree of `jge` over the numbers, with a verdict at each leaf: as many tests for each call as the tree is deep
///
/// Calls that an argument would make harmless or harmful are not told apart: arguments are not looked at.
package struct SystemCallFilter: Sendable {
    /// What becomes of a call.
    package enum Verdict: Equatable, Sendable {
        /// It is done.
        case allowed
        /// It fails with EPERM, and the kernel's log tells.
        case refused
        /// It is done, and the kernel's log tells.
        case logged
        /// It ends the process with SIGSYS.
        case fatal

        fileprivate var returned: UInt32 {
            switch self {
            case .allowed: UInt32(SECCOMP_RET_ALLOW)
            case .refused: UInt32(SECCOMP_RET_ERRNO) | UInt32(EPERM)
            case .logged: UInt32(SECCOMP_RET_LOG)
            case .fatal: UInt32(SECCOMP_RET_KILL_PROCESS)
            }
        }
    }

    /// The architecture that this program is built for, as the kernel's `AUDIT_ARCH` has it; `nil` for one whose calls are not known here.
    package static var ownArchitecture: UInt32? {
        #if arch(x86_64)
            0xC000_003E
        #elseif arch(arm64)
            0xC000_00B7
        #else
            nil
        #endif
    }

    /// The instructions, with short jumps only: a program of a hundred numbers has two hundred.
    package let program: [sock_filter]

    /// - Parameters:
    ///   - architecture: calls of any other are fatal: their numbers mean other calls.
    ///   - verdicts: by number; one that stands twice takes the later one.
    ///   - others: of all numbers that are not named.
    package init(architecture: UInt32, verdicts: [(calls: [Int32], verdict: Verdict)], others: Verdict) {
        var byNumber: [(number: UInt32, verdict: Verdict)] = []
        for (calls, verdict) in verdicts {
            for call in calls where call >= 0 {
                byNumber.removeAll { $0.number == UInt32(call) }
                byNumber.append((UInt32(call), verdict))
            }
        }
        byNumber.sort { $0.number < $1.number }
        var spans: [Span] = [Span(from: 0, verdict: others)]
        func begin(_ verdict: Verdict, at number: UInt32) {
            if spans.last?.from == number { spans.removeLast() }
            if spans.last?.verdict != verdict { spans.append(Span(from: number, verdict: verdict)) }
        }
        for (number, verdict) in byNumber {
            begin(verdict, at: number)
            begin(others, at: number + 1)
        }
        program =
            [
                Self.instruction(BPF_LD | BPF_W | BPF_ABS, Self.architectureOffset),
                Self.instruction(BPF_JMP | BPF_JEQ | BPF_K, architecture, ifTrue: 1),
                Self.instruction(BPF_RET | BPF_K, Verdict.fatal.returned),
                Self.instruction(BPF_LD | BPF_W | BPF_ABS, Self.numberOffset),
            ] + Self.tree(spans[...])
    }

    /// Applies the filter to all threads, for good. `no_new_privs` must be set, or the thread have CAP_SYS_ADMIN.
    package func install() throws(SystemError) {
        let code = program.withUnsafeBufferPointer { clinux_filter_system_calls($0.baseAddress, UInt16($0.count)) }
        guard code == 0 else { throw SystemError("seccomp", code: -code) }
    }

    /// Numbers from this one on, up to the next span's.
    private struct Span {
        var from: UInt32
        var verdict: Verdict
    }

    /// In the kernel's `seccomp_data`.
    private static let numberOffset: UInt32 = 0
    private static let architectureOffset: UInt32 = 4

    private static func tree(_ spans: ArraySlice<Span>) -> [sock_filter] {
        guard spans.count > 1, let first = spans.first else { return spans.map { instruction(BPF_RET | BPF_K, $0.verdict.returned) } }
        let middle = spans.startIndex + spans.count / 2
        let low = tree(spans[..<middle])
        let high = tree(spans[middle...])
        precondition(low.count <= UInt8.max, "\(spans.count) spans from call \(first.from) on are too many for a short jump")
        return [instruction(BPF_JMP | BPF_JGE | BPF_K, spans[middle].from, ifTrue: UInt8(low.count))] + low + high
    }

    private static func instruction(_ code: Int32, _ value: UInt32, ifTrue: UInt8 = 0, ifFalse: UInt8 = 0) -> sock_filter {
        sock_filter(code: UInt16(code), jt: ifTrue, jf: ifFalse, k: value)
    }
}
