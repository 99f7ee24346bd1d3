import Glibc
import LinuxIO

/// Sockets that systemd has opened for this process.
///
/// - SeeAlso: sd_listen_fds(3).
enum SocketActivation {
    private static let firstDescriptor: Int32 = 3
    private static let filesMax = 1024

    /// The sockets of `LISTEN_FDS` if they are meant for this process, with close-on-exec set.
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
