import CLinux
import Glibc

/// Signals that are read like bytes: blocked everywhere, and handed out by a signalfd.
///
/// To be made before any thread is started, so that every thread has them blocked.
package struct SignalWatch: ~Copyable {
    private let descriptor: FileDescriptor

    /// Blocks `numbers` for this thread and those it will start, and opens a signalfd for them.
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

    /// The number to poll for readability.
    package var raw: Int32 { descriptor.raw }

    /// The next signal that has come, `nil` when none waits.
    package borrowing func next() -> Int32? {
        var record = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard read(descriptor.raw, &record, size) == size else { return nil }
        return Int32(bitPattern: record.ssi_signo)
    }

    /// Lets the process survive writes to a socket or pipe whose peer is gone: the call fails with EPIPE instead.
    package static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
