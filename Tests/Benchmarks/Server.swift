import CLinux
import Glibc
import LinuxIO
import Wire

/// The servers behind the proxies: one epoll loop, a table indexed by descriptor, without allocations per event.
///
/// Plain ports answer 64 B with 512 B, or stream, as the client's first byte requests; greeting ports send first. A connection that
/// breaks the script is reset, so that its client sees an error.
struct Server: ~Copyable {
    /// The use of a descriptor.
    private enum Role {
        case unused, listener(Service), exchange(Service), download, upload
    }

    private struct Entry {
        var role = Role.unused
        /// The position in the script.
        var step: Int32 = 0
        /// The bytes moved in this step.
        var moved: Int32 = 0
        /// The bytes streamed.
        var position: Int64 = 0
        /// The token of the client's last message.
        var token: UInt64 = 0
    }

    private static let eventsMax = 256
    private static let acceptsMax = 64
    /// An orphaned server ends after this number of seconds.
    private static let secondsMax: UInt32 = 3600

    private let poller: Poller
    private let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: eventsMax)
    private let entries: UnsafeMutableBufferPointer<Entry>
    private let message = UnsafeMutableRawPointer.allocate(byteCount: Message.bytesMax, alignment: 16)
    private let pattern = StreamPattern()
    private let plainScript = Script(Message.plainScript)
    private let greetingScript = Script(Message.greetingScript)

    /// A table for as many connections as the process may have descriptors.
    init() throws(SystemError) {
        poller = try Poller()
        entries = .allocate(capacity: DescriptorLimit.current())
        entries.initialize(repeating: Entry())
        message.initializeMemory(as: UInt8.self, repeating: UInt8(ascii: "s"), count: Message.bytesMax)
    }

    deinit {
        events.deallocate()
        entries.deallocate()
        message.deallocate()
    }

    /// Opens a listening socket and returns its address.
    mutating func listen(on address: SocketAddress, service: Service) throws(SystemError) -> SocketAddress? {
        let raw = try Sockets.open(.stream, for: address).release()
        try Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: raw)
        try Sockets.set(Int32(TCP_NODELAY), at: Int32(IPPROTO_TCP), to: 1, on: raw)
        try Sockets.bind(raw, to: address)
        try Sockets.listen(raw, backlog: 4096)
        try poller.add(raw, events: EPOLLIN.rawValue, token: UInt64(raw))
        entries[Int(raw)].role = .listener(service)
        return Sockets.localAddress(raw)
    }

    /// Serves until `control` reaches its end (its other end is the coordinator's), or an hour has passed.
    mutating func run(until control: Int32) throws(SystemError) {
        try poller.add(control, events: EPOLLIN.rawValue | EPOLLRDHUP.rawValue, token: .max)
        let end = MonotonicClock.now().advanced(by: .seconds(Int64(Self.secondsMax)))
        while MonotonicClock.now() < end {
            let count = poller.wait(events, milliseconds: 1000)
            for index in 0..<count {
                let token = events[index].data.u64
                if token == .max { return }
                serve(Int32(token))
            }
        }
    }

    private mutating func serve(_ raw: Int32) {
        switch entries[Int(raw)].role {
        case .unused: break
        case .listener(let service): accept(from: raw, service: service)
        case .exchange(let service): exchange(raw, service: service)
        case .download: stream(raw, sent: pattern.send(raw, at: entries[Int(raw)].position))
        case .upload: stream(raw, sent: pattern.receive(raw, at: entries[Int(raw)].position))
        }
    }

    private mutating func accept(from listener: Int32, service: Service) {
        for _ in 0..<Self.acceptsMax {
            let raw = clinux_accept(listener, nil, nil)
            guard raw >= 0 else { return }
            guard Int(raw) < entries.count else {
                _ = close(raw)
                return
            }
            entries[Int(raw)] = Entry(role: .exchange(service))
            let interest = EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
            do { try poller.add(raw, events: interest, token: UInt64(raw)) } catch { reset(raw) }
            if service == .greeting { exchange(raw, service: service) }
        }
    }

    /// Follows the script as far as the socket permits.
    private mutating func exchange(_ raw: Int32, service: Service) {
        let steps = service == .plain ? plainScript.steps : greetingScript.steps
        let entry = entries.baseAddress.unsafelyUnwrapped + Int(raw)
        while true {
            let step = steps[Int(entry.pointee.step)]
            let moved: Int
            if step > 0 {
                moved = recv(raw, message, Int(step - entry.pointee.moved), 0)
                guard moved != 0 else { return finish(raw) }
                if moved > 0 { note(moved, in: entry) }
            } else {
                if entry.pointee.moved == 0 { message.storeBytes(of: entry.pointee.token, as: UInt64.self) }
                moved = send(raw, message, Int(-step - entry.pointee.moved), Int32(MSG_NOSIGNAL))
            }
            guard moved > 0 else {
                if errno != EAGAIN { reset(raw) }
                return
            }
            entry.pointee.moved += Int32(moved)
            guard entry.pointee.moved == abs(step) else { continue }
            entry.pointee.moved = 0
            entry.pointee.step += 1
            if Int(entry.pointee.step) == steps.count {
                if service == .greeting { return finish(raw) }
                entry.pointee.step = 0
            }
            if case .exchange = entry.pointee.role {} else { return beginStream(raw) }
            // The client has not sent its next message yet, and its arrival is a new edge.
            if step < 0 { return }
        }
    }

    /// Reads the token and the requested service in a piece of a client's message.
    private mutating func note(_ count: Int, in entry: UnsafeMutablePointer<Entry>) {
        guard entry.pointee.moved == 0, count >= Message.tokenOffset + Message.tokenBytes else { return }
        entry.pointee.token = message.load(fromByteOffset: Message.tokenOffset, as: UInt64.self)
        switch message.load(as: UInt8.self) {
        case Message.download: entry.pointee.role = .download
        case Message.upload: entry.pointee.role = .upload
        default: break
        }
    }

    private mutating func beginStream(_ raw: Int32) {
        if case .download = entries[Int(raw)].role {
            do { try poller.modify(raw, events: EPOLLOUT.rawValue, token: UInt64(raw)) } catch { reset(raw) }
        } else {
            do { try poller.modify(raw, events: EPOLLIN.rawValue, token: UInt64(raw)) } catch { reset(raw) }
        }
    }

    private mutating func stream(_ raw: Int32, sent count: Int) {
        if count >= 0 {
            entries[Int(raw)].position += Int64(count)
        } else if count == -Int(EPIPE) {
            finish(raw)
        } else {
            reset(raw)
        }
    }

    private mutating func finish(_ raw: Int32) {
        entries[Int(raw)].role = .unused
        _ = close(raw)
    }

    private mutating func reset(_ raw: Int32) {
        var abort = linger(l_onoff: 1, l_linger: 0)
        _ = setsockopt(raw, SOL_SOCKET, SO_LINGER, &abort, socklen_t(MemoryLayout<linger>.size))
        finish(raw)
    }
}

/// A script in separate memory, read without touching an array.
struct Script: ~Copyable {
    /// The script's steps.
    let steps: UnsafeMutableBufferPointer<Int32>

    /// A copy of `steps`.
    init(_ steps: [Int32]) {
        self.steps = .allocate(capacity: steps.count)
        _ = self.steps.initialize(from: steps)
    }

    deinit { steps.deallocate() }
}

/// The maximum number of descriptors of this process.
enum DescriptorLimit {
    /// The soft limit, never raised here; at most a million.
    static func current() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(min(limit.rlim_cur, 1_000_000))
    }
}
