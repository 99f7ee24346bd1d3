import LinuxIO
import Synchronization
import Wire

/// The data plane: a thread for every worker, started and stopped together.
package final class Forwarder {
    /// A worker on its way to its thread.
    private final class Handover: Sendable {
        private let worker: Mutex<Worker?>

        init(_ worker: consuming sending Worker) { self.worker = Mutex(worker) }

        func run() {
            guard var worker = worker.withLock({ $0.take() }) else { return }
            worker.run()
        }
    }

    /// What the workers share.
    package let state: ForwardingState
    /// By worker: its epoll instance, readable while an event waits for the worker.
    let pollers: [OpenFile]
    private var threads: [JoinOnce] = []

    /// A thread that is waited for once.
    private final class JoinOnce {
        private var thread: LinuxIO.Thread?
        init(_ thread: consuming LinuxIO.Thread) { self.thread = consume thread }
        func join() { thread.take()?.join() }
    }

    /// Makes and starts the workers, one for each element of `listeners`.
    package init(state: ForwardingState, listeners: [[WorkerListener]]) throws(SystemError) {
        precondition(listeners.count == state.counters.count, "listeners for \(listeners.count) of \(state.counters.count) workers")
        self.state = state
        var handovers: [Handover] = []
        var pollers: [OpenFile] = []
        for index in listeners.indices {
            let worker = try Worker(index: index, state: state, listeners: listeners[index])
            pollers.append(try worker.poller.duplicate())
            handovers.append(Handover(worker))
        }
        self.pollers = pollers
        do throws(SystemError) {
            for (index, handover) in handovers.enumerated() {
                threads.append(JoinOnce(try LinuxIO.Thread(named: "worker \(index + 1)") { handover.run() }))
            }
        } catch {
            stop()
            throw error
        }
    }

    /// Closes the listeners, once what waits on them has been accepted. Sessions go on.
    package func stopListening() {
        for worker in state.counters.indices { state.mailboxes[worker].pointee.post(.stopListening) }
    }

    /// Closes the listeners immediately, since another process needs their addresses. Accepts their waiting connections as far as limits allow. Sessions go on.
    package func closeListeners() {
        for worker in state.counters.indices { state.mailboxes[worker].pointee.post(.closeListeners) }
    }

    /// True once every worker has closed its listeners.
    package var hasStoppedListening: Bool { state.process[0].pointee.stoppedWorkers.load(ordering: .acquiring) >= state.counters.count }

    /// Closes every session of a server.
    package func shutdownSessions(of server: ServerReference, because reason: SessionShutdown = .serverDown) {
        for worker in state.counters.indices {
            state.mailboxes[worker].pointee.post(.shutdownSessions(server: UInt32(state.flatIndex(server)), because: reason))
        }
    }

    /// Closes so many sessions, of each worker as its part of all is; no more than there were at its last wake-up.
    package func close(sessions count: Int) {
        let held = state.counters.map { Int($0.sessionsNow.value) }
        let total = held.reduce(0, +)
        let wanted = min(count, total)
        var left = wanted
        // The fullest first, so that what is rounded up does not end the only session of another.
        for worker in held.indices.sorted(by: { (held[$1], $0) < (held[$0], $1) }) where left > 0 && held[worker] > 0 {
            let part = min(left, (held[worker] * wanted + total - 1) / total)
            state.mailboxes[worker].pointee.post(.close(sessions: part))
            left -= part
        }
    }

    /// Lets the workers find their oldest session; a moment later `oldestSession` tells.
    package func findOldest() {
        for worker in state.counters.indices { state.mailboxes[worker].pointee.post(.findOldest) }
    }

    /// When the oldest session was accepted, as of the last `findOldest`; `nil` when there was none.
    package var oldestSession: Instant? {
        let milliseconds = state.counters.map { $0.oldestSession.value }.filter { $0 > 0 }.min()
        return milliseconds.map { Instant(nanoseconds: Int64(clamping: $0) * 1_000_000) }
    }

    /// Closes every session and waits for the threads to end.
    package func stop() {
        for worker in state.counters.indices { state.mailboxes[worker].pointee.post(.stop) }
        for thread in threads { thread.join() }
        threads = []
    }
}
