import Glibc
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

/// A listening socket on 127.0.0.1 with a port of the kernel's choice.
///
/// - Parameter address: the address of a `HeldPort`, if the test closes the socket and expects refused connects.
///
/// It is the second socket of a group, so it is bound to that port by number: a socket bound to port 0 loses its port at `shutdown()`.
func listenOnLoopback(at address: SocketAddress = .ip(.v4(0x7f00_0001), port: 0)) throws -> OpenFile {
    let request = ListenRequest(address: address, endpoint: "127.0.0.1:0", owner: "test", location: ConfigurationLocation(file: "test.cfg", line: 1))
    let files = try ListeningSockets.open(request, count: 2)
    return try #require(files.last)
}

/// A client that never blocks for long: its data comes from a reactor that the test turns, or from another thread.
final class Client {
    private let file: OpenFile

    /// Connects; throws when it is refused.
    init(to address: SocketAddress) throws {
        file = OpenFile(try Sockets.open(.stream, for: address))
        if try Sockets.connect(file.raw, to: address) == .pending {
            wait(Int16(POLLOUT))
            if let error = Sockets.pendingError(file.raw) { throw error }
        }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws { _ = try Sockets.send(file.raw, bytes[...]) }

    func halfClose() { shutdown(file.raw, Int32(SHUT_WR)) }

    /// Makes the close a reset.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(file.raw, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Everything up to the end of the stream; `step` lets the server work meanwhile. Ends with "<error>" after a reset.
    func readAll(_ step: () -> Void) -> String {
        var all: [UInt8] = []
        for _ in 0..<2000 {
            step()
            do throws(SystemError) {
                guard let bytes = try Sockets.receive(file.raw, upTo: 65536) else { continue }
                if bytes.isEmpty { return String(decoding: all, as: UTF8.self) }
                all += bytes
            } catch {
                return String(decoding: all, as: UTF8.self) + "<\(error.name)>"
            }
        }
        return String(decoding: all, as: UTF8.self) + "<open>"
    }

    /// Reads until the text ends with `end` or the stream does.
    func read(until end: String) -> String {
        var text = ""
        for _ in 0..<500 where !text.hasSuffix(end) {
            wait(Int16(POLLIN))
            guard let bytes = try? Sockets.receive(file.raw, upTo: 65536) else { continue }
            if bytes.isEmpty { return text + "<end>" }
            text += String(decoding: bytes, as: UTF8.self)
        }
        return text
    }

    /// Waits until the socket is ready, at most 20 ms.
    func wait(_ events: Int16) {
        var request = pollfd(fd: file.raw, events: events, revents: 0)
        poll(&request, 1, 20)
    }
}
