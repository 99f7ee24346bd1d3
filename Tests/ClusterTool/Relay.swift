import Support

/// `relay --between INTERFACE,INTERFACE [--delay T] [--jitter T] [--loss N] [--back-delay T] [--back-jitter T] [--back-loss N] [--seed N] [--seconds N]`:
/// a link that is slow, uneven and lossy; `--back-` is for the way from the second to the first (the same as the first way by default).
///
/// Prints `relaying` when it is ready, ends after `--seconds` or by SIGTERM, and prints the counts of frames each way, a JSON line each.
func relay(_ arguments: Arguments) {
    let interfaces = arguments.text("between").split(separator: ",").map(String.init)
    guard interfaces.count == 2 else { fail("--between takes INTERFACE,INTERFACE") }
    var there = LinkSettings()
    there.delay = arguments.duration("delay", default: "0ms")
    there.jitter = arguments.duration("jitter", default: "0ms")
    there.lossPercent = arguments.number("loss", default: 0)
    var back = LinkSettings()
    back.delay = arguments.duration("back-delay", default: arguments.text("delay", default: "0ms"))
    back.jitter = arguments.duration("back-jitter", default: arguments.text("jitter", default: "0ms"))
    back.lossPercent = arguments.number("back-loss", default: there.lossPercent)
    let seed = UInt64(truncatingIfNeeded: arguments.number("seed", default: 1))
    do {
        var relay = try FrameRelay(between: (interfaces[0], there), and: (interfaces[1], back), seed: seed)
        printLine("relaying")
        try relay.run(atMost: .seconds(arguments.number("seconds", default: 3600)))
        for report in relay.reports { printLine(report) }
    } catch {
        fail("relay: \(error)")
    }
}
