import CLinux
import Glibc

/// Signals that are read from a signalfd. They are blocked in all threads.
///
/// The process creates it before it starts any thread, so that every thread inherits the blocked signals.
package struct SignalWatch: ~Copyable {
    private let descriptor: FileDescriptor

    /// Blocks `numbers` in this thread and the threads it starts, and opens a signalfd for them.
    package init(_ numbers: [Int32]) throws(SystemError) {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        let code = pthread_sigmask(SIG_BLOCK, &set, nil)
        guard code == 0 else { throw SystemError("pthread_sigmask", code: code) }
        let raw = signalfd(-1, &set, Int32(SFD_NONBLOCK) | Int32(SFD_CLOEXEC))
        guard raw >= 0 else { throw .last("signalfd") }
        descriptor = FileDescriptor(owning: raw)
    }

    /// The descriptor's number, for polling.
    package var raw: Int32 { descriptor.raw }

    /// Returns the next pending signal; `nil` when none waits.
    package borrowing func next() -> Int32? {
        var record = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard read(descriptor.raw, &record, size) == size else { return nil }
        return Int32(bitPattern: record.ssi_signo)
    }

    /// Ignores SIGPIPE: a write to a closed socket or pipe fails with EPIPE instead of ending the process.
    package static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
