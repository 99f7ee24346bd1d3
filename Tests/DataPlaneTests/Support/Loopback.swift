import CLinux
import Glibc
import LinuxIO
import Support
import Synchronization
import Wire

/// A blocking socket for a test's client or small server, with a deadline on every wait.
final class TestSocket: Sendable {
    /// The limit of every single wait in a test.
    static let waitSecondsMax = 240

    let raw: Int32
    private let isClosed = Mutex(false)

    /// Takes over `raw` and makes it blocking, with timeouts.
    init(owning raw: Int32) {
        precondition(raw >= 0, "no descriptor: errno \(errno)")
        self.raw = raw
        _ = fcntl(raw, F_SETFL, fcntl(raw, F_GETFL) & ~O_NONBLOCK)
        var limit = timeval(tv_sec: Self.waitSecondsMax, tv_usec: 0)
        setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Connects to `address`; `receiveBuffer` limits the kernel's buffer for a slow reader.
    convenience init?(to address: SocketAddress, receiveBuffer: Int32? = nil) {
        guard let descriptor = try? Sockets.open(.stream, for: address) else { return nil }
        self.init(owning: descriptor.release())
        if let receiveBuffer { try? Sockets.set(SO_RCVBUF, at: SOL_SOCKET, to: receiveBuffer, on: raw) }
        let result = RawSocketAddress(address).withPointer { Glibc.connect(raw, $0, $1) }
        guard result == 0 else { return nil }
    }

    deinit { close() }

    func close() {
        isClosed.withLock { isClosed in
            guard !isClosed else { return }
            isClosed = true
            Glibc.close(raw)
        }
    }

    /// Ends both directions and every wait, from any thread.
    func interrupt() { shut(SHUT_RDWR) }

    /// Closes with a RST.
    func reset() {
        isClosed.withLock { isClosed in
            guard !isClosed else { return }
            isClosed = true
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(raw, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
            Glibc.close(raw)
        }
    }

    var isOpen: Bool { isClosed.withLock { !$0 } }

    func finishSending() { shut(SHUT_WR) }

    /// No effect after `close`: the number may belong to another test's socket by then.
    private func shut(_ how: Int) { isClosed.withLock { if !$0 { shutdown(raw, Int32(how)) } } }

    /// Sends all of `bytes`; false when the peer is gone.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var start = 0
        while start < bytes.count {
            let sent = bytes.withUnsafeBytes { Glibc.send(raw, $0.baseAddress.map { $0 + start }, bytes.count - start, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return false }
            start += sent
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// One read: empty at the end of the stream, `nil` on an error (errno has the code).
    func receive(upTo count: Int = 65_536) -> [UInt8]? {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            let received = recv(raw, buffer.baseAddress, count, 0)
            used = max(0, received)
            failed = received < 0
        }
        return failed ? nil : bytes
    }

    /// Exactly `count` bytes as text; fewer when the stream ends before.
    func text(_ count: Int) -> String {
        var all: [UInt8] = []
        while all.count < count, let more = receive(upTo: count - all.count), !more.isEmpty { all += more }
        return String(decoding: all, as: UTF8.self)
    }

    /// All bytes until the end of the stream or an error.
    func textToEnd() -> String {
        var all: [UInt8] = []
        while let more = receive(), !more.isEmpty { all += more }
        return String(decoding: all, as: UTF8.self)
    }

    /// True when the next read returns the end of the stream.
    func hasEnded() -> Bool { receive() == [] }

    var localPort: UInt16 { Sockets.localAddress(raw)?.port ?? 0 }
}

/// A copyable owner of a thread.
final class TestThread: Sendable {
    private let thread: Mutex<LinuxIO.Thread?>

    init(_ body: @escaping @Sendable () -> Void) {
        do throws(SystemError) { thread = Mutex(try LinuxIO.Thread(named: "test", body)) } catch { fatalError("\(error)") }
    }

    func join() {
        let thread = thread.withLock { $0.take() }
        thread?.join()
    }
}

/// A listening socket and a thread for every connection to it. After `stop`, connects to `address` are refused.
final class TestServer: Sendable {
    let address: SocketAddress
    private let port: HeldPort?
    private let listener: TestSocket
    private let connections = Mutex<[TestSocket]>([])
    private let threads = Mutex<[TestThread]>([])
    private let accepted = Atomic<Int>(0)
    private let present = Atomic<Int>(0)

    /// The number of connections so far, and at present.
    var acceptedCount: Int { accepted.load(ordering: .relaxed) }
    var presentCount: Int { present.load(ordering: .relaxed) }

    /// Serves every connection with `serve`, which may return at any time.
    convenience init(
        _ address: SocketAddress = .ip(.v4(0x7f00_0001), port: 0), receiveBuffer: Int32? = nil, _ serve: @escaping @Sendable (TestSocket) -> Void
    ) {
        let port = TestServer.held(address)
        let address = port?.address ?? address
        self.init(listening: TestServer.listen(address, receiveBuffer: receiveBuffer), at: address, holding: port, serve)
    }

    /// Serves the connections of `listener` in the same way.
    ///
    /// - Parameter address: the listener's address; `nil` to ask the kernel.
    init(
        listening listener: TestSocket, at address: SocketAddress? = nil, holding port: HeldPort? = nil, _ serve: @escaping @Sendable (TestSocket) -> Void
    ) {
        (self.listener, self.port) = (listener, port)
        self.address = address ?? Sockets.localAddress(listener.raw) ?? .unix("")
        let thread = TestThread { [self] in
            while true {
                let raw = acceptBlocking(listener.raw)
                if raw < 0 {
                    guard [EAGAIN, EINTR, ECONNABORTED].contains(-raw) else { return }
                    continue
                }
                begin(TestSocket(owning: raw), serve)
            }
        }
        threads.withLock { $0.append(thread) }
    }

    private func begin(_ socket: TestSocket, _ serve: @escaping @Sendable (TestSocket) -> Void) {
        accepted.wrappingAdd(1, ordering: .relaxed)
        present.wrappingAdd(1, ordering: .relaxed)
        connections.withLock { $0.append(socket) }
        let thread = TestThread { [self] in
            serve(socket)
            present.wrappingSubtract(1, ordering: .relaxed)
            connections.withLock { all in
                all.removeAll { $0 === socket }
                socket.close()
            }
        }
        threads.withLock { $0.append(thread) }
    }

    /// The port that the kernel chooses for `address`; `nil` if the caller has chosen it, and for a path.
    static func held(_ address: SocketAddress) -> HeldPort? {
        guard address.port == 0 else { return nil }
        do throws(SystemError) { return try HeldPort(at: address) } catch { fatalError("\(error)") }
    }

    static func listen(_ address: SocketAddress, backlog: Int32 = 1024, receiveBuffer: Int32? = nil, sharesPort: Bool = false) -> TestSocket {
        do throws(SystemError) {
            let descriptor = try Sockets.open(.stream, for: address)
            if case .ip = address { try Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: descriptor.raw) }
            if sharesPort { try Sockets.set(SO_REUSEPORT, at: SOL_SOCKET, to: 1, on: descriptor.raw) }
            if let receiveBuffer { try Sockets.set(SO_RCVBUF, at: SOL_SOCKET, to: receiveBuffer, on: descriptor.raw) }
            try Sockets.bind(descriptor.raw, to: address)
            try Sockets.listen(descriptor.raw, backlog: backlog)
            return TestSocket(owning: descriptor.release())
        } catch { fatalError("\(error)") }
    }

    /// Closes everything and waits for the threads. A second call has no effect.
    func stop() {
        listener.interrupt()
        let first = threads.withLock { $0.first }
        first?.join()
        connections.withLock { for socket in $0 { socket.interrupt() } }
        for thread in threads.withLock({ $0 }) { thread.join() }
        listener.close()
    }

    /// Greets with `name`, then echoes to the end of the stream.
    static func echo(_ name: String, at address: SocketAddress = .ip(.v4(0x7f00_0001), port: 0)) -> TestServer {
        TestServer(address) { socket in
            guard socket.send(name) else { return }
            while let bytes = socket.receive(), !bytes.isEmpty, socket.send(bytes) {}
        }
    }

    /// Neither sends nor reads until the peer or the test ends.
    static func silent() -> TestServer { TestServer { socket in _ = socket.receive(upTo: 1) } }

    /// A refusing address, held for the rest of the process. A `TestServer` may take it.
    static func refusing() -> SocketAddress {
        do throws(SystemError) {
            let port = try HeldPort()
            port.keepUntilExit()
            return port.address
        } catch { fatalError("\(error)") }
    }
}

/// Polls until `condition` holds or the deadline has passed.
func eventually(_ condition: () -> Bool) -> Bool {
    Support.eventually(within: Double(TestSocket.waitSecondsMax), condition)
}
