import Glibc

/// The processor time of the calling thread. It is independent of other work on the machine, so a test can distinguish an algorithm that scales badly from a
/// slow machine.
package enum ThreadTime {
    /// Measures the processor time of `body` on this thread.
    package static func of(_ body: () throws -> Void) rethrows -> Duration {
        let start = now()
        try body()
        return now() - start
    }

    private static func now() -> Duration {
        var time = timespec()
        guard clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { preconditionFailure("clock_gettime: \(errno)") }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
