import Glibc

/// How long the calling thread has run, whatever else the machine does: by it a test can tell work that grows too fast from a slow machine.
package enum ThreadTime {
    /// The time that `body` keeps this thread busy.
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
