import Glibc
import LinuxIO
import Wire

/// The subcommand `drain`, from its arguments to an exit code.
enum DrainProgram {
    /// The time limit: peers answer within milliseconds, or are declared dead within seconds.
    private static let timeout = Duration.seconds(10)
    private static let pause = Duration.milliseconds(100)

    /// Runs `tsukada drain`. Returns 0 once the node drains.
    static func run(_ force: DrainForce, configurations: [String], environment: [String: String]) -> Int32 {
        do throws(StartError) {
            let configuration = try AgentConfiguration.read(configurations, environment: environment)
            let client = try RuntimeClient.administrator(of: configuration)
            let outcome = run(force, ask: { client.ask($0) }, until: MonotonicClock.now().advanced(by: timeout)) { deadline in
                usleep(UInt32(clamping: pause.wholeNanoseconds / 1_000))
                return deadline < MonotonicClock.now()
            }
            switch outcome {
            case .draining(let progress):
                Terminal.print(progress + "\n")
                return ExitCode.success
            case .failed(let errorText): throw StartError(errorText)
            }
        } catch {
            Terminal.report(.alert, error.description)
            return ExitCode.failure
        }
    }

    /// The result.
    enum Outcome: Equatable {
        /// The node drains, with this progress.
        case draining(String)
        /// The node does not drain, for this reason.
        case failed(String)
    }

    /// Asks until the node drains or refuses. `wait` pauses between two questions and returns whether `deadline` has passed.
    static func run(_ force: DrainForce, ask: (String) -> RuntimeAnswer, until deadline: Instant, wait: (Instant) -> Bool) -> Outcome {
        let command = force == .forced ? "drain force" : "drain"
        var hasRequestedDrain = false
        while true {
            switch ask(command) {
            case .text(let text) where text.hasPrefix(DrainText.progressBegins): return .draining(text)
            case .text(let text) where text + "\n" == DrainText.asking:
                hasRequestedDrain = true
                if wait(deadline) { return giveUp("the other nodes have not answered; 'tsukada drain --force' does not ask them", ask) }
            case .text(let text): return .failed(text.isEmpty ? "the node does not answer" : text.split(separator: "\n").joined(separator: "; "))
            case .notRunning(let error): return .failed("no node listens on the runtime socket: \(error)")
            case .failed(let error):
                let errorText = "cannot reach the node: \(error)"
                return hasRequestedDrain ? giveUp(errorText, ask) : .failed(errorText)
            }
        }
    }

    /// Withdraws the request: this program reports a failure, so the node must not begin to drain when its peers answer later.
    private static func giveUp(_ errorText: String, _ ask: (String) -> RuntimeAnswer) -> Outcome {
        switch ask("drain cancel") {
        case .text(let text) where text.hasPrefix(DrainText.progressBegins): .draining(text)
        case .text(let text) where text + "\n" == DrainText.cancelled: .failed(errorText)
        case .notRunning: .failed(errorText)
        case .text, .failed: .failed("\(errorText); the node may still drain once the other nodes answer: check with 'show probe'")
        }
    }
}
