import Glibc
import LinuxIO
import Wire

/// Notifies the supervisor of the service's state.
///
/// - SeeAlso: sd_notify(3).
struct ServiceNotifier {
    /// A notification.
    enum State: Equatable {
        /// The service serves.
        case ready
        /// The service reloads its configuration.
        case reloading
        /// The service ends.
        case stopping
        /// A sign of life.
        case watchdog
    }

    /// How often to send `watchdog`; `nil` for never.
    let watchdogInterval: Duration?
    /// Why the supervisor gets no notifications; `nil` if it gets them or does not want any.
    let problem: String?
    private let address: SocketAddress?

    /// Notifies the socket that `NOTIFY_SOCKET` names, a path or an abstract `@name`; does nothing without it.
    init(environment: [String: String]) {
        let socket = environment["NOTIFY_SOCKET"] ?? ""
        address = Self.address(socket)
        problem =
            address == nil && !socket.isEmpty
            ? "NOTIFY_SOCKET '\(socket.prefix(128))' is not usable: the service manager gets no notifications; "
                + "set it to an absolute path or '@' and a name, at most \(SocketAddress.pathBytesMax) bytes" : nil
        let isOurs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        let limit = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdogInterval = isOurs && limit > 0 ? .microseconds(max(1, limit / 3)) : nil
    }

    /// The address in `NOTIFY_SOCKET`; `nil` if it is unusable.
    private static func address(_ text: String) -> SocketAddress? {
        guard (2...SocketAddress.pathBytesMax).contains(text.utf8.count) else { return nil }
        if text.hasPrefix("/") { return .unix(text) }
        return text.hasPrefix("@") ? .unix("\0" + text.dropFirst()) : nil
    }

    /// Sends `state` with a status line for people. A failed notification is not repeated.
    func notify(_ state: State, status: String? = nil) {
        guard let address else { return }
        var text =
            switch state {
            case .ready: "READY=1\n"
            case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(MonotonicClock.now().nanoseconds / 1000)\n"
            case .stopping: "STOPPING=1\n"
            case .watchdog: "WATCHDOG=1\n"
            }
        if let status { text += "STATUS=\(status)\n" }
        guard let socket = try? Sockets.open(.datagram, for: address) else { return }
        let bytes = Array(text.utf8)
        _ = RawSocketAddress(address).withPointer { sendto(socket.raw, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, $1) }
    }
}
