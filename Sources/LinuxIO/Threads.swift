import CLinux
import Glibc

/// A running thread that can be joined.
package struct Thread: ~Copyable, Sendable {
    private let handle: pthread_t

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts `body` on a thread called `name` (the kernel keeps 15 bytes). Signals are blocked in the new thread.
    package init(named name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        var handle = pthread_t()
        let argument = Unmanaged.passRetained(Body(body))
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        // A new thread inherits its creator's name. The creator therefore takes the new name during the start: a filter of system calls may refuse the call
        // in the new thread.
        var creator = [CChar](repeating: 0, count: 16)
        clinux_thread_name(&creator)
        clinux_name_thread(name)
        let code = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                body.run()
                return nil
            }, argument.toOpaque())
        clinux_name_thread(&creator)
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            argument.release()
            throw SystemError("pthread_create", code: code)
        }
        self.handle = handle
    }

    /// Waits for the end of the thread.
    package consuming func join() { pthread_join(handle, nil) }
}
