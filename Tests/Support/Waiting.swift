import Glibc
import LinuxIO
import Wire

/// Times of the machine's monotonic clock in nanoseconds. They are the same in every process and namespace, so that a client's records can be compared with the
/// test's.
package enum MonotonicMoment {
    /// The current value of `CLOCK_MONOTONIC` in nanoseconds.
    package static var now: Int64 { MonotonicClock.now().nanoseconds }
}

/// A wait has reached its deadline.
package struct DeadlinePassed: Error, CustomStringConvertible {
    /// The awaited condition, the time waited, and the latest observation.
    package let description: String
}

/// Polls `condition` until it holds.
///
/// - Parameters:
///   - seconds: the deadline from now.
///   - what: the awaited condition, for the error.
///   - interval: milliseconds between two polls.
/// - Throws: `DeadlinePassed`, or what `condition` throws.
package func eventually(
    within seconds: Double, _ what: @autoclosure () throws -> String, interval: UInt32 = 10, _ condition: () throws -> Bool
) throws {
    let deadline = MonotonicMoment.now + Int64(seconds * 1e9)
    while try !condition() {
        guard MonotonicMoment.now < deadline else {
            throw DeadlinePassed(description: "not reached within \(seconds) s: \(try what())")
        }
        usleep(interval * 1000)
    }
}

/// Polls `condition` until it holds, and returns false when the deadline passes first.
package func eventually(within seconds: Double, interval: UInt32 = 1, _ condition: () -> Bool) -> Bool {
    (try? eventually(within: seconds, "the condition", interval: interval, condition)) != nil
}

/// A condition held at first and then did not.
package struct StoppedHolding: Error, CustomStringConvertible {
    /// The condition, the required time, and when it did not hold.
    package let description: String
}

/// Polls `condition` for a time and requires that it holds at every poll. A test checks with it that an event does not happen.
///
/// - Parameters:
///   - seconds: the time for which it must hold.
///   - what: the condition, for the error.
///   - interval: milliseconds between two polls.
/// - Throws: `StoppedHolding` at the first poll at which it does not hold, or the error of `condition`.
package func holds(
    for seconds: Double, _ what: @autoclosure () throws -> String, interval: UInt32 = 10, _ condition: () throws -> Bool
) throws {
    let start = MonotonicMoment.now
    let end = start + Int64(seconds * 1e9)
    while true {
        let now = MonotonicMoment.now
        guard try condition() else {
            throw StoppedHolding(description: "violated after \(Double(now - start) / 1e9) s of \(seconds) s: \(try what())")
        }
        guard now < end else { return }
        usleep(min(interval * 1000, UInt32((end - now) / 1000) + 1))
    }
}

/// Blocks this thread for a time, to simulate a slow handler, reader or process. Not for waiting on an event.
package func stallThread(milliseconds: UInt32) { usleep(milliseconds * 1000) }

extension Reactor {
    /// Runs rounds until `condition` holds, at most `limit`. Returns whether it holds.
    package func run(within limit: Duration = .seconds(10), until condition: () throws -> Bool) rethrows -> Bool {
        let deadline = MonotonicClock.now().advanced(by: limit)
        while try !condition() {
            guard MonotonicClock.now() < deadline else { return false }
            runOnce(waitingAtMost: .milliseconds(5))
        }
        return true
    }
}
