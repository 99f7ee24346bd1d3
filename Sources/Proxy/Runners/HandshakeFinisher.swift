import LinuxIO
import Synchronization
import Wire

/// Finishes handshakes whose clients have left: waits for the server's first packet and sends the rest. It provides the sockets and timers around
/// `HandshakeEnding`, on the control thread's loop.
///
/// The result is neither a verdict nor a log line. A connection to a server that does not answer in time, or answers in another protocol, is closed. `failed`
/// is then called so that a check logs in instead: a successful login resets the server's error count for this host.
package final class HandshakeFinisher {
    /// The limit for the greeting. A database that was suspended for a while answers the connections that have waited.
    static let greetingTimeout = Duration.seconds(60)
    /// The limit for the answer to the login.
    static let loginTimeout = Duration.seconds(10)
    /// The limit for the greeting when more than `silentHandshakesMax` handshakes wait for it.
    static let briefTimeout = Duration.milliseconds(250)
    /// The most handshakes per server that wait for its greeting longer than `briefTimeout`. It prevents a server that hangs from collecting them.
    static let silentHandshakesMax = 8
    /// The most bytes of one read; more than any answer.
    private static let receiveBytesMax = 4096

    /// A handshake in progress.
    private final class Attempt {
        let handshake: AbandonedHandshake
        var ending: any HandshakeEnding
        var timer: TimerToken?
        /// True when the login has passed or the server has not seen the connection: it does not count against this host.
        var isHarmless = false

        init(_ handshake: AbandonedHandshake, _ ending: any HandshakeEnding) {
            self.handshake = handshake
            self.ending = ending
        }
    }

    private let reactor: Reactor
    private let state: ForwardingState
    private let greetingTimeout: Duration
    private let failed: (ServerReference) -> Void
    private var attempts: [Attempt] = []
    private var isStopping = false

    /// Creates a finisher for the handshakes that the forwarding threads of `state` hand over.
    ///
    /// - Parameter failed: called for each handshake that has not become a login.
    package init(reactor: Reactor, state: ForwardingState, greetingTimeout: Duration = greetingTimeout, failed: @escaping (ServerReference) -> Void = { _ in })
    {
        self.reactor = reactor
        self.state = state
        self.greetingTimeout = greetingTimeout
        self.failed = failed
    }

    /// Takes over the connection of a check that the server has not answered. Returns false if its handshake cannot be finished, or if there are too many.
    package func finish(_ file: OpenFile, of server: ServerReference) -> Bool {
        let flat = state.flatIndex(server)
        guard state.backends[server.backend].canFinishHandshakes, state.serverCells[flat].pointee.handshakes.tryEnter(limit: state.handshakesPerServer) else {
            return false
        }
        begin(AbandonedHandshake(file: file, backend: server.backend, server: flat, isGreeted: false))
        return true
    }

    /// True when no handshake is in progress or waiting.
    package var isIdle: Bool { attempts.isEmpty && state.process[0].pointee.abandonedHandshakes.withLock { $0.isEmpty } }

    /// Starts the handshakes that the threads have handed over since the last call.
    package func takeAll() {
        let handshakes = state.process[0].pointee.abandonedHandshakes.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for handshake in handshakes { begin(handshake) }
    }

    /// Closes all connections.
    package func stop() {
        isStopping = true
        takeAll()
        for attempt in attempts { end(attempt) }
    }

    private func begin(_ handshake: AbandonedHandshake) {
        let backend = state.backends[handshake.backend]
        guard let ending = backend.handshakeEnding(within: greetingTimeout, loginWithin: min(Self.loginTimeout, greetingTimeout), now: reactor.now) else {
            preconditionFailure("a handshake without an ending was handed over")
        }
        let attempt = Attempt(handshake, ending)
        attempts.append(attempt)
        do throws(SystemError) {
            try reactor.watch(handshake.file.raw, for: .read) { [weak self, weak attempt] _ in
                guard let self, let attempt else { return }
                self.receive(attempt)
            }
        } catch {
            return end(attempt)
        }
        arm(attempt, at: reactor.now.advanced(by: min(Self.briefTimeout, greetingTimeout)))
        if handshake.isGreeted { carryOut(attempt.ending.firstPacketPassed(now: reactor.now), attempt) }
        if !handshake.opening.isEmpty { carryOut(attempt.ending.received(handshake.opening, now: reactor.now), attempt) }
    }

    private func arm(_ attempt: Attempt, at time: Instant) {
        if let timer = attempt.timer { reactor.cancel(timer) }
        attempt.timer = reactor.setTimer(at: time) { [weak self, weak attempt] in
            guard let self, let attempt else { return }
            attempt.timer = nil
            self.timedOut(attempt)
        }
    }

    private func timedOut(_ attempt: Attempt) {
        let server = attempt.handshake.server
        let isOverSilentMax = attempts.count { $0.handshake.server == server && $0.ending.isAwaitingFirstPacket } > Self.silentHandshakesMax
        guard reactor.now < attempt.ending.deadline, !attempt.ending.isAwaitingFirstPacket || !isOverSilentMax else { return abandon(attempt) }
        arm(attempt, at: attempt.ending.deadline)
    }

    private func receive(_ attempt: Attempt) {
        do throws(SystemError) {
            guard let bytes = try Sockets.receive(attempt.handshake.file.raw, upTo: Self.receiveBytesMax) else { return }
            carryOut(bytes.isEmpty ? attempt.ending.ended(now: reactor.now) : attempt.ending.received(bytes, now: reactor.now), attempt)
        } catch {
            end(attempt)
        }
    }

    private func carryOut(_ outputs: [CheckOutput], _ attempt: Attempt) {
        for output in outputs {
            // A socket that has sent almost nothing takes a login completely or has failed.
            switch output {
            case .send(let bytes):
                guard (try? Sockets.send(attempt.handshake.file.raw, bytes[...])) == bytes.count else { return end(attempt) }
                arm(attempt, at: attempt.ending.deadline)
            case .connect: return end(attempt)
            case .finished(let result):
                // A successful login is no error.
                attempt.isHarmless = result.status.isPass
                return end(attempt)
            }
        }
    }

    /// Leaves a server that has not answered in time, unless its answer has just arrived. The connection is reset, because a server does not count a connection
    /// that is reset before the greeting.
    private func abandon(_ attempt: Attempt) {
        let wasAwaiting = attempt.ending.isAwaitingFirstPacket
        receive(attempt)
        guard attempts.contains(where: { $0 === attempt }), attempt.ending.isAwaitingFirstPacket == wasAwaiting else { return }
        if wasAwaiting { attempt.isHarmless = true }
        Sockets.resetAtClose(attempt.handshake.file.raw)
        end(attempt)
    }

    private func end(_ attempt: Attempt) {
        guard let index = attempts.firstIndex(where: { $0 === attempt }) else { return }
        attempts.remove(at: index)
        if let timer = attempt.timer { reactor.cancel(timer) }
        reactor.unwatch(attempt.handshake.file.raw)
        state.serverCells[attempt.handshake.server].pointee.handshakes.leave()
        let backend = attempt.handshake.backend
        if !attempt.isHarmless, !isStopping { failed(ServerReference(backend: backend, server: attempt.handshake.server - state.firstServers[backend])) }
    }
}
