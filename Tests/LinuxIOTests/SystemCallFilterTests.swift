import CLinux
import LinuxIO
import Testing

/// Runs a seccomp program as the kernel does: only the instructions that a filter may contain, and only jumps forward.
private struct FilterMachine {
    let program: [sock_filter]

    /// The result for a call: the program's action, and the number of instructions. Further arguments of the call are 0.
    func verdict(architecture: UInt32, call: UInt32, _ arguments: UInt64...) throws -> (word: UInt32, steps: Int) {
        var (accumulator, place, steps): (UInt32, Int, Int) = (0, 0, 0)
        while true {
            try #require(program.indices.contains(place), "the program runs beyond its end")
            let instruction = program[place]
            (place, steps) = (place + 1, steps + 1)
            switch Int32(instruction.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                try #require(instruction.k == 0 || instruction.k == 4 || instruction.k >= 16 && instruction.k < 64 && instruction.k % 8 == 0)
                let index = (Int(instruction.k) - 16) / 8
                accumulator =
                    switch instruction.k {
                    case 0: call
                    case 4: architecture
                    default: arguments.indices.contains(index) ? UInt32(truncatingIfNeeded: arguments[index]) : 0
                    }
            case BPF_JMP | BPF_JEQ | BPF_K: place += Int(accumulator == instruction.k ? instruction.jt : instruction.jf)
            case BPF_JMP | BPF_JGE | BPF_K: place += Int(accumulator >= instruction.k ? instruction.jt : instruction.jf)
            case BPF_RET | BPF_K: return (instruction.k, steps)
            default: Issue.record("instruction \(instruction.code) is not allowed in a filter")
            }
        }
    }
}

@Suite("A filter of system calls")
struct SystemCallFilterTests {
    private static let architecture: UInt32 = 0xC000_003E
    private static let allow = UInt32(SECCOMP_RET_ALLOW)
    private static let kill = UInt32(SECCOMP_RET_KILL_PROCESS)
    private static let refuse = UInt32(SECCOMP_RET_ERRNO) | 1

    private func machine(_ allowed: [Int32], fatal: [Int32] = []) -> FilterMachine {
        let filter = SystemCallFilter(architecture: Self.architecture, verdicts: [(allowed, .allowed), (fatal, .fatal)], others: .refused)
        return FilterMachine(program: filter.program)
    }

    @Test(
        "gives every number its verdict, and every other one the same",
        arguments: [
            ([], []), ([0], []), ([5], [5]), ([0, 1, 2, 7], [3, 8]), ([9, 3, 3, 4], [2, 400]), (Array(20...90), [95, 93]), ([450], [0]),
        ] as [([Int32], [Int32])])
    func verdicts(allowed: [Int32], fatal: [Int32]) throws {
        let machine = machine(allowed, fatal: fatal)
        for call in Array(0...500) + [0x4000_0000, 0x4000_003B, UInt32.max] {
            let expected = fatal.contains(Int32(bitPattern: call)) ? Self.kill : allowed.contains(Int32(bitPattern: call)) ? Self.allow : Self.refuse
            #expect(try machine.verdict(architecture: Self.architecture, call: call).word == expected, "call \(call)")
        }
    }

    @Test("gives random lists their verdicts")
    func randomLists() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            let allowed = (0..<Int.random(in: 0...120, using: &random)).map { _ in Int32.random(in: 0...460, using: &random) }
            let machine = machine(allowed)
            for call in UInt32(0)...470 {
                let expected = allowed.contains(Int32(call)) ? Self.allow : Self.refuse
                #expect(try machine.verdict(architecture: Self.architecture, call: call).word == expected, "call \(call) of \(allowed)")
            }
        }
    }

    @Test("kills a process that uses another architecture's numbers, with any number", arguments: [0x4000_0003, 0, UInt32.max])
    func otherArchitecture(architecture: UInt32) throws {
        for call in UInt32(0)...10 { #expect(try machine([0, 1, 2]).verdict(architecture: architecture, call: call).word == Self.kill) }
    }

    @Test("of a serving process allows what serving needs, kills for calls that only an intruder makes, refuses the rest, and is short")
    func serving() throws {
        let architecture = try #require(SystemCallFilter.ownArchitecture)
        let machine = FilterMachine(program: try #require(ServingCalls.filter(isTrial: false)).program)
        var stepsMax = 0
        for call in Int32(0)...500 {
            let (word, steps) = try machine.verdict(architecture: architecture, call: UInt32(call))
            let isServing = (ServingCalls.usual + ServingCalls.rare).contains(call)
            #expect(word == (isServing ? Self.allow : ServingCalls.fatal.contains(call) ? Self.kill : Self.refuse), "call \(call)")
            stepsMax = max(stepsMax, steps)
        }
        #expect(stepsMax <= 12)
        let all = ServingCalls.usual + ServingCalls.rare + ServingCalls.fatal
        #expect(Set(all).count == all.count, "a call is listed twice")
    }

    @Test("allows bind(2) only where the configuration has a 'source'")
    func sources() throws {
        let architecture = try #require(SystemCallFilter.ownArchitecture)
        let usual = FilterMachine(program: try #require(ServingCalls.filter(isTrial: false)).program)
        let machine = FilterMachine(program: try #require(ServingCalls.filter(isTrial: false, additional: ServingCalls.ofSources)).program)
        for call in Int32(0)...500 {
            let expected = ServingCalls.ofSources.contains(call) ? Self.allow : try usual.verdict(architecture: architecture, call: UInt32(call)).word
            #expect(try machine.verdict(architecture: architecture, call: UInt32(call)).word == expected, "call \(call)")
        }
        #expect(try usual.verdict(architecture: architecture, call: UInt32(__NR_bind)).word == Self.refuse)
    }

    @Test("allows a call for one value of an argument, wherever the call is among the others")
    func values() throws {
        for neighbours in [[], [1, 2, 4, 5], Array(4...90)] as [[Int32]] {
            let limited = SystemCallFilter.Verdict.allowedFor(7, argument: 1, otherwise: .fatal)
            let machine = FilterMachine(
                program: SystemCallFilter(architecture: Self.architecture, verdicts: [(neighbours, .allowed), ([3], limited)], others: .refused).program)
            for (second, expected) in [(7, Self.allow), (6, Self.kill), (0, Self.kill), (0x1_0000_0007, Self.allow)] as [(UInt64, UInt32)] {
                // The kernel passes the lower half of an `int` argument to the call.
                #expect(try machine.verdict(architecture: Self.architecture, call: 3, 7, second, 7).word == expected, "\(second)")
            }
            for call in UInt32(0)...100 where call != 3 {
                let expected = neighbours.contains(Int32(call)) ? Self.allow : Self.refuse
                #expect(try machine.verdict(architecture: Self.architecture, call: call, 0, 7).word == expected, "call \(call)")
            }
        }
    }

    @Test("allows setns(2) only where the configuration has a server in a namespace, and only into network namespaces")
    func namespaces() throws {
        let architecture = try #require(SystemCallFilter.ownArchitecture)
        func verdict(isTrial: Bool, entersNamespaces: Bool, _ kind: Int32) throws -> UInt32 {
            let filter = try #require(ServingCalls.filter(isTrial: isTrial, entersNamespaces: entersNamespaces))
            return try FilterMachine(program: filter.program).verdict(architecture: architecture, call: UInt32(__NR_setns), 9, UInt64(kind)).word
        }
        #expect(try verdict(isTrial: false, entersNamespaces: false, CLONE_NEWNET) == Self.kill)
        #expect(try verdict(isTrial: false, entersNamespaces: true, CLONE_NEWNET) == Self.allow)
        for kind in [0, CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET | CLONE_NEWPID] {
            #expect(try verdict(isTrial: false, entersNamespaces: true, kind) == Self.kill, "kind \(kind)")
            #expect(try verdict(isTrial: true, entersNamespaces: true, kind) == UInt32(SECCOMP_RET_LOG), "kind \(kind)")
        }
        #expect(try verdict(isTrial: true, entersNamespaces: true, CLONE_NEWNET) == Self.allow)
        #expect(try verdict(isTrial: true, entersNamespaces: false, CLONE_NEWNET) == UInt32(SECCOMP_RET_LOG))
    }

    @Test("on trial forbids nothing")
    func trial() throws {
        let architecture = try #require(SystemCallFilter.ownArchitecture)
        let machine = FilterMachine(program: try #require(ServingCalls.filter(isTrial: true)).program)
        for call in Int32(0)...500 {
            let isServing = (ServingCalls.usual + ServingCalls.rare).contains(call)
            let word = try machine.verdict(architecture: architecture, call: UInt32(call)).word
            #expect(word == (isServing ? Self.allow : UInt32(SECCOMP_RET_LOG)), "call \(call)")
        }
    }
}

@Suite("Threads")
struct ThreadNameTests {
    @Test("have their names from the start, and leave their creator's name unchanged")
    func names() throws {
        @Sendable func ownName() -> String {
            var name = [CChar](repeating: 0, count: 16)
            clinux_thread_name(&name)
            return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        let before = ownName()
        let thread = try Thread(named: "a name that is too long") { #expect(ownName() == "a name that is ") }
        #expect(ownName() == before)
        thread.join()
    }
}
