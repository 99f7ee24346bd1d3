import Foundation
import Support

/// A running row: its marked times and its remarks.
package class FailoverScene {
    /// The first event, from which failures count, and the last event.
    private(set) var happenedAt: Int64?
    private(set) var lastEventAt: Int64 = 0
    /// Seconds from the event until the affected server or node is out, and from the repair until it is back.
    var ejectedAfter: Double?
    var backAfter: Double?
    private(set) var notes: [String] = []

    init() {}

    /// Marks the time and causes the event.
    package func event(_ body: () throws -> Void) throws {
        mark()
        try body()
    }

    /// Marks the time of an event.
    func mark() {
        lastEventAt = MonotonicMoment.now
        happenedAt = happenedAt ?? lastEventAt
    }

    /// Adds a remark to the table, once.
    package func note(_ text: String) { if !notes.contains(text) { notes.append(text) } }

    /// Waits while the clients run.
    package func observe(_ seconds: Double) { usleep(UInt32(seconds * 1e6)) }
}
