import Glibc
import LinuxIO

/// What an operator asks for by a signal.
enum SignalRequest: Equatable, Sendable {
    /// SIGTERM or SIGINT: stop now.
    case stop
    /// SIGUSR1: stop accepting, let sessions end.
    case softStop
    /// SIGHUP: HAProxy lists its servers; here it is noted only.
    case report

    fileprivate init?(_ number: Int32) {
        switch number {
        case SIGTERM, SIGINT: self = .stop
        case SIGUSR1: self = .softStop
        case SIGHUP: self = .report
        default: return nil
        }
    }
}

/// The process's signals, handed to the control thread's reactor.
final class Signals {
    private let watch: SignalWatch
    private let reactor: Reactor

    /// Blocks the signals and ignores SIGPIPE. To be made before any thread is started; `handler` is called on the reactor's thread.
    init(reactor: Reactor, _ handler: @escaping (SignalRequest) -> Void) throws(SystemError) {
        SignalWatch.ignoreBrokenPipes()
        watch = try SignalWatch([SIGTERM, SIGINT, SIGUSR1, SIGHUP])
        self.reactor = reactor
        try reactor.watch(watch.raw, for: .read) { [weak self] _ in
            while let number = self?.watch.next() {
                if let request = SignalRequest(number) { handler(request) }
            }
        }
    }

    deinit { reactor.unwatch(watch.raw) }
}
