// Unwanted connections at a limited rate and for a limited time: probes, half of them aborted, random bytes, and connects without data.

import CLinux
import Glibc
import LinuxIO
import Wire

/// The result of a storm.
package struct StormReport: Codable, Sendable {
    /// The number of attempted connections.
    package var tried = 0
    /// The number of failed connects.
    package var refused = 0
    /// The number of connections that were not aborted and got an answer.
    package var answered = 0
    /// The number of answers that began with `HTTP/1.1 200`.
    package var passed = 0
}

/// A client that opens connections at a rate and aborts every second one with a RST.
package struct ConnectionStorm {
    /// The data to send.
    package enum Load: String, Sendable {
        /// An HTTP probe; an aborted connection sends half of it.
        case probes
        /// Random bytes, up to 2,000.
        case garbage
        /// No data, like a TCP probe of a traffic port.
        case nothing
    }

    private let target: RawSocketAddress
    private let load: Load
    private var random: SplitMix64
    private static let patienceMilliseconds = 1000

    /// - Parameter address: an IPv4 address in digits.
    package init(address: String, port: UInt16, load: Load, seed: UInt64) {
        target = RawSocketAddress(.ip(IPAddress(address) ?? .anyV4, port: port))
        self.load = load
        random = SplitMix64(seed: seed)
    }

    /// Opens `perSecond` connections per second for `seconds`.
    package mutating func run(perSecond: Int, seconds: Int) -> StormReport {
        var report = StormReport()
        let start = MonotonicMoment.now
        for number in 0..<(perSecond * seconds) {
            let due = start + Int64(number) * 1_000_000_000 / Int64(perSecond)
            let early = (due - MonotonicMoment.now) / 1000
            if early > 0 { usleep(UInt32(early)) }
            connectOnce(isAborted: number.isMultiple(of: 2), &report)
        }
        return report
    }

    private mutating func connectOnce(isAborted: Bool, _ report: inout StormReport) {
        report.tried += 1
        let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { return }
        defer { close(raw) }
        limitWaits(SO_RCVTIMEO, SO_SNDTIMEO, to: Self.patienceMilliseconds, on: raw)
        guard target.withPointer({ connect(raw, $0, $1) }) == 0 else {
            report.refused += 1
            return
        }
        let bytes = bytes()
        let count = isAborted ? bytes.count / 2 : bytes.count
        if count > 0 { _ = send(raw, bytes, count, Int32(MSG_NOSIGNAL)) }
        if isAborted {
            Sockets.resetAtClose(raw)
            return
        }
        var answer = [UInt8](repeating: 0, count: 512)
        let received = load == .nothing ? 0 : recv(raw, &answer, answer.count, 0)
        guard received > 0 else { return }
        report.answered += 1
        if answer.starts(with: Array("HTTP/1.1 200".utf8)) { report.passed += 1 }
    }

    private mutating func bytes() -> [UInt8] {
        switch load {
        case .probes: Array("GET / HTTP/1.1\r\nHost: storm\r\nConnection: close\r\n\r\n".utf8)
        case .garbage: (0..<Int.random(in: 1...2000, using: &random)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        case .nothing: []
        }
    }
}
