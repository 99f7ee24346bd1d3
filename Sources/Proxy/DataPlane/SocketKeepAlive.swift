import CLinux
import Glibc
import LinuxIO

extension KeepAlive {
    /// Sets the socket's keepalive options.
    package func set(on raw: Int32) throws(SystemError) {
        try Sockets.set(SO_KEEPALIVE, at: SOL_SOCKET, to: isOn ? 1 : 0, on: raw)
        guard isOn else { return }
        let tcp = Int32(IPPROTO_TCP)
        try Sockets.set(TCP_KEEPIDLE, at: tcp, to: Int32(clamping: idleSeconds), on: raw)
        try Sockets.set(TCP_KEEPINTVL, at: tcp, to: Int32(clamping: intervalSeconds), on: raw)
        try Sockets.set(TCP_KEEPCNT, at: tcp, to: Int32(clamping: probes), on: raw)
    }
}
