import Glibc
import LinuxIO
import Synchronization
import Wire

/// Finishes handshakes whose clients have left: waits for the greeting, logs in as the user of `option mysql-check`, quits. Sockets and timers around
/// `CheckMachine`, on the control thread's loop.
///
/// What comes of it is nobody's: no verdict, no log line. A server that does not answer in time, or is no MySQL, is left.
package final class HandshakeFinisher {
    /// For the greeting and the login together.
    static let patience = Duration.seconds(10)
    /// For the greeting, when there are more than `silentMax` handshakes that wait for it.
    static let briefPatience = Duration.milliseconds(250)
    /// Handshakes of one server at once that wait longer than that for its greeting: a server that hangs must not collect them.
    static let silentMax = 8
    /// Bytes taken from a socket at once; more than any answer.
    private static let receiveBytesMax = 4096

    /// One handshake under way.
    private final class Attempt {
        let handshake: AbandonedHandshake
        var machine: CheckMachine
        var timer: TimerToken?

        init(_ handshake: AbandonedHandshake, _ machine: CheckMachine) {
            self.handshake = handshake
            self.machine = machine
        }
    }

    private let reactor: Reactor
    private let state: ForwardingState
    private let patience: Duration
    private var attempts: [Attempt] = []

    /// A finisher of what the workers of `state` hand over.
    package init(reactor: Reactor, state: ForwardingState, patience: Duration = patience) {
        self.reactor = reactor
        self.state = state
        self.patience = patience
    }

    /// True when nothing is under way.
    package var isIdle: Bool { attempts.isEmpty && state.abandonedHandshakes.withLock { $0.isEmpty } }

    /// Begins with what the workers have handed over since the last call.
    package func takeAll() {
        let handshakes = state.abandonedHandshakes.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for handshake in handshakes { begin(handshake) }
    }

    /// Closes everything.
    package func stop() {
        takeAll()
        for attempt in attempts { end(attempt) }
    }

    private func begin(_ handshake: AbandonedHandshake) {
        guard case .mysql(let settings) = state.backends[handshake.backend].check else { preconditionFailure("only MySQL's handshakes are handed over") }
        let attempt = Attempt(handshake, CheckMachine(finishing: settings, within: patience, now: reactor.now))
        attempts.append(attempt)
        do throws(SystemError) {
            try reactor.watch(handshake.file.raw, for: .read) { [weak self, weak attempt] _ in
                guard let self, let attempt else { return }
                self.receive(attempt)
            }
        } catch {
            return end(attempt)
        }
        arm(attempt, at: reactor.now.advanced(by: min(Self.briefPatience, patience)))
        if handshake.isGreeted { carryOut(attempt.machine.greeted(now: reactor.now), attempt) }
    }

    private func arm(_ attempt: Attempt, at time: Instant) {
        attempt.timer = reactor.setTimer(at: time) { [weak self, weak attempt] in
            guard let self, let attempt else { return }
            attempt.timer = nil
            self.timedOut(attempt)
        }
    }

    private func timedOut(_ attempt: Attempt) {
        let server = attempt.handshake.server
        let isCrowd = attempts.count { $0.handshake.server == server && $0.machine.isAwaitingGreeting } > Self.silentMax
        guard reactor.now < attempt.machine.deadline, !attempt.machine.isAwaitingGreeting || !isCrowd else { return leave(attempt) }
        arm(attempt, at: attempt.machine.deadline)
    }

    private func receive(_ attempt: Attempt) {
        do throws(SystemError) {
            guard let bytes = try Sockets.receive(attempt.handshake.file.raw, upTo: Self.receiveBytesMax) else { return }
            carryOut(bytes.isEmpty ? attempt.machine.endOfStream(now: reactor.now) : attempt.machine.receive(bytes, now: reactor.now), attempt)
        } catch {
            end(attempt)
        }
    }

    private func carryOut(_ outputs: [CheckMachine.Output], _ attempt: Attempt) {
        for output in outputs {
            // A socket that has sent next to nothing takes a login whole, or never.
            guard case .send(let bytes) = output, (try? Sockets.send(attempt.handshake.file.raw, bytes[...])) == bytes.count else { return end(attempt) }
        }
    }

    /// The server has not answered in time. It will find a connection that was reset, which it does not count, and not one that has ended.
    private func leave(_ attempt: Attempt) {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(attempt.handshake.file.raw, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        end(attempt)
    }

    private func end(_ attempt: Attempt) {
        guard let place = attempts.firstIndex(where: { $0 === attempt }) else { return }
        attempts.remove(at: place)
        if let timer = attempt.timer { reactor.cancel(timer) }
        reactor.unwatch(attempt.handshake.file.raw)
        state.serverCells[attempt.handshake.server].pointee.handshakes.leave()
    }
}
