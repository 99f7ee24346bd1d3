import ClusterWorld
import Foundation
import LinuxIO
import Support
import Synchronization
import Testing
import Wire

/// The release program in front of two servers on loopback, with counters in its forwarding threads.
final class HotPathBench {
    /// Totals of the forwarding threads: `struct hotpath_counts` of the preloaded library.
    struct Counts: BitwiseCopyable {
        /// Accepted connections and closed descriptors.
        var accepts: UInt64 = 0
        var closes: UInt64 = 0
        /// Calls of the Swift runtime: references added and dropped, objects created.
        var retains: UInt64 = 0
        var releases: UInt64 = 0
        var objects: UInt64 = 0
        /// Blocks taken from the C library's allocator, the runtime's included.
        var blocks: UInt64 = 0
        /// Copies of 256 bytes and more.
        var copies: UInt64 = 0

        static func - (after: Counts, before: Counts) -> Counts {
            Counts(
                accepts: after.accepts - before.accepts, closes: after.closes - before.closes, retains: after.retains - before.retains,
                releases: after.releases - before.releases, objects: after.objects - before.objects, blocks: after.blocks - before.blocks,
                copies: after.copies - before.copies)
        }
    }

    /// Bytes of a request and of its answer.
    static let requestBytes = 64
    static let responseBytes = 512

    private let folder: String
    private let servers: [AnsweringServer]
    private let log: FileDescriptor
    private let port: HeldPort
    private let process: ChildProcess
    private let counted: UnsafeMutablePointer<Counts>

    /// - Parameters:
    ///   - options: lines of the proxy's section.
    ///   - serverOptions: words of each `server` line.
    ///   - launcher: a command that starts the program.
    ///   - isCounted: whether calls of forwarding threads are counted.
    init(options: [String] = [], serverOptions: String = "", launcher: [String] = [], isCounted: Bool = true) throws {
        folder = "/tmp/tsk-hot-path-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        servers = [try AnsweringServer(), try AnsweringServer()]
        let loopback = SocketAddress.ip(.v4(0x7f00_0001), port: 0)
        log = try Sockets.open(.datagram, for: loopback)
        try Sockets.bind(log.raw, to: loopback)
        port = try HeldPort()
        let lines = servers.enumerated().map { "    server s\($0 + 1) \($1.address) \(serverOptions)" }
        let configuration = """
            global
                nbthread 2
                maxconn 200
                log 127.0.0.1:\(Sockets.localAddress(log.raw)?.port ?? 0) local0
            defaults
                mode tcp
                balance roundrobin
                timeout connect 5s
                timeout client 5m
                timeout server 5m
            listen in
                bind \(port.address)
            \((options.map { "    \($0)" } + lines).joined(separator: "\n"))

            """
        try configuration.write(toFile: "\(folder)/cfg", atomically: false, encoding: .utf8)
        let file = open("\(folder)/counts", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(file >= 0 && ftruncate(file, MemoryLayout<Counts>.size) == 0)
        defer { close(file) }
        let map = mmap(nil, MemoryLayout<Counts>.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        counted = try #require(map != MAP_FAILED ? map : nil).bindMemory(to: Counts.self, capacity: 1)
        let environment = ["LD_PRELOAD=\(hotPathHooks)", "HOT_PATH_COUNTS=\(folder)/counts", "HOT_PATH_THREADS=forwarding "]
        process = try ChildProcess(["env"] + (isCounted ? environment : []) + launcher + [ProxyProgram.tsukada.path, "-db", "-f", "\(folder)/cfg"])
        try eventually(within: 20, "the proxy to serve: \(process.output)") { connectOnce() != nil }
        // This connection must not count in a test.
        if isCounted { _ = try difference(since: Counts(), sessions: 1) }
    }

    deinit {
        process.send(signal: SIGKILL)
        _ = try? process.wait(within: 10)
        munmap(counted, MemoryLayout<Counts>.size)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The program's process.
    var pid: Int32 { process.pid }

    /// The present totals.
    var counts: Counts { counted.pointee }

    /// Runs sessions one after the other, each with `requests` requests, and waits until the program has closed both sockets of each.
    ///
    /// - Returns: the difference of the totals, from before the first accept until after the last close.
    func run(sessions: Int, requests: Int) throws -> Counts {
        let before = counts
        for _ in 0..<sessions { try exchange(requests) }
        return try difference(since: before, sessions: sessions)
    }

    /// Connects, sends `requests` requests one after the other, reads their answers, and closes.
    func exchange(_ requests: Int = 1) throws {
        var request = [UInt8](repeating: 1, count: Self.requestBytes)
        var answer = [UInt8](repeating: 0, count: Self.responseBytes)
        guard let client = connectOnce() else { throw ChildProcessError(description: "connect: errno \(errno)") }
        for number in 0..<requests {
            request[0] = UInt8(truncatingIfNeeded: number)
            try #require(send(client.raw, request, request.count, Int32(MSG_NOSIGNAL)) == request.count)
            try #require(recv(client.raw, &answer, answer.count, Int32(MSG_WAITALL)) == answer.count)
            try #require(answer[0] == request[0] &+ 1)
        }
    }

    /// Waits until this number of sessions have ended since `before`.
    private func difference(since before: Counts, sessions: Int) throws -> Counts {
        try eventually(within: 20, "\(sessions) sessions to end: \(counts)") { counts.closes - before.closes >= 2 * UInt64(sessions) }
        return counts - before
    }

    /// A new, blocking connection to the program; `nil` when it is refused.
    func connectOnce() -> FileDescriptor? {
        let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { return nil }
        let client = FileDescriptor(owning: raw)
        limitWaits(SO_RCVTIMEO, to: 60_000, on: raw)
        guard RawSocketAddress(port.address).withPointer({ connect(raw, $0, $1) }) == 0 else { return nil }
        return client
    }

    /// The next log line that has arrived; `nil` without one.
    func logLine() -> String? {
        var bytes = [UInt8](repeating: 0, count: 2048)
        let count = recv(log.raw, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}

/// A server that answers each request of `HotPathBench` on one connection after the other.
private final class AnsweringServer: Sendable {
    let address: SocketAddress
    private let listener: OpenFile

    init() throws {
        let listener = OpenFile(FileDescriptor(owning: try listenBlocking(.ip(.v4(0x7f00_0001), port: 0), backlog: 128)))
        address = try #require(Sockets.localAddress(listener.raw))
        self.listener = listener
        Foundation.Thread.detachNewThread { Self.serve(listener) }
    }

    deinit { shutdown(listener.raw, Int32(SHUT_RDWR)) }

    /// Ends when the listener is shut down.
    private static func serve(_ listener: OpenFile) {
        acceptEach(listener.raw) { client in
            Foundation.Thread.detachNewThread { answer(FileDescriptor(owning: client)) }
        }
    }

    private static func answer(_ client: consuming FileDescriptor) {
        var request = [UInt8](repeating: 0, count: HotPathBench.requestBytes)
        var response = [UInt8](repeating: 0, count: HotPathBench.responseBytes)
        while recv(client.raw, &request, request.count, Int32(MSG_WAITALL)) == request.count {
            response[0] = request[0] &+ 1
            guard send(client.raw, response, response.count, Int32(MSG_NOSIGNAL)) == response.count else { return }
        }
    }
}
