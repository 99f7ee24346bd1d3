// Makes another process make a system call, as an intruder would: ptrace(2) on its main thread, or on another thread by its number.
// The thread must wait in a system call.

#if arch(x86_64)
    import Foundation
    import Support

    /// The result of a call.
    struct InjectedOutcome: Encodable {
        /// The returned value: -errno after a failure.
        var result: Int?
        /// The signal that ended the process instead.
        var signal: Int?
    }

    /// `--process` makes the call of number `--call` with `--arguments` ("-100 path 0"; `path` stands for the address of `--path`).
    func inject(_ arguments: Arguments) {
        let process = Int32(arguments.number("process"))
        let tracer = Tracer(process)
        let path = arguments.text("path", default: "/")
        var registers = tracer.registers()
        let before = registers
        let room = registers[Register.stack] - 4096
        tracer.write(Array(path.utf8) + [0], at: room)
        let words = arguments.text("arguments", default: "").split(separator: " ").map { $0 == "path" ? room : UInt(bitPattern: Int($0) ?? 0) }
        for (register, word) in zip(Register.arguments, words) { registers[register] = word }
        registers[Register.result] = UInt(arguments.number("call"))
        // It waits after an instruction `syscall`, which is two bytes long: that instruction runs again.
        registers[Register.instruction] -= 2
        registers[Register.number] = .max
        tracer.set(registers)
        guard tracer.step() else { return printLine(InjectedOutcome(signal: tracer.endSignal)) }
        let result = Int(bitPattern: tracer.registers()[Register.result])
        registers = before
        registers[Register.result] = before[Register.number]
        registers[Register.instruction] -= 2
        registers[Register.number] = .max
        tracer.set(registers)
        tracer.letGo()
        printLine(InjectedOutcome(result: result))
    }

    /// Indices in `user_regs_struct`.
    private enum Register {
        static let count = 27
        static let result = 10
        static let number = 15
        static let instruction = 16
        static let stack = 19
        static let arguments = [14, 13, 12, 7, 9, 8]
    }

    /// A process that is stopped by ptrace.
    private final class Tracer {
        private typealias Call = @convention(c) (Int, Int, UInt, UnsafeMutableRawPointer?) -> Int
        private enum Request {
            static let singleStep = 9
            static let getRegisters = 12
            static let setRegisters = 13
            static let attach = 16
            static let detach = 17
        }

        /// __WALL: waitpid also returns threads that are not a process's first.
        private static let anyThread: Int32 = 0x4000_0000

        private let process: Int32
        private let call: Call
        private(set) var endSignal: Int?

        init(_ process: Int32) {
            guard let symbol = dlsym(nil, "ptrace") else { fail("ptrace is missing") }
            (self.process, call) = (process, unsafeBitCast(symbol, to: Call.self))
            ask(Request.attach, nil)
            guard wait() else { fail("process \(process) has ended") }
        }

        private func ask(_ request: Int, _ data: UnsafeMutableRawPointer?) {
            guard call(request, Int(process), 0, data) >= 0 else { fail("ptrace \(request): errno \(errno)") }
        }

        private func wait() -> Bool {
            var status: Int32 = 0
            guard waitpid(process, &status, Self.anyThread) == process else { fail("waitpid: errno \(errno)") }
            if status & 0x7f != 0x7f { endSignal = Int(status & 0x7f) }
            return endSignal == nil
        }

        func registers() -> [UInt] {
            var values = [UInt](repeating: 0, count: Register.count)
            values.withUnsafeMutableBytes { ask(Request.getRegisters, $0.baseAddress) }
            return values
        }

        func set(_ registers: [UInt]) {
            var values = registers
            values.withUnsafeMutableBytes { ask(Request.setRegisters, $0.baseAddress) }
        }

        func write(_ bytes: [UInt8], at address: UInt) {
            let memory = open("/proc/\(process)/mem", O_RDWR | O_CLOEXEC)
            guard memory >= 0, pwrite(memory, bytes, bytes.count, off_t(address)) == bytes.count else { fail("the memory cannot be written: errno \(errno)") }
            close(memory)
        }

        /// Executes one instruction. False when it ended the process.
        func step() -> Bool {
            ask(Request.singleStep, nil)
            return wait()
        }

        func letGo() { ask(Request.detach, nil) }
    }
#else
    func inject(_ arguments: Arguments) { fail("calls are injected on x86_64 only") }
#endif
