import LinuxIO
import Wire

/// The duration of a mass failure: half of 2,000 checked servers die at once, and later return at once.
enum FlipRow {
    private static let serversCount = 2000
    /// All servers are checked once in this time, so no program can mark them faster.
    private static let interval = Duration.seconds(1)
    private static let limit = Duration.seconds(10)
    private static let pause = Duration.milliseconds(10)

    /// Three kinds of backends.
    static func cases(_ site: ScaleSite, _ options: ScaleOptions) -> [ScaleCase] {
        ScaleFile.Balance.allCases.map { balance in
            let figures = ["DOWN", "UP"].map { ScaleFigure(name: "flip, \(balance.rawValue), until \($0)", unit: "s") }
            let file = ScaleFile(
                balance: balance, serverWords: "check inter \(interval.wholeMilliseconds) fall 1 rise 1", servers: serversCount,
                serverPorts: [site.targets.steadyPort, site.targets.dyingPort])
            return ScaleCase(size: serversCount, figures: figures, file: file) { try measure($0, site.targets) }
        }
    }

    private static func measure(_ program: ScaleProgram, _ targets: CheckTargets) throws -> [ScaleValue?] {
        guard try !seconds(until: serversCount, in: program).isAbove else { throw RunError(message: "not all servers were UP") }
        try Interruption.pause(interval * 1.2)
        targets.die()
        let down = Result { try seconds(until: serversCount / 2, in: program) }
        try targets.revive()
        let value = try down.get()
        return [value, value.isAbove ? nil : try seconds(until: serversCount, in: program)]
    }

    /// The time until this many servers are usable, by the section's row of `show stat`: one line, whose cost is too small to affect the result.
    private static func seconds(until usable: Int, in program: ScaleProgram) throws -> ScaleValue {
        let start = MonotonicClock.now()
        while true {
            let rest = limit - start.duration(to: MonotonicClock.now())
            guard rest > .zero, let count = try program.backendValue("act", within: rest) else {
                return ScaleValue(number: Double(limit.wholeMilliseconds) / 1000, isAbove: true)
            }
            if count == usable { return ScaleValue(number: Double(start.duration(to: MonotonicClock.now()).wholeMilliseconds) / 1000) }
            try Interruption.pause(pause)
        }
    }
}
