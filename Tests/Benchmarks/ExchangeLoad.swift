import CLinux
import Glibc
import LinuxIO
import Wire

/// The result of a load run: of its window, not of its warm-up.
struct LoadReport: Equatable, Sendable {
    /// Exchanges or bytes.
    var count: Int64 = 0
    /// The window's length.
    var windowNanoseconds: Int64 = 0
    /// CPU time of the measured processes in the window.
    var processorNanoseconds: Int64 = 0
    /// Private memory of the measured processes before and after.
    var memoryBefore: Int64 = 0
    /// See `memoryBefore`.
    var memoryAfter: Int64 = 0
    /// Failed exchanges, warm-up and end included.
    var errorCount: Int64 = 0
    /// The call that failed first, or a description of the failure.
    var firstErrorCall = "none"
    /// Its errno.
    var firstErrorCode: Int32 = 0
}

/// The settings of a load run.
struct LoadSettings: Sendable {
    /// The traffic.
    var shape: Shape
    /// The proxy.
    var destination: SocketAddress
    /// Concurrent connections.
    var connectionCount: Int
    /// The time before the window.
    var warmUp: Duration
    /// The measured time; for `idle`, the time for which the connections stay idle.
    var window: Duration
    /// Processes whose CPU and memory are measured.
    var measured: [pid_t] = []
}

/// Exchanges on many connections at once: one epoll loop, edge-triggered, without allocations per event.
struct ExchangeLoad: ~Copyable {
    private struct Slot {
        var raw: Int32 = -1
        var step: Int32 = 0
        var moved: Int32 = 0
        var isHeld = false
        var token: UInt64 = 0
    }

    private static let eventsMax = 256
    /// The local addresses of the connections, in turn: each has 28,000 source ports.
    private static let sourceCount = 16
    private static let firstSource: UInt32 = 0x7f00_6401  // 127.0.100.1
    /// The number of `idle` connections that are opened at the same time.
    private static let openingMax = 128
    /// The time limit of the last exchanges.
    private static let drainMax = Duration.seconds(5)
    private static let bindAddressNoPort: Int32 = 24

    private let settings: LoadSettings
    private let poller: Poller
    private let script: Script
    private let destination: RawSocketAddress
    private let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: eventsMax)
    private let slots: UnsafeMutableBufferPointer<Slot>
    private let message = UnsafeMutableRawPointer.allocate(byteCount: Message.bytesMax, alignment: 16)
    private var opened = 0
    private var isDraining = false
    private var busyCount = 0
    private var completed: Int64 = 0
    private var report = LoadReport()

    /// Prepares the run; no connection is open yet.
    init(_ settings: LoadSettings) throws(SystemError) {
        self.settings = settings
        poller = try Poller()
        script = Script(settings.shape.script)
        destination = RawSocketAddress(settings.destination)
        slots = .allocate(capacity: settings.connectionCount)
        slots.initialize(repeating: Slot())
        message.initializeMemory(as: UInt8.self, repeating: UInt8(ascii: "c"), count: Message.bytesMax)
    }

    deinit {
        for slot in slots where slot.raw >= 0 { _ = close(slot.raw) }
        events.deallocate()
        slots.deallocate()
        message.deallocate()
    }

    /// Runs warm-up, window and end.
    mutating func run() -> LoadReport {
        if settings.shape == .idle { return runIdle() }
        for index in 0..<slots.count { open(index) }
        turn(for: settings.warmUp)
        let before = Sample(of: settings.measured, count: completed)
        turn(for: settings.window)
        before.subtract(from: Sample(of: settings.measured, count: completed), into: &report)
        isDraining = true
        let end = MonotonicClock.now().advanced(by: Self.drainMax)
        while busyCount > 0, MonotonicClock.now() < end { turnOnce() }
        failBusy()
        return report
    }

    /// Opens all connections, exchanges once on each, and holds them.
    private mutating func runIdle() -> LoadReport {
        report.memoryBefore = ProcessAccounting.privateMemoryBytes(of: settings.measured)
        let end = MonotonicClock.now().advanced(by: .seconds(30))
        while completed < slots.count, MonotonicClock.now() < end, report.errorCount == 0 {
            while opened < slots.count, busyCount < Self.openingMax {
                open(opened)
                opened += 1
            }
            turnOnce()
        }
        failBusy()
        if completed < slots.count, report.errorCount == 0 {
            (report.errorCount, report.firstErrorCall, report.firstErrorCode) = (1, "too slow to open", ETIMEDOUT)
        }
        turn(for: settings.window)
        report.count = completed
        report.memoryAfter = ProcessAccounting.privateMemoryBytes(of: settings.measured)
        return report
    }

    private mutating func turn(for duration: Duration) {
        let end = MonotonicClock.now().advanced(by: duration)
        while MonotonicClock.now() < end { turnOnce() }
    }

    private mutating func turnOnce() {
        let count = poller.wait(events, milliseconds: 10)
        for index in 0..<count { advance(Int(events[index].data.u64)) }
    }

    private mutating func failBusy() {
        for index in 0..<slots.count where slots[index].raw >= 0 && !slots[index].isHeld { fail(index, "stalled", ETIMEDOUT) }
    }

    private mutating func open(_ index: Int) {
        let raw: Int32
        do throws(SystemError) {
            raw = try Sockets.open(.stream, for: settings.destination).release()
            slots[index] = Slot(raw: raw, token: slots[index].token &+ 1 | UInt64(index) << 40)
            busyCount += 1
            if settings.shape != .idle { try bindSource(raw, number: slots[index].token) }
        } catch { return fail(index, error.call, error.code) }
        let result = destination.withPointer { Glibc.connect(raw, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else { return fail(index, "connect", errno) }
        do throws(SystemError) {
            let interest = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
            try poller.add(raw, events: interest, token: UInt64(index))
        } catch { fail(index, error.call, error.code) }
    }

    private borrowing func bindSource(_ raw: Int32, number: UInt64) throws(SystemError) {
        let source = Self.firstSource + UInt32(number % UInt64(Self.sourceCount))
        try Sockets.set(Self.bindAddressNoPort, at: Int32(IPPROTO_IP), to: 1, on: raw)
        try Sockets.bind(raw, to: .ip(.v4(source), port: 0))
    }

    /// Follows the script as far as the socket permits. Called at any edge, also before the connect has ended.
    private mutating func advance(_ index: Int) {
        let slot = slots.baseAddress.unsafelyUnwrapped + index
        guard slot.pointee.raw >= 0 else { return }
        if slot.pointee.isHeld { return checkHeld(index) }
        while true {
            let step = script.steps[Int(slot.pointee.step)]
            let remaining = Int(abs(step) - slot.pointee.moved)
            let moved: Int
            if step > 0 {
                message.storeBytes(of: Message.exchange, as: UInt8.self)
                message.storeBytes(of: slot.pointee.token, toByteOffset: Message.tokenOffset, as: UInt64.self)
                moved = send(slot.pointee.raw, message, remaining, Int32(MSG_NOSIGNAL))
            } else {
                moved = recv(slot.pointee.raw, message, remaining, 0)
                guard moved != 0 else { return fail(index, "early end", EPIPE) }
            }
            guard moved > 0 else {
                if errno != EAGAIN { fail(index, step > 0 ? "send" : "recv", errno) }
                return
            }
            if step < 0, slot.pointee.step > 0, slot.pointee.moved == 0, !isAnswer(slot.pointee.token, count: moved) {
                return fail(index, "wrong answer", EILSEQ)
            }
            slot.pointee.moved += Int32(moved)
            guard Int(slot.pointee.moved) == Int(abs(step)) else { continue }
            slot.pointee.moved = 0
            slot.pointee.step += 1
            if Int(slot.pointee.step) == script.steps.count, !complete(index) { return }
            // Another edge reports the answer, even if the answer has arrived already.
            if step > 0 { return }
        }
    }

    /// True when the server's message begins with the token of the client's message.
    private borrowing func isAnswer(_ token: UInt64, count: Int) -> Bool {
        count < Message.tokenBytes || message.load(as: UInt64.self) == token
    }

    /// Counts a successful exchange. True when the connection continues with the next one.
    private mutating func complete(_ index: Int) -> Bool {
        completed += 1
        if settings.shape == .idle {
            slots[index].isHeld = true
            busyCount -= 1
            return false
        }
        if settings.shape == .requests, !isDraining {
            slots[index].step = 0
            slots[index].token &+= 1
            return true
        }
        end(index)
        if !isDraining { open(index) }
        return false
    }

    /// Fails a held connection that has ended or received bytes. Spurious edges are ignored.
    private mutating func checkHeld(_ index: Int) {
        let got = recv(slots[index].raw, message, 1, Int32(MSG_PEEK))
        if got >= 0 || errno != EAGAIN { fail(index, "closed while idle", got >= 0 ? EPIPE : errno) }
    }

    private mutating func end(_ index: Int) {
        guard slots[index].raw >= 0 else { return }
        _ = close(slots[index].raw)
        slots[index].raw = -1
        if !slots[index].isHeld { busyCount -= 1 }
    }

    /// Counts a failed exchange. Its slot stays empty, so that a refusing proxy does not get a million connects.
    private mutating func fail(_ index: Int, _ call: String, _ code: Int32) {
        if report.errorCount == 0 { (report.firstErrorCall, report.firstErrorCode) = (call, code) }
        report.errorCount += 1
        end(index)
    }
}
