// What systemd does for a service with a socket unit: sd_listen_fds(3).

import Foundation
import LinuxIO
import Support
import Wire

/// Opens a socket at `--listen`, and executes the program of `--run`, which gets it as descriptor 3.
func activate(_ arguments: Arguments) {
    let (address, port) = arguments.endpoint("listen")
    guard let parsed = IPAddress(address) else { fail("'\(address)' is not an address") }
    do {
        let endpoint = SocketAddress.ip(parsed, port: port)
        let socket = try Sockets.open(.stream, for: endpoint)
        try Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: socket.raw)
        try Sockets.bind(socket.raw, to: endpoint)
        try Sockets.listen(socket.raw, backlog: 128)
        // The socket may be descriptor 3 already: dup2 would leave it close-on-exec, and its owner would close it.
        let copy = fcntl(socket.release(), F_DUPFD, 10)
        guard copy >= 0, dup2(copy, 3) == 3, fcntl(copy, F_SETFD, FD_CLOEXEC) == 0 else { fail("dup2: errno \(errno)") }
    } catch {
        fail("\(error)")
    }
    setenv("LISTEN_FDS", "1", 1)
    setenv("LISTEN_PID", "\(getpid())", 1)
    let words = arguments.text("run").split(separator: " ").map(String.init)
    var pointers = words.map { strdup($0) } + [nil]
    execv(words.first ?? "", &pointers)
    fail("execv: errno \(errno)")
}
