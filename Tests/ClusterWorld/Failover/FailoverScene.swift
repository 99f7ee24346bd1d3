import Foundation
import Support

/// A row while it happens: moments that it marks, and what it has to tell.
package class FailoverScene {
    /// The first event, from which clients' failures count, and the last one.
    private(set) var happenedAt: Int64?
    private(set) var lastEventAt: Int64 = 0
    /// Seconds from the event until what it strikes is out, and from the repair until it is back.
    var ejectedAfter: Double?
    var backAfter: Double?
    private(set) var notes: [String] = []

    init() {}

    /// Marks the moment, then does it.
    package func event(_ body: () throws -> Void) throws {
        mark()
        try body()
    }

    /// Something happens, or has happened, now.
    func mark() {
        lastEventAt = MonotonicMoment.now
        happenedAt = happenedAt ?? lastEventAt
    }

    /// Tells something in the table, once.
    package func note(_ text: String) { if !notes.contains(text) { notes.append(text) } }

    /// Lets time pass.
    package func observe(_ seconds: Double) { usleep(UInt32(seconds * 1e6)) }
}
