// A relay in front of a real database that adds one fault: a late server, a server that sends one byte per second, or no server at all.

import CLinux
import Foundation
import LinuxIO
import Wire

/// A listening relay. Its threads end with the process.
package struct FaultyRelay: Sendable {
    /// The fault of a relay.
    package enum Fault: String, Sendable {
        /// Accepts and closes.
        case close
        /// Sends an SSH server's banner and waits.
        case garbage
        /// Sends the server's first 100 bytes at one byte per second.
        case trickle
        /// Sends the server's first bytes 3 s late.
        case late
    }

    private static let lateNanoseconds: Int64 = 3_000_000_000
    private static let trickledBytes = 100

    private let fault: Fault
    private let target: RawSocketAddress
    private let listener: Int32

    /// Listens on `port` at every address and relays to `target`.
    package init(_ fault: Fault, port: UInt16, target: (address: String, port: UInt16)) throws {
        self.fault = fault
        self.target = RawSocketAddress(.ip(IPAddress(target.address) ?? .anyV4, port: target.port))
        listener = try listenBlocking(.ip(.anyV4, port: port), backlog: 1024)
    }

    /// Accepts until the process ends, with one thread per client.
    package func serve() {
        acceptEach(listener) { client in
            guard fault != .close else {
                close(client)
                return
            }
            Thread.detachNewThread { [self] in
                fault == .garbage ? sendForeignBanner(client) : relay(client)
                close(client)
            }
        }
    }

    private func sendForeignBanner(_ client: Int32) {
        guard sendAll(Array("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".utf8), to: client) else { return }
        var rest = [UInt8](repeating: 0, count: 512)
        while recv(client, &rest, rest.count, 0) > 0 {}
    }

    /// Relays bytes in both directions until either side ends.
    private func relay(_ client: Int32) {
        let acceptedAt = MonotonicMoment.now
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard server >= 0 else { return }
        defer { close(server) }
        guard target.withPointer({ connect(server, $0, $1) }) == 0 else { return }
        var bytes = [UInt8](repeating: 0, count: 16384)
        var spoiled = 0
        while true {
            let heldUntil = fault == .late && spoiled == 0 ? acceptedAt + Self.lateNanoseconds : fault == .trickle && spoiled < Self.trickledBytes ? .max : 0
            let wait = heldUntil == .max ? 1000 : heldUntil == 0 ? -1 : max(0, (heldUntil - MonotonicMoment.now + 999_999) / 1_000_000)
            // While the server's bytes are held back, only the client is polled.
            let isHeld = heldUntil != 0 && wait > 0
            var ends = [pollfd(fd: client, events: Int16(POLLIN), revents: 0), pollfd(fd: isHeld ? -1 : server, events: Int16(POLLIN), revents: 0)]
            guard poll(&ends, 2, Int32(wait < 0 ? 60_000 : wait)) >= 0 else { return }
            if ends[0].revents != 0 {
                let count = recv(client, &bytes, bytes.count, 0)
                guard count > 0, sendAll(Array(bytes[..<count]), to: server) else { return }
            } else if heldUntil == .max {
                let count = recv(server, &bytes, 1, Int32(MSG_DONTWAIT))
                guard count != 0, count < 0 || sendAll([bytes[0]], to: client) else { return }
                spoiled += max(0, count)
            } else if ends[1].revents != 0 {
                let count = recv(server, &bytes, bytes.count, 0)
                guard count > 0, sendAll(Array(bytes[..<count]), to: client) else { return }
                spoiled += count
            }
        }
    }
}

/// A relay in front of a real nameserver's UDP port that adds one fault to the answers.
package struct FaultyNameserver: Sendable {
    /// The fault of a nameserver.
    package enum Fault: String, Sendable {
        /// Every name is NXDOMAIN.
        case nxdomain
        /// Every answer is truncated before its first record, so that the client repeats the question over TCP, at the real nameserver.
        case truncate
        /// Every answer comes 2 s late.
        case slow
    }

    private let fault: Fault
    private let target: RawSocketAddress
    private let descriptor: Int32

    /// Listens on `port` at every address and relays to `target`.
    package init(_ fault: Fault, port: UInt16, target: (address: String, port: UInt16)) throws {
        self.fault = fault
        self.target = RawSocketAddress(.ip(IPAddress(target.address) ?? .anyV4, port: target.port))
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard bindAddress(descriptor, address: "0.0.0.0", port: port) else {
            throw ChildProcessError(description: "cannot bind port \(port): \(String(cString: strerror(errno)))")
        }
    }

    /// Answers until the process ends.
    package func serve() -> Never {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            var client = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let count = withUnsafeMutablePointer(to: &client) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { recvfrom(descriptor, &bytes, bytes.count, 0, $0, &length) }
            }
            guard count > 16 else { continue }
            let question = Array(bytes[..<count])
            let asker = client
            switch fault {
            case .nxdomain: answer(asker, DNSMessageBuilder(answering: question, flags: 0x8183, records: 0).bytes)
            case .truncate: answer(asker, DNSMessageBuilder(answering: question, flags: 0x8380, records: 0).bytes)
            case .slow:
                Thread.detachNewThread { [self] in
                    usleep(2_000_000)
                    if let late = ask(question) { answer(asker, late) }
                }
            }
        }
    }

    private func answer(_ client: sockaddr_in, _ bytes: [UInt8]) {
        _ = withUnsafePointer(to: client) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func ask(_ question: [UInt8]) -> [UInt8]? {
        let asking = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard asking >= 0 else { return nil }
        defer { close(asking) }
        limitWaits(SO_RCVTIMEO, to: 1000, on: asking)
        guard target.withPointer({ connect(asking, $0, $1) }) == 0, send(asking, question, question.count, 0) == question.count else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(asking, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes[..<count]) : nil
    }
}
