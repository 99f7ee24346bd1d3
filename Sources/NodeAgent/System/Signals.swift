import Glibc
import LinuxIO

/// What an operator asks for by a signal.
enum SignalRequest: Equatable, Sendable {
    /// SIGINT: stop now.
    case stop
    /// SIGTERM: stop now, or as `drain-on-term` says.
    case terminate
    /// SIGUSR1: drain.
    case softStop
    /// SIGHUP: one log line for every backend.
    case report
    /// SIGUSR2: a master reads its files again.
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

/// The process's signals, handed to the control thread's reactor.
final class Signals {
    private let watch: SignalWatch
    private let reactor: Reactor

    /// SIGTTOU and SIGTTIN, by which HAProxy's listeners pause and resume, are taken so that they do not freeze the process.
    private static let taken = [SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGCHLD, SIGTTOU, SIGTTIN]

    /// Blocks the signals and ignores SIGPIPE. To be made before any thread is started; `handler` is called on the reactor's thread.
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
