import LinuxIO
import Wire

/// The cost of a check: 2,000 checks a second with any number of servers.
enum CheckRow {
    private static let checksPerSecond = 2000
    private static let warmUp = Duration.milliseconds(1300)
    private static let window = Duration.milliseconds(1500)

    /// Checks that connect, and checks that read a MySQL greeting.
    static func cases(_ site: ScaleSite, _ options: ScaleOptions) -> [ScaleCase] {
        [false, true].flatMap { isMySQL in
            options.sizes(20, 200, 2000).map { size in
                let file = ScaleFile(
                    serverWords: "check inter \(size * 1000 / checksPerSecond)", options: isMySQL ? ["option mysql-check"] : [], servers: size,
                    serverPorts: [isMySQL ? site.targets.greetingPort : site.targets.steadyPort])
                let figure = ScaleFigure(name: isMySQL ? "check, mysql" : "check, connect", unit: "µs CPU")
                return ScaleCase(size: size, figures: [figure], file: file) { program in
                    try Interruption.pause(warmUp)
                    let before = (count: site.targets.acceptedCount, nanoseconds: program.processorNanoseconds, instant: MonotonicClock.now())
                    try Interruption.pause(window)
                    let seconds = Double(before.instant.duration(to: MonotonicClock.now()).wholeNanoseconds) / 1e9
                    // A check that only connects may reset its connection before it can be accepted, so its number comes from the schedule.
                    let count = isMySQL ? Double(site.targets.acceptedCount - before.count) : seconds * Double(checksPerSecond)
                    guard count > 0 else { throw RunError(message: "no check has arrived") }
                    return [ScaleValue(number: program.microseconds(since: before.nanoseconds, count: count))]
                }
            }
        }
    }
}
