import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import Benchmarks

@Suite("The benchmark's accounting")
struct ProcessAccountingTests {
    @Test("a working process uses processor time, and an empty set of processes uses none")
    func processorTime() throws {
        let busy = try ChildProcess(["timeout", "20", "sh", "-c", "while :; do :; done"])
        defer { busy.send(signal: SIGTERM) }
        let deadline = MonotonicClock.now().advanced(by: .seconds(15))
        var family: [pid_t] = []
        while ProcessAccounting.processorNanoseconds(of: family) < 10_000_000, MonotonicClock.now() < deadline {
            family = ProcessAccounting.family(of: busy.pid)
        }
        #expect(family.count == 2 && ProcessAccounting.processorNanoseconds(of: family) >= 10_000_000)
        #expect(ProcessAccounting.processorNanoseconds(of: []) == 0)
    }
}
