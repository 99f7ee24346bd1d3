import CLinux
import Glibc
import LinuxIO
import Wire

/// A few connections that stream in one direction: level-triggered, one piece per event, without allocations per event.
struct StreamLoad: ~Copyable {
    private struct Slot {
        var raw: Int32 = -1
        var position: Int64 = 0
    }

    private static let slotsMax = 256

    private let settings: LoadSettings
    private let poller: Poller
    private let pattern = StreamPattern()
    private let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: slotsMax)
    private let slots = UnsafeMutableBufferPointer<Slot>.allocate(capacity: slotsMax)
    private var total: Int64 = 0
    private var report = LoadReport()

    /// Prepares the run; no connection is open yet.
    init(_ settings: LoadSettings) throws(SystemError) {
        precondition(settings.connectionCount <= Self.slotsMax, "at most \(Self.slotsMax) streams")
        self.settings = settings
        poller = try Poller()
        slots.initialize(repeating: Slot())
    }

    deinit {
        for slot in slots where slot.raw >= 0 { _ = close(slot.raw) }
        events.deallocate()
        slots.deallocate()
    }

    /// Runs warm-up and window, then drops the connections.
    mutating func run() -> LoadReport {
        for index in 0..<settings.connectionCount {
            do throws(SystemError) { try open(index) } catch { fail(index, error.call, error.code) }
        }
        turn(for: settings.warmUp)
        let positions = (0..<settings.connectionCount).map { slots[$0].position }
        let before = Sample(of: settings.measured, count: total)
        turn(for: settings.window)
        before.subtract(from: Sample(of: settings.measured, count: total), into: &report)
        for (index, position) in positions.enumerated() where slots[index].raw >= 0 && slots[index].position == position {
            fail(index, "stalled", ETIMEDOUT)
        }
        return report
    }

    /// Connects, waits for the connect, and sends the request that starts the stream.
    private mutating func open(_ index: Int) throws(SystemError) {
        let raw = try Sockets.open(.stream, for: settings.destination).release()
        slots[index].raw = raw
        _ = try Sockets.connect(raw, to: settings.destination)
        var ready = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
        guard poll(&ready, 1, 2000) == 1 else { throw SystemError("connect", code: ETIMEDOUT) }
        if let failure = Sockets.pendingError(raw) { throw failure }
        var request = [UInt8](repeating: 0, count: Message.requestBytes)
        request[0] = settings.shape == .download ? Message.download : Message.upload
        guard try Sockets.send(raw, request[...]) == request.count else { throw SystemError("send", code: EAGAIN) }
        try poller.add(raw, events: settings.shape == .download ? EPOLLIN.rawValue : EPOLLOUT.rawValue, token: UInt64(index))
    }

    private mutating func turn(for duration: Duration) {
        let end = MonotonicClock.now().advanced(by: duration)
        while MonotonicClock.now() < end {
            let count = poller.wait(events, milliseconds: 10)
            for index in 0..<count { advance(Int(events[index].data.u64)) }
        }
    }

    private mutating func advance(_ index: Int) {
        let slot = slots[index]
        guard slot.raw >= 0 else { return }
        let isDownload = settings.shape == .download
        let moved = isDownload ? pattern.receive(slot.raw, at: slot.position) : pattern.send(slot.raw, at: slot.position)
        guard moved >= 0 else { return fail(index, isDownload ? "recv" : "send", Int32(-moved)) }
        slots[index].position += Int64(moved)
        total += Int64(moved)
    }

    private mutating func fail(_ index: Int, _ call: String, _ code: Int32) {
        if report.errorCount == 0 { (report.firstErrorCall, report.firstErrorCode) = (call, code) }
        report.errorCount += 1
        if slots[index].raw >= 0 { _ = close(slots[index].raw) }
        slots[index].raw = -1
    }
}
