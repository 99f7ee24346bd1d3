import Glibc
import LinuxIO

/// Sockets that systemd has opened for this process, and what it wants to be told.
///
/// - SeeAlso: sd_listen_fds(3), sd_notify(3).
enum SocketActivation {
    private static let firstDescriptor: Int32 = 3
    private static let filesMax = 1024

    /// The sockets of `LISTEN_FDS`, if they are meant for this process; close-on-exec.
    static func files(environment: [String: String], process: Int32 = getpid()) -> [OpenFile] {
        guard environment["LISTEN_PID"].flatMap({ Int32($0) }) == process, let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }) else { return [] }
        guard (1...Int32(filesMax)).contains(count) else { return [] }
        return (firstDescriptor..<firstDescriptor + count).compactMap { number in
            let flags = fcntl(number, F_GETFL)
            guard flags >= 0, fcntl(number, F_SETFD, FD_CLOEXEC) == 0, fcntl(number, F_SETFL, flags | O_NONBLOCK) == 0 else { return nil }
            return OpenFile(FileDescriptor(owning: number))
        }
    }
}

/// Tells the supervisor how the service stands.
struct ServiceNotifier {
    /// A word to systemd.
    enum Word: Equatable {
        /// It serves.
        case ready
        /// It reads its configuration again.
        case reloading
        /// It ends.
        case stopping
        /// It lives.
        case watchdog
    }

    /// How often `watchdog` is to be said; `nil` for never.
    let watchdogInterval: Duration?
    private let path: String?

    /// Tells who `NOTIFY_SOCKET` names; nobody without it.
    init(environment: [String: String]) {
        path = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        let isOurs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        let limit = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdogInterval = isOurs && limit > 0 ? .microseconds(max(1, limit / 3)) : nil
    }

    /// Says `word` with a status line for people. What cannot be said is not said again.
    func tell(_ word: Word, status: String? = nil) {
        guard let path else { return }
        var text =
            switch word {
            case .ready: "READY=1\n"
            case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(MonotonicClock.now().nanoseconds / 1000)\n"
            case .stopping: "STOPPING=1\n"
            case .watchdog: "WATCHDOG=1\n"
            }
        if let status { text += "STATUS=\(status)\n" }
        guard let socket = try? Sockets.open(.datagram, for: .unix(path)) else { return }
        let bytes = Array(text.utf8)
        _ = RawSocketAddress(.unix(path)).withPointer { sendto(socket.raw, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, $1) }
    }
}
