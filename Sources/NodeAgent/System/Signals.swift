import Glibc
import LinuxIO

/// A request that an operator makes by a signal.
enum SignalRequest: Equatable, Sendable {
    /// SIGINT: stop now.
    case stop
    /// SIGTERM: stop now, or drain with `drain-on-term`.
    case terminate
    /// SIGUSR1: drain.
    case softStop
    /// SIGHUP: one log line for every backend.
    case report
    /// SIGUSR2: reload the configuration, in a master.
    case reload
    /// SIGCHLD: a worker process has ended.
    case childEnded

    fileprivate init?(_ number: Int32) {
        switch number {
        case SIGINT: self = .stop
        case SIGTERM: self = .terminate
        case SIGUSR1: self = .softStop
        case SIGHUP: self = .report
        case SIGUSR2: self = .reload
        case SIGCHLD: self = .childEnded
        default: return nil
        }
    }
}

/// Delivers the process's signals to the control thread's reactor.
final class Signals {
    private let watch: SignalWatch
    private let reactor: Reactor

    /// Includes SIGTTOU and SIGTTIN, with which HAProxy pauses and resumes its listeners, so that they do not suspend the process.
    private static let taken = [SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGCHLD, SIGTTOU, SIGTTIN]

    /// Blocks the signals and ignores SIGPIPE. Create it before any thread starts; `handler` is called on the reactor's thread.
    init(reactor: Reactor, _ handler: @escaping (SignalRequest) -> Void) throws(SystemError) {
        SignalWatch.ignoreBrokenPipes()
        watch = try SignalWatch(Signals.taken)
        self.reactor = reactor
        try reactor.watch(watch.raw, for: .read) { [weak self] _ in
            while let number = self?.watch.next() {
                if let request = SignalRequest(number) { handler(request) }
            }
        }
    }

    deinit { reactor.unwatch(watch.raw) }
}
