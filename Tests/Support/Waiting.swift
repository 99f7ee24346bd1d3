import Glibc
import LinuxIO
import Wire

/// Moments of the machine's monotonic clock, in nanoseconds: the same in every process and namespace, so that what a client saw can be laid beside what a test did.
package enum MonotonicMoment {
    /// Nanoseconds of `CLOCK_MONOTONIC` now.
    package static var now: Int64 { MonotonicClock.now().nanoseconds }
}

/// What a wait that ran out of time was waiting for.
package struct DeadlinePassed: Error, CustomStringConvertible {
    /// What was waited for, how long, and what was seen last.
    package let description: String
}

/// Looks every few milliseconds until `condition` holds.
///
/// - Parameters:
///   - seconds: the deadline, counted from now.
///   - what: what is waited for; it stands in the error.
///   - interval: milliseconds between two looks.
/// - Throws: `DeadlinePassed`, or what `condition` throws.
package func eventually(
    within seconds: Double, _ what: @autoclosure () throws -> String, interval: UInt32 = 10, _ condition: () throws -> Bool
) throws {
    let deadline = MonotonicMoment.now + Int64(seconds * 1e9)
    while try !condition() {
        guard MonotonicMoment.now < deadline else {
            throw DeadlinePassed(description: "waited \(seconds) s in vain: \(try what())")
        }
        usleep(interval * 1000)
    }
}

/// The same for a condition whose failure the caller reports: whether it holds before the deadline.
package func eventually(within seconds: Double, interval: UInt32 = 1, _ condition: () -> Bool) -> Bool {
    (try? eventually(within: seconds, "the condition", interval: interval, condition)) != nil
}

/// What held at first, and then did not.
package struct StoppedHolding: Error, CustomStringConvertible {
    /// What should have held, how long, and when it was seen not to.
    package let description: String
}

/// Looks every few milliseconds, for a time, whether `condition` still holds: how a test sees that something does not happen.
///
/// - Parameters:
///   - seconds: for how long.
///   - what: what must hold; it stands in the error.
///   - interval: milliseconds between two looks.
/// - Throws: `StoppedHolding` at the first look at which it does not hold, or what `condition` throws.
package func holds(
    for seconds: Double, _ what: @autoclosure () throws -> String, interval: UInt32 = 10, _ condition: () throws -> Bool
) throws {
    let start = MonotonicMoment.now
    let end = start + Int64(seconds * 1e9)
    while true {
        let now = MonotonicMoment.now
        guard try condition() else {
            throw StoppedHolding(description: "did not hold for \(seconds) s, but \(Double(now - start) / 1e9) s: \(try what())")
        }
        guard now < end else { return }
        usleep(min(interval * 1000, UInt32((end - now) / 1000) + 1))
    }
}

/// Keeps this thread from everything else for so long: the fault that a slow handler, a slow reader or a slow process is to the rest. No way to wait for something.
package func stallThread(milliseconds: UInt32) { usleep(milliseconds * 1000) }

extension Reactor {
    /// Runs rounds until `condition` holds, at most `limit`. Returns whether it does.
    package func run(within limit: Duration = .seconds(10), until condition: () throws -> Bool) rethrows -> Bool {
        let deadline = MonotonicClock.now().advanced(by: limit)
        while try !condition() {
            guard MonotonicClock.now() < deadline else { return false }
            runOnce(waitingAtMost: .milliseconds(5))
        }
        return true
    }
}
