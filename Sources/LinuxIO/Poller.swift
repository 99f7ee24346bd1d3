import CLinux
import Glibc

/// An epoll instance.
package struct Poller: ~Copyable {
    private let descriptor: FileDescriptor

    /// Opens an epoll instance.
    package init() throws(SystemError) {
        let raw = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard raw >= 0 else { throw .last("epoll_create1") }
        descriptor = FileDescriptor(owning: raw)
    }

    /// Returns a second descriptor of this instance. It is readable while any registered descriptor is ready.
    package borrowing func duplicate() throws(SystemError) -> OpenFile {
        let raw = fcntl(descriptor.raw, F_DUPFD_CLOEXEC, 0)
        guard raw >= 0 else { throw .last("fcntl") }
        return OpenFile(FileDescriptor(owning: raw))
    }

    /// Registers `raw` for `events`. Each event carries `token`.
    package borrowing func add(_ raw: Int32, events: UInt32, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_ADD, raw, events: events, token: token)
    }

    /// Changes the events of a registered `raw`.
    package borrowing func modify(_ raw: Int32, events: UInt32, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_MOD, raw, events: events, token: token)
    }

    /// Unregisters `raw`. Closing the last copy of a descriptor has the same effect.
    package borrowing func remove(_ raw: Int32) {
        var event = epoll_event()
        _ = epoll_ctl(descriptor.raw, EPOLL_CTL_DEL, raw, &event)
    }

    /// Waits up to `milliseconds` (-1: without limit) and fills `events`. Returns the number of events; 0 after a timeout or a signal.
    package borrowing func wait(_ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: Int32) -> Int {
        Int(max(0, epoll_wait(descriptor.raw, events.baseAddress, Int32(events.count), milliseconds)))
    }

    private borrowing func control(_ operation: Int32, _ raw: Int32, events: UInt32, token: UInt64) throws(SystemError) {
        var event = epoll_event()
        event.events = events
        event.data.u64 = token
        guard epoll_ctl(descriptor.raw, operation, raw, &event) == 0 else { throw .last("epoll_ctl") }
    }
}

/// An eventfd: any thread can wake the thread that polls it.
package struct WakeUp: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// Opens an eventfd.
    package init() throws(SystemError) {
        let raw = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard raw >= 0 else { throw .last("eventfd") }
        descriptor = FileDescriptor(owning: raw)
    }

    /// The descriptor's number, for polling.
    package var raw: Int32 { descriptor.raw }

    /// Makes `raw` readable.
    package borrowing func signal() {
        var one: UInt64 = 1
        _ = write(descriptor.raw, &one, 8)
    }

    /// Makes `raw` unreadable again.
    package borrowing func clear() {
        var count: UInt64 = 0
        _ = read(descriptor.raw, &count, 8)
    }
}
