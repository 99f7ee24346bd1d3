import LinuxIO
import Wire

/// The cost of `show stat` with many sections.
enum StatRow {
    private static let window = Duration.seconds(1)

    /// Sections of four servers.
    static func cases(_ site: ScaleSite, _ options: ScaleOptions) -> [ScaleCase] {
        options.sizes(10, 100, 1000).map { size in
            let file = ScaleFile(sections: size, servers: 4, serverPorts: [site.targets.steadyPort])
            return ScaleCase(size: size, figures: [ScaleFigure(name: "stat, sections of 4 servers", unit: "µs CPU")], file: file) { program in
                let end = MonotonicClock.now().advanced(by: window)
                let before = program.processorNanoseconds
                var count = 0
                repeat {
                    let lines = try program.demand("show stat").split(separator: "\n").count
                    // A frontend, a backend and four servers each, and the head.
                    guard lines == size * 6 + 1 else { throw RunError(message: "'show stat' has \(lines) lines for \(size) sections") }
                    count += 1
                } while MonotonicClock.now() < end
                return [ScaleValue(number: program.microseconds(since: before, count: Double(count)))]
            }
        }
    }
}

/// The duration of a reload in master-worker mode: from the signal to the first answer of the new worker.
enum ReloadRow {
    private static let limit = Duration.seconds(5)
    private static let reloadsCount = 3
    private static let pause = Duration.milliseconds(2)
    private static let settling = Duration.milliseconds(300)

    /// Sections of many servers.
    static func cases(_ site: ScaleSite, _ options: ScaleOptions) -> [ScaleCase] {
        options.sizes(20, 200, 2000).map { size in
            let file = ScaleFile(servers: size, serverPorts: [site.targets.steadyPort])
            return ScaleCase(size: size, figures: [ScaleFigure(name: "reload", unit: "ms")], file: file, options: ["-W"]) { program in
                var values: [ScaleValue] = []
                for _ in 0..<reloadsCount {
                    values.append(try reload(program))
                    try Interruption.pause(settling)
                }
                return [ScaleValue.median(values)]
            }
        }
    }

    private static func reload(_ program: ScaleProgram) throws -> ScaleValue {
        guard let former = try program.servingProcess() else { throw RunError(message: "no answer before the reload") }
        let start = MonotonicClock.now()
        program.reload()
        while start.duration(to: MonotonicClock.now()) < limit {
            if let serving = try program.servingProcess(), serving != former {
                return ScaleValue(number: Double(start.duration(to: MonotonicClock.now()).wholeNanoseconds) / 1e6)
            }
            try Interruption.pause(pause)
        }
        return ScaleValue(number: Double(limit.wholeMilliseconds), isAbove: true)
    }
}

/// The number of wake-ups of an idle process.
enum IdleRow {
    private static let window = Duration.seconds(3)
    private static let settling = Duration.milliseconds(500)

    /// One thread and many.
    static func cases(_ site: ScaleSite, _ options: ScaleOptions) -> [ScaleCase] {
        [1, 16].map { threads in
            let file = ScaleFile(threads: threads, servers: 2, serverPorts: [site.targets.steadyPort])
            return ScaleCase(size: threads, figures: [ScaleFigure(name: "idle, threads", unit: "wakes/s")], file: file) { program in
                try Interruption.pause(settling)
                let before = (count: program.sleepsCount, instant: MonotonicClock.now())
                try Interruption.pause(window)
                let seconds = Double(before.instant.duration(to: MonotonicClock.now()).wholeNanoseconds) / 1e9
                return [ScaleValue(number: Double(program.sleepsCount - before.count) / seconds)]
            }
        }
    }
}
