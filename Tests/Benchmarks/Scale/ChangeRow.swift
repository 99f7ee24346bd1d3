import LinuxIO
import Wire

/// The CPU cost of a server's state change in any thread: `set server` on the runtime socket, one command after the other. The result has two values: with
/// the command, and less the cost of `show version`.
enum ChangeRow {
    private static let window = Duration.milliseconds(400)
    private static let commandsMax = 2000
    /// A prime, so that the changes spread over any number of servers.
    private static let stride = 617
    /// A program may answer first and publish the change afterwards.
    private static let settling = Duration.milliseconds(30)

    /// Three kinds of backends of one section, and many sections.
    static func cases(_ site: ScaleSite, _ options: ScaleOptions) -> [ScaleCase] {
        let single = ScaleFile.Balance.allCases.flatMap { balance in
            options.sizes(20, 200, 2000).map { size in
                make("change, \(balance.rawValue)", size, ScaleFile(balance: balance, servers: size, serverPorts: [site.targets.steadyPort]))
            }
        }
        let many = options.sizes(10, 100, 1000).map { size in
            make("change, sections of 4 servers", size, ScaleFile(sections: size, servers: 4, serverPorts: [site.targets.steadyPort]))
        }
        return single + many
    }

    private static func make(_ name: String, _ size: Int, _ file: ScaleFile) -> ScaleCase {
        let figures = [name, "\(name), with its command"].map { ScaleFigure(name: $0, unit: "µs CPU") }
        return ScaleCase(size: size, figures: figures, file: file) { program in
            let question = try microseconds(of: program) { _ in "show version" }
            let change = try microseconds(of: program) { number in
                let server = number / 2 * stride % (file.sections * file.servers)
                return "set server \(file.server(server)) state \(number.isMultiple(of: 2) ? "maint" : "ready")"
            }
            return [change - question, change].map { ScaleValue(number: $0) }
        }
    }

    /// The CPU time of one command of a sequence.
    private static func microseconds(of program: ScaleProgram, command: (Int) -> String) throws -> Double {
        let end = MonotonicClock.now().advanced(by: window)
        let before = program.processorNanoseconds
        var count = 0
        while count < commandsMax, MonotonicClock.now() < end || !count.isMultiple(of: 2) {
            let answer = try program.demand(command(count))
            guard !answer.hasPrefix("No such") else { throw RunError(message: "'\(command(count))': \(answer)") }
            count += 1
        }
        try Interruption.pause(settling)
        return program.microseconds(since: before, count: Double(count))
    }
}
