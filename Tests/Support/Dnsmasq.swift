import Glibc
import LinuxIO
import Wire

/// A real nameserver as a child process of the test, with its own loopback address and port.
package final class Dnsmasq {
    package static let path = "/usr/sbin/dnsmasq"

    /// False when dnsmasq is missing. In CI it must exist, and its absence is a failure.
    package static var isExpected: Bool { access(path, X_OK) == 0 || getenv("CI") != nil }

    package struct StartError: Error, CustomStringConvertible {
        package let description: String
    }

    package let address: SocketAddress
    /// The TCP port and the UDP port. dnsmasq binds with SO_REUSEADDR.
    private let ports: [HeldPort]
    private var child: ChildProcess?

    /// Reserves an address. The nameserver does not run yet.
    package init() throws {
        let number = UInt32(truncatingIfNeeded: getpid()) & 0xffff
        let loopback = IPAddress.v4(0x7f4d_0000 | max(number, 1))
        let port = try HeldPort(at: .ip(loopback, port: 0))
        address = port.address
        ports = [port, try HeldPort(.datagram, at: address)]
    }

    deinit { stop() }

    /// Starts the nameserver with these records, "db,10.0.0.1", and ends the running one. Other names do not exist.
    package func start(_ records: [String]) throws {
        stop()
        guard access(Dnsmasq.path, X_OK) == 0 else { throw StartError(description: "\(Dnsmasq.path) is missing: apt-get install dnsmasq-base") }
        var arguments = [
            Dnsmasq.path, "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--bind-interfaces",
            "--listen-address=\(address.address ?? .anyV4)", "--port=\(address.port ?? 0)", "--local=/test/", "--local-ttl=1",
        ]
        if getuid() == 0 { arguments.append("--user=root") }
        arguments += records.map { "--host-record=\($0)" }
        child = try ChildProcess(arguments)
    }

    /// Stops the process until `resume`: it keeps its sockets and does not answer.
    package func pause() { child?.send(signal: SIGSTOP) }

    package func resume() { child?.send(signal: SIGCONT) }

    package func stop() {
        child?.send(signal: SIGKILL)
        _ = try? child?.wait(within: 10)
        child = nil
    }
}
