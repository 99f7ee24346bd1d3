import LinuxIO
import Synchronization
import Wire

/// The data plane: its threads, started and stopped together.
package final class Forwarder {
    /// Hands a forwarding thread over to the thread that runs it.
    private final class Handover: Sendable {
        private let thread: Mutex<ForwardingThread?>
        /// Keeps the state alive: the forwarding thread holds only addresses into it.
        private let state: ForwardingState

        init(_ thread: consuming sending ForwardingThread, state: ForwardingState) {
            self.thread = Mutex(thread)
            self.state = state
        }

        func run() {
            guard var thread = thread.withLock({ $0.take() }) else { return }
            thread.run()
        }
    }

    /// The state that forwarding threads share.
    package let state: ForwardingState
    /// Each thread's epoll instance, readable while an event waits for the thread.
    let pollers: [OpenFile]
    private var threads: [JoinOnce] = []

    /// A thread that can be joined at most once.
    private final class JoinOnce {
        private var thread: LinuxIO.Thread?
        init(_ thread: consuming LinuxIO.Thread) { self.thread = consume thread }
        func join() { thread.take()?.join() }
    }

    /// Creates and starts a thread for each element of `listeners`.
    package init(state: ForwardingState, listeners: [[ThreadListener]]) throws(SystemError) {
        precondition(listeners.count == state.counters.count, "listeners for \(listeners.count) of \(state.counters.count) threads")
        self.state = state
        var handovers: [Handover] = []
        var pollers: [OpenFile] = []
        for index in listeners.indices {
            let thread = try ForwardingThread(index: index, state: state, listeners: listeners[index])
            pollers.append(try thread.poller.duplicate())
            handovers.append(Handover(thread, state: state))
        }
        self.pollers = pollers
        do throws(SystemError) {
            for (index, handover) in handovers.enumerated() {
                threads.append(JoinOnce(try LinuxIO.Thread(named: "forwarding \(index + 1)") { handover.run() }))
            }
        } catch {
            stop()
            throw error
        }
    }

    /// Closes the listeners after accepting the connections that wait on them. Sessions continue.
    package func stopListening() {
        for thread in state.counters.indices { state.mailboxes[thread].pointee.post(.stopListening) }
    }

    /// Closes the listeners immediately because another process needs their addresses. Waiting connections are accepted as far as limits allow. Sessions
    /// continue.
    package func closeListeners() {
        for thread in state.counters.indices { state.mailboxes[thread].pointee.post(.closeListeners) }
    }

    /// True once every thread has closed its listeners.
    package var hasStoppedListening: Bool { state.process[0].pointee.stoppedThreads.load(ordering: .acquiring) >= state.counters.count }

    /// Ends every session of a server.
    package func shutdownSessions(of server: ServerReference, because reason: SessionShutdown = .serverDown) {
        for thread in state.counters.indices {
            state.mailboxes[thread].pointee.post(.shutdownSessions(server: UInt32(state.flatIndex(server)), because: reason))
        }
    }

    /// Ends up to `count` sessions, spread over the threads in proportion to their sessions at their last wake-up.
    package func close(sessions count: Int) {
        let held = state.counters.map { Int($0.own.sessionsNow.value) }
        let total = held.reduce(0, +)
        let wanted = min(count, total)
        var left = wanted
        // The fullest thread comes first, so that rounding up does not end another thread's only session.
        for thread in held.indices.sorted(by: { (held[$1], $0) < (held[$0], $1) }) where left > 0 && held[thread] > 0 {
            let part = min(left, (held[thread] * wanted + total - 1) / total)
            state.mailboxes[thread].pointee.post(.close(sessions: part))
            left -= part
        }
    }

    /// Asks the threads to find their oldest session. `oldestSession` has the result a moment later.
    package func findOldest() {
        for thread in state.counters.indices { state.mailboxes[thread].pointee.post(.findOldest) }
    }

    /// When the oldest session was accepted, as of the last `findOldest`; `nil` without sessions.
    package var oldestSession: Instant? {
        let milliseconds = state.counters.map { $0.own.oldestSession.value }.filter { $0 > 0 }.min()
        return milliseconds.map { Instant(nanoseconds: Int64(clamping: $0) * 1_000_000) }
    }

    /// Ends every session and waits for the threads to end.
    package func stop() {
        for thread in state.counters.indices { state.mailboxes[thread].pointee.post(.stop) }
        for thread in threads { thread.join() }
        threads = []
    }
}
