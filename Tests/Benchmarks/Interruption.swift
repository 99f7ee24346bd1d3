import Glibc
import Synchronization
import Wire

/// SIGINT, SIGTERM and SIGHUP, remembered, so that the coordinator unwinds and leaves nothing behind.
enum Interruption {
    private static let flag = Atomic<Bool>(false)

    /// Thrown when a signal interrupts a wait.
    struct Interrupted: Error {}

    /// True after a signal.
    static var hasCome: Bool { flag.load(ordering: .relaxed) }

    /// Catches the signals. System calls that wait return EINTR.
    static func install() {
        flag.store(false, ordering: .relaxed)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in Interruption.flag.store(true, ordering: .relaxed) }
        for signal in [SIGINT, SIGTERM, SIGHUP] { sigaction(signal, &action, nil) }
    }

    /// Throws after a signal.
    static func check() throws(Interrupted) { if hasCome { throw Interrupted() } }

    /// Waits for `duration`, or until a signal.
    static func pause(_ duration: Duration) throws(Interrupted) {
        _ = poll(nil, 0, Int32(duration.wholeMilliseconds))
        try check()
    }
}
