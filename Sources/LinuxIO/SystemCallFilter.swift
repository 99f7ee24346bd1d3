import CLinux
import Glibc

/// A filter of the system calls that a process may make: a program for seccomp(2), built from lists of numbers.
///
///     ld arch;  jeq own ? next : fatal
///     ld number;  a tree of `jge` over the numbers, with a verdict at each leaf: the number of tests per call is the depth of the tree
///
/// The filter does not inspect arguments, so it cannot distinguish harmless and harmful uses of one call.
package struct SystemCallFilter: Sendable {
    /// The action for a call.
    package enum Verdict: Equatable, Sendable {
        /// The call is executed.
        case allowed
        /// The call fails with EPERM, and the kernel logs it.
        case refused
        /// The call is executed, and the kernel logs it.
        case logged
        /// The process ends with SIGSYS.
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

    /// The architecture of this program as the kernel's `AUDIT_ARCH` value; `nil` when its call numbers are not listed here.
    package static var ownArchitecture: UInt32? {
        #if arch(x86_64)
            0xC000_003E
        #elseif arch(arm64)
            0xC000_00B7
        #else
            nil
        #endif
    }

    /// The instructions. All jumps are short; a hundred numbers need about two hundred instructions.
    package let program: [sock_filter]

    /// - Parameters:
    ///   - architecture: calls of any other architecture are fatal, because their numbers have different meanings.
    ///   - verdicts: calls by verdict; for a call in several lists the last one wins.
    ///   - others: the verdict for all numbers that are not listed.
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

    /// Installs the filter irrevocably in all threads. It needs `no_new_privs` or CAP_SYS_ADMIN.
    package func install() throws(SystemError) {
        let code = program.withUnsafeBufferPointer { clinux_filter_system_calls($0.baseAddress, UInt16($0.count)) }
        guard code == 0 else { throw SystemError("seccomp", code: -code) }
    }

    /// A range of call numbers, up to the start of the next one.
    private struct Span {
        var from: UInt32
        var verdict: Verdict
    }

    /// Offsets in the kernel's `seccomp_data`.
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
