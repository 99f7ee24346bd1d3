import Proxy
import Wire

/// A check that only tests have: the model of a file in `Sources/Proxy/Checks`. HACKING.md refers to it.
///
///     connected --ask--> asked --PONG--> asked --PONG--> finished: passed
///                          |               |
///                          +---------------+-----------> finished: "BUSY" is a refusal, everything else is invalid
struct SampleCheck: Check {
    static let lineBytesMax = 64
    /// How long the server may take for each line.
    static let lineTimeout = Duration.milliseconds(20)
    static let roundsCount = 2

    var progress: CheckProgress
    let closing = CheckClosing.reset
    private(set) var rounds = 0
    private var line: [UInt8] = []

    init(_ limits: CheckLimits, now: Instant) { progress = CheckProgress(limits, now: now) }

    mutating func connected(now: Instant) -> [CheckOutput] { progress.connected(now: now) ? ask(now) : [] }

    mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] {
        var outputs: [CheckOutput] = []
        for byte in bytes where progress.stage == .connected {
            line.append(byte)
            if byte == UInt8(ascii: "\n") {
                outputs += take(String(decoding: line, as: UTF8.self), now)
                line = []
            } else if line.count >= Self.lineBytesMax {
                outputs += progress.finish(.layer7InvalidResponse, now: now)
            }
        }
        return outputs
    }

    mutating func ended(now: Instant) -> [CheckOutput] { progress.finish(.layer7InvalidResponse, now: now) }

    private mutating func ask(_ now: Instant) -> [CheckOutput] {
        progress.deadline = now.advanced(by: Self.lineTimeout)
        return [.send(Array("PING\n".utf8))]
    }

    private mutating func take(_ line: String, _ now: Instant) -> [CheckOutput] {
        switch line {
        case "PONG\n":
            rounds += 1
            return rounds == Self.roundsCount ? progress.finish(.layer7OK, info: "pinged", now: now) : ask(now)
        case "BUSY\n": return progress.finish(.layer7WrongStatus, code: 1040, info: "BUSY", refusal: .full, now: now)
        default: return progress.finish(.layer7InvalidResponse, now: now)
        }
    }
}

extension CheckPlan {
    /// Creates sample checks, registered as the checks of `Sources/Proxy` are. `ended` receives the number of rounds of each.
    init(sampleWithin limits: CheckLimits, ended: @escaping (Int) -> Void = { _ in }) {
        self.init(begin: { SampleCheck(limits, now: $0) }, ended: { (check: SampleCheck) in ended(check.rounds) })
    }
}
