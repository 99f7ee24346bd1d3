import CLinux
import Glibc

/// A filter of the system calls that a process may make: a program for seccomp(2), built from lists of numbers.
///
///     ld arch;  jeq own ? next : fatal
///     ld number;  a tree of `jge` over the numbers, with a verdict at each leaf: the number of tests per call is the depth of the tree
///
/// Except for calls that are `allowedFor` one value, the filter does not inspect arguments, so it cannot distinguish harmless and harmful uses of a call.
package struct SystemCallFilter: Sendable {
    /// The action for a call.
    package indirect enum Verdict: Equatable, Sendable {
        /// The call is executed.
        case allowed
        /// The call is executed if the lower 32 bits of its argument with this index (from 0) have this value.
        case allowedFor(UInt32, argument: UInt32, otherwise: Verdict)
        /// The call fails with EPERM, and the kernel logs it.
        case refused
        /// The call is executed, and the kernel logs it.
        case logged
        /// The process ends with SIGSYS.
        case fatal

        /// The instructions that return the verdict.
        fileprivate var program: [sock_filter] {
            switch self {
            case .allowed: [.returning(UInt32(SECCOMP_RET_ALLOW))]
            case .allowedFor(let value, let argument, let otherwise):
                [.loading(argumentsOffset + 8 * argument), .jump(BPF_JEQ, value, ifFalse: 1)] + Verdict.allowed.program + otherwise.program
            case .refused: [.returning(UInt32(SECCOMP_RET_ERRNO) | UInt32(EPERM))]
            case .logged: [.returning(UInt32(SECCOMP_RET_LOG))]
            case .fatal: [.returning(UInt32(SECCOMP_RET_KILL_PROCESS))]
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
                .loading(architectureOffset), .jump(BPF_JEQ, architecture, ifTrue: 1), .returning(UInt32(SECCOMP_RET_KILL_PROCESS)), .loading(numberOffset),
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

    private static func tree(_ spans: ArraySlice<Span>) -> [sock_filter] {
        guard spans.count > 1, let first = spans.first else { return spans.flatMap(\.verdict.program) }
        let middle = spans.startIndex + spans.count / 2
        let low = tree(spans[..<middle])
        let high = tree(spans[middle...])
        precondition(low.count <= UInt8.max, "\(spans.count) spans from call \(first.from) on are too many for a short jump")
        return [.jump(BPF_JGE, spans[middle].from, ifTrue: UInt8(low.count))] + low + high
    }
}

/// Offsets in the kernel's `seccomp_data`. An argument has 8 bytes, the lower half first, since the architectures of `ownArchitecture` are little-endian.
private let numberOffset: UInt32 = 0
private let architectureOffset: UInt32 = 4
private let argumentsOffset: UInt32 = 16

extension sock_filter {
    /// Loads the 32 bits at `offset` of `seccomp_data`.
    fileprivate static func loading(_ offset: UInt32) -> sock_filter { sock_filter(code: UInt16(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: offset) }

    /// Compares the loaded bits with `value`, and skips as many instructions as the result demands.
    fileprivate static func jump(_ comparison: Int32, _ value: UInt32, ifTrue: UInt8 = 0, ifFalse: UInt8 = 0) -> sock_filter {
        sock_filter(code: UInt16(BPF_JMP | comparison | BPF_K), jt: ifTrue, jf: ifFalse, k: value)
    }

    /// Ends the program with a result.
    fileprivate static func returning(_ result: UInt32) -> sock_filter { sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: result) }
}
